"""The `storage-first` command's entry: says in one sentence what is missing, before anything that needs it is imported.

This module is read by any Python 3, so that an old one gets the sentence rather than a syntax error.
"""

import importlib
import sys


def main() -> None:
    """Run the command."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a checkout can be run by any Python
        sys.exit(f"storage-first needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}.")
    try:
        commands = importlib.import_module("storage_first.commands")
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("storage_first"):
            raise
        sys.exit(f"storage-first needs the package {missing.name}: run pip install 'storage-first[local]'.")
    except KeyboardInterrupt:
        sys.exit(130)
    commands.run()


if __name__ == "__main__":
    main()
