from tests.oracle.plugin import oracle

__all__ = ["oracle"]
