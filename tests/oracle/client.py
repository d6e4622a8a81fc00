"""Talks to the Java originals: one long-lived process, one line of JSON each way per rendering."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from storage_first.local.velocity import Rendered, TemplateInput

_JARS = Path("/usr/share/java")
_CLASSPATH = tuple(
    _JARS / f"{name}.jar"
    for name in (
        "velocity",
        "json-path",
        "json-smart",
        "accessors-smart",
        "asm",
        "commons-lang",
        "commons-collections3",
        "slf4j-api",
        "slf4j-nop",
    )
)


class OracleError(Exception):
    """The originals cannot render the template either."""


class Oracle:
    """Renders with Apache Velocity 1.7, Jayway JsonPath, json-smart and commons-lang."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def render(self, template: str, event: TemplateInput) -> Rendered:
        """Render as `storage_first.local.velocity.render` is meant to.

        Raises:
            OracleError: If the originals fail.
        """
        request = {
            "template": template,
            "body": event.body,
            "path": event.path,
            "querystring": event.querystring,
            "header": event.header,
            "context": event.context,
            "stageVariables": event.stage_variables,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the oracle's process has died")
        return _rendered(json.loads(line))


def missing() -> str:
    """Say what the oracle lacks on this machine; nothing when it lacks nothing."""
    for program in ("java", "javac"):
        try:
            subprocess.run([program, "-version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return f"{program} does not run"
    absent = [str(jar) for jar in _CLASSPATH if not jar.exists()]
    return f"missing: {', '.join(absent)}" if absent else ""


@contextmanager
def started(classes: Path) -> Iterator[Oracle]:
    """Compile the oracle into `classes`, and run it."""
    classpath = ":".join(map(str, _CLASSPATH))
    source = Path(__file__).with_name("Oracle.java")
    subprocess.run(["javac", "-encoding", "UTF-8", "-cp", classpath, "-d", classes, source], check=True)
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{classpath}", "Oracle"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii") as process:
        try:
            yield Oracle(process)
        finally:
            process.kill()


def _rendered(answer: Mapping[str, object]) -> Rendered:
    if "error" in answer:
        raise OracleError(str(answer["error"]))
    response, request = answer["responseOverride"], answer["requestOverride"]
    assert isinstance(response, dict)
    assert isinstance(request, dict)
    status = response.get("status")
    if status is not None and not str(status).isdecimal():
        raise OracleError(f"{status!r} is not a status")
    return Rendered(
        text=_encoded(str(answer["text"])),
        status=int(status) if status is not None else None,
        headers=_texts(request["header"]) | _texts(response["header"]),
        path=_texts(request["path"]),
        querystring=_texts(request["querystring"]),
    )


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: _encoded(str(value)) for name, value in values.items()}


def _encoded(text: str) -> str:
    """Do to lone surrogates what Java does when it encodes text."""
    return text.encode("utf-8", "replace").decode("utf-8")
