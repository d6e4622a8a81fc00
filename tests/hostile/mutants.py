"""Removes each escape, condition and refusal in turn, and shows which test notices: `python -m tests.hostile.mutants`.

Not part of the test run, which only checks that every mutant can still be made: each one costs a synth.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
API = "constructs_lib/storage_first_api"
# Those that are quick to notice first.
TESTS = [
    "tests/constructs_lib/storage_first_api/test_stores.py",
    *(f"tests/hostile/test_{name}.py" for name in ("texts", "numbers", "faults")),
    "tests/constructs_lib/job_tracker/test_endpoints.py",
    "tests/constructs_lib/storage_first_api",
]


@dataclass(frozen=True)
class Mutant:
    """One defect.

    Attributes:
        file: Where it is.
        code: What is there now, once.
        instead: What is there instead.
    """

    file: str
    code: str
    instead: str

    @property
    def text(self) -> str:
        """The file with the defect.

        Raises:
            ValueError: If the code is not there any more, or there twice.
        """
        source = (ROOT / self.file).read_text()
        if source.count(self.code) != 1:
            raise ValueError(f"{self.file} has {source.count(self.code)} times: {self.code}")
        return source.replace(self.code, self.instead)


def condition(code: str, instead: str = "false") -> Mutant:
    """Let a refusal of the reader never come."""
    return Mutant(f"{API}/reader.py", code, instead)


MUTANTS = [
    # Escapes.
    Mutant(f"{API}/templates.py", "return Vtl(_ESCAPE.format(reference=reference))", "return Vtl(reference)"),
    Mutant(
        f"{API}/templates.py",
        """_ESCAPE = \"\"\"$util.escapeJavaScript({reference}).replaceAll("\\\\\\\\'","'")\"\"\"""",
        '_ESCAPE = "$util.escapeJavaScript({reference})"',
    ),
    Mutant(f"{API}/templates.py", 'return f"$util.urlEncode({reference})"', "return reference"),
    Mutant(
        f"{API}/templates.py", "return _SPECIAL.sub(lambda special: _LITERALS[special[0]], inside)", "return inside"
    ),
    Mutant(
        f"{API}/templates.py",
        'safe = "".join(_LITERALS.get(character, character) for character in text)',
        "safe = text",
    ),
    Mutant(f"{API}/templates.py", "return '\"' + safe.replace('\"', _QUOTE) + '\"'", "return '\"' + safe + '\"'"),
    Mutant(f"{API}/reader.py", 'return Vtl(f"$util.base64Encode({self.variable(text)})")', "return self.text(text)"),
    # What a value must be.
    condition("f'$input.body.matches(\"{_NOT_TEXT}\")'", "'false'"),
    condition("#if($input.body.matches('{_UNREADABLE}'))", "#if(false)"),
    condition("f'!{variable}.matches(\"true|false\")'", "'false'"),
    condition("f'!{variable}.matches(\"{_NUMBER}\")'", "'false'"),
    condition("f'!{variable}.matches(\"{_ASCII}\")'", "'false'"),
    condition('"must be text in UTF-8", f\'{variable}.matches("{_NOT_TEXT}")\'', "\"must be text in UTF-8\", 'false'"),
    condition('self._refusal(f"!{as_json}.startsWith(\'\\"\')", needed) + self._refusal', "self._refusal"),
    condition(
        "self._refusal(f'!{as_json}.matches(\"true|false\")', needed)",
        "self._refusal('false', needed)",
    ),
    condition("self._refusal(f'!{as_json}.matches(\"(?s)[{{\\\\[].*\")', needed)", "self._refusal('false', needed)"),
    condition("self._refusal(f\"$input.body.matches('{_INEXACT}')\", inexact)", "self._refusal('false', inexact)"),
    condition("#if(!$input.json('{path}').matches('-?[0-9].*|null'))", "#if(false)"),
    condition('#elseif(!{variable}.matches("-?[0-9]+"))', "#elseif(false)"),
    condition(
        "self._refusal(chr(34) + '$again' + chr(34) + ' != $parsed', ambiguous)", "self._refusal('false', ambiguous)"
    ),
    condition('f"#{{else}}{self._refused(ambiguous)}#end#end"', '"#end#end"'),
    condition(
        "absent = self._refused(missing) if value.default is None else",
        'absent = "" if value.default is None else',
    ),
    # Who, and which request.
    condition("f'!{variable}.matches(\"{TENANT_PATTERN}\")', problems.FORBIDDEN", "'false', problems.FORBIDDEN"),
    condition("f'!{variable}.matches(\"{ID_PATTERN}\")', problems.INVALID_KEY", "'false', problems.INVALID_KEY"),
    condition("(?!default$)", ""),
    condition('.equalsIgnoreCase("{name}")', '.equals("{name}")'),
    condition("#set({variable} = $input.params().header.get($name))", "#set({variable} = $input.params($name))"),
    condition('f"\\"$!input.params().{place}.get(\'{value.name}\')\\""', 'f"\\"$!input.params(\'{value.name}\')\\""'),
    Mutant(
        f"{API}/route.py", "        if self.access.tenant is None:\n            return key\n", "        return key\n"
    ),
    Mutant(f"{API}/values.py", 'return context("extendedRequestId")', 'return context("requestId")'),
    # How much.
    condition('f"$util.base64Encode($input.body).length() > {limit}"', '"false"'),
    *(
        Mutant(f"{API}/stores/{store}.py", f"    reader.refuse_body_over({limit})\n", "")
        for store, limit in (
            ("dynamodb", "self.max_body"),
            ("messages", "max_body"),
            ("eventbridge", "_MAX_BODY"),
            ("stepfunctions", "_MAX_INPUT"),
        )
    ),
    Mutant(f"{API}/stores/kinesis.py", '        reader.require(key, f"(?s).{{1,{_LONGEST_KEY}}}", _BAD_KEY)\n', ""),
    Mutant(f"{API}/stores/eventbridge.py", "(?!aws[.])", ""),
    Mutant(
        f"{API}/stores/eventbridge.py",
        '        self._require(reader, self._detail_type, "(?s).{1,128}", "detail type")\n',
        "",
    ),
    Mutant(f"{API}/stores/messages.py", '_GROUP = "[!-~]{1,128}"', '_GROUP = "(?s).*"'),
    Mutant(f"{API}/stores/messages.py", '_KEY = "[!-~]{1,92}"', '_KEY = "(?s).*"'),
    # What is there already.
    Mutant(f"{API}/stores/dynamodb.py", "= if_not_exists(#{number[name]}, :{number[name]})", "= :{number[name]}"),
    Mutant(f"{API}/stores/dynamodb.py", " OR ({' AND '.join(same)})", ""),
    Mutant(f"{API}/stores/dynamodb.py", "            **condition,\n", ""),
    Mutant(f"{API}/stores/dynamodb.py", '            (is_type("ConditionalCheckFailed"), problems.KEY_REUSED),\n', ""),
    Mutant(f"{API}/stores/messages.py", "{reader.form_text(key)}.{asked}", "{reader.form_text(key)}"),
    Mutant(f"{API}/stores/messages.py", "key = route.scoped(self._deduplication_id)", "key = self._deduplication_id"),
    Mutant(f"{API}/stores/stepfunctions.py", '            (is_type("ExecutionAlreadyExists"), _USED_KEY),\n', ""),
    # What was not confirmed.
    Mutant(f"{API}/integrations.py", "always_ if self.template is None else never", "always_"),
    Mutant(f"{API}/integrations.py", "either('$id == \"\"',", "either('false',"),
    Mutant(f"{API}/integrations.py", 'always("", UNAVAILABLE)', 'replace(self.answers[0], outcome="")'),
    Mutant(f"{API}/errors.py", "[*cases, (throttled, problems.THROTTLED)]", "[*cases]"),
    Mutant(
        f"{API}/stores/eventbridge.py", "                ('$failed.contains(\"Throttl\")', problems.THROTTLED),\n", ""
    ),
    Mutant(f"{API}/stores/eventbridge.py", "                ('$failed == \"MalformedDetail\"', _NOT_AN_EVENT),\n", ""),
    # What a request for jobs names.
    Mutant(f"{API}/reader.py", "self.refuse(f\"!{variable}.matches('{pattern}')\", problem)\n        return", "return"),
    Mutant("constructs_lib/job_tracker/endpoints/listing.py", 'f"|{pattern}"', '"(?s).*"'),
    Mutant("constructs_lib/job_tracker/endpoints/listing.py", "#if(!$gone)", "#if(true)"),
    Mutant("constructs_lib/job_tracker/endpoints/reading.py", " && $gone", " && false"),
    Mutant("constructs_lib/job_tracker/endpoints/reading.py", " && !$gone", ""),
    Mutant("constructs_lib/job_tracker/endpoints/reading.py", 'either(\'"$!job.id.S" == ""\',', "either('false',"),
    # Bodies of every media type are checked.
    Mutant(f"{API}/gateway.py", ', "$default": self._models[key]', ""),
]


def main() -> int:
    """Make each mutant, or those whose numbers are given, in a copy of the project; fail if one survives."""
    chosen = [int(argument) for argument in sys.argv[1:]] or range(len(MUTANTS))
    survivors = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "project")
        ignored = shutil.ignore_patterns(".git", ".venv", "node_modules", "cdk.out", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored)
        if failure := _killer(copy):
            _say(f"Without any mutant, this fails already: {failure}")
            return 1
        for number in chosen:
            mutant = MUTANTS[number]
            file = copy / mutant.file
            sound = file.read_text()
            file.write_text(mutant.text)
            killer = _killer(copy)
            file.write_text(sound)
            survivors += not killer
            _say(f"{number:3} {file.name}: {mutant.code.strip()[:70]!r}\n    {killer or 'SURVIVES'}")
    _say(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors else 0


def _killer(project: Path) -> str | None:
    """Name the first test that fails."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not e2e and not oracle"]
    command = [sys.executable, "-m", "pytest", *TESTS, *options]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", run.stdout, re.MULTILINE)
    return found[1] if found else None if run.returncode == 0 else run.stdout[-300:]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
