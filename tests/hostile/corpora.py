"""What hostile callers send.

The corpora beside the checkout (`../shared/corpora`, see the README there) were written by nobody of this project; the
tests that need one are skipped where it is absent. Everything else here always runs.
"""

import itertools
import json
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[2].parent / "shared" / "corpora"

INJECTIONS = [
    'x"},"admin":{"BOOL":true},"y":{"S":"',
    "a@@,@@admin@@:@@true",
    "a&Action=DeleteQueue&b=%26+",
    "&MessageAttribute.1.Name=admin",
    '"',
    "'",
    "\\",
    '\\"',
    "\\'",
    '\\\\"}',
    "\\u0022}",
    '","ReturnValues":"NONE","x":"',
    "%22%7D%2C%22admin%22",
    "%0d%0aX-Injected: 1",
    "+ %2B %20",
    "${stageVariables.x}",
    "../../etc/passwd",
    "a/b",
    "a//b",
    "?x=y",
    "x#y",
    "<a>&amp;<![CDATA[",
    "Refused_0_",
    "aws.events",
    "_END_",
]
TEMPLATE_CODE = [
    "$util.base64Encode('x')",
    "#set($a=1)",
    "#set($refused = '')$refused",
    "$input.body",
    "$!{context.requestId}",
    "$context.responseOverride.status",
    "#end",
    "#{else}",
    "#if(true)#stop",
    "#foreach($i in [1..10])x#end",
    "## comment",
    "#* comment *#",
    "#[[ raw ]]#",
    "#evaluate('$input')",
    "\\$x \\#end",
    "${dollar}${hash}${quote}${backslash}",
    "$v0 $v1 $epoch",
]
UNICODE = [
    *map(chr, range(0x20)),
    "\x00\x01\x02",
    "\x7f",
    "\x80\x9f",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\U0001fffe",
    "\U0010ffff",
    "é",
    "e\u0301",
    "ﷺ",
    "\u0130\u0131\u017f\u212a",
    "日本語",
    "\u202eabc\u202c",
    "🐹",
    "👩\u200d👩\u200d👧\u200d👦",
    "🏴\U000e0067\U000e0062",
    "\U0001d4b3" * 100,
    "\t tab and space \t",
    " ",
    "\r\n",
]
LONE_SURROGATES = ["\ud800", "\udfff", "a\ud83d", "\udc39\ud83d", "\ud83d\\udc39"]
LOOKALIKES = [
    "true",
    "false",
    "null",
    "None",
    "NaN",
    "Infinity",
    "0",
    "-0",
    "1e400",
    "-1e-400",
    "9007199254740993",
    "123456789012345678901234567890123456789",
    "0.1234567890123456789",
    "0x10",
    "\uff11",
    "{}",
    "[]",
    '{"S":"x"}',
    "",
    "undefined",
    "a" * 127,
    "a" * 128,
    "a" * 129,
    "a" * 256,
    "a" * 257,
    "é" * 128,
    "a" * 5000,
]
TEXTS = list(dict.fromkeys([*INJECTIONS, *TEMPLATE_CODE, *UNICODE, *LOOKALIKES]))


def naughty_strings() -> list[str]:
    """The 515 naughty strings."""
    return json.loads(_read("blns.json"))


def parsing_texts(kind: str) -> dict[str, bytes]:
    """JSON texts of the JSONTestSuite, by name.

    Args:
        kind: `y` for those that a parser must accept, `n` for those that it must refuse, `i` for those that may go
            either way.
    """
    _read("README.md")
    return {
        file.stem: file.read_bytes() for file in sorted(_SHARED.glob(f"json_test_suite/test_parsing/{kind}_*.json"))
    }


def _read(name: str) -> str:
    file = _SHARED / name
    if not file.exists():
        pytest.skip("the corpora (../shared/corpora) are not beside this checkout")
    return file.read_text("utf-8")


# --- JSON texts of our own, as members of an object -------------------------------------------------------------------

VALUES = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "1E+2",
    "1e-2",
    "-1.5e0",
    "123456789012345678901234567890123456789012",
    "9007199254740993",
    '""',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"',
    '"\\u0000"',
    '"\\ud83d\\udc39"',
    '"\u2028\u2029\x7f\ufeff"',
    '"\uffff\U0010ffff"',
    "[]",
    "{}",
    "[[[[]]],{}]",
    '{"":0}',
    '{"a":1,"a":2}',
    '{"\\u0000\\"":1}',
    " \t\r\n1 \t\r\n",
    '"/* no comment */"',
    '"$util #set"',
]
DEBATABLE = [
    "1e400",
    "-1e400",
    "1e-400",
    "0.4e0066999999999999999999999999999999999999999999999999999999",
    "1" * 400,
    '"\\ud800"',
    '"\\udc39\\ud83d"',
    '"\\ud83d\\u0041"',
    "[" * 500 + "]" * 500,
]
_BROKEN_VALUES = [
    "",
    "nul",
    "True",
    "NULL",
    "undefined",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "+1",
    "01",
    "-01",
    "-",
    "--1",
    ".5",
    "-.5",
    "5.",
    "5.e1",
    "1e",
    "1e+",
    "1.5e",
    "1eE2",
    "1_000",
    "1,000",
    "0x1F",
    "1 2",
    "\uff11",
    "1a",
    "'a'",
    '"a',
    'a"',
    "a",
    '"\\"',
    '"\\x00"',
    '"\\u12"',
    '"\\u12G4"',
    '"\\U0041"',
    '"\\ud83d\\u"',
    '"\\\t"',
    '"a" "b"',
    '"a"b',
    *(f'"{chr(control)}"' for control in range(0x20)),
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1;2]",
    "[1:2]",
    "[1]]",
    '["a',
    "[1}",
    "{",
    "}",
    "{]",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{,"a":1}',
    '{"a":1,,"b":2}',
    '{"a" 1}',
    '{"a"::1}',
    '{"a",1}',
    '{"a"}',
    '{"a":1 "b":2}',
    '{"a":1;"b":2}',
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{[]:1}",
    "1//",
    "1/**/",
    "1#",
    "1\x00",
    "1\x0c",
    "1\x0b",
    "1\xa0",
    "1\u2060",
    "1\ufeff",
    "<null>",
    "*",
    "@",
    "`a`",
    "\\n",
    "[" * 100_000,
]
_BROKEN_BYTES = [
    b'"\xff"',
    b'"\xc3"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xfc\x83\xbf\xbf\xbf\xbf"',
    b'"\x80"',
    b"1\xe5",
    b"\xef\xbb",
]
_BROKEN_WHOLE = [
    *("null", "1", '"a"', "[]", '[{"a":1}]', " ", "\n"),
    *('{"a":1}x', '{"a":1}{}', '{"a":1}}', '{"a":1},', '{"a":1}//', '{"a":1}\x00', "\ufeff", "{}\ufeff"),
    *("a=1&b=2", "<a/>", "---\na: 1\n", '--x\r\n\r\n{"a":1}\r\n--x--'),
]


def member(value: bytes | str) -> bytes:
    """A body whose member `a` is a JSON text."""
    return b'{"text":"-","a":' + (value if isinstance(value, bytes) else value.encode()) + b"}"


def accepted_bodies() -> list[bytes]:
    """Bodies that a parser must accept."""
    spaced = b' \t\r\n{"text" : "-" , "b":\n[ ] } \r\n'
    return [spaced, *map(member, VALUES), *(member(f"[{one},{two}]") for one, two in itertools.pairwise(VALUES))]


def refused_bodies() -> list[bytes]:
    """Bodies that are no JSON object, or no UTF-8."""
    lists = [f"[{value}" for value in VALUES]
    broken = [*_BROKEN_VALUES, *lists]
    return [*(text.encode() for text in _BROKEN_WHOLE), *map(member, broken), *map(member, _BROKEN_BYTES)]


def debatable_bodies() -> list[bytes]:
    """Bodies that parsers disagree about."""
    return [*map(member, DEBATABLE), b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-16-le")]
