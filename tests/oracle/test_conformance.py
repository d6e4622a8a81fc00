"""The renderer against the Java originals."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_first.local.velocity import Rendered, TemplateError, TemplateInput, render
from tests.oracle.client import Oracle, OracleError

pytestmark = pytest.mark.oracle

HERE = Path(__file__).parent
GROUPS = sorted(HERE.glob("templates/*.jsonl"))
# By reason.
KNOWN_DIFFERENCES: dict[str, list[str]] = json.loads((HERE / "known_differences.json").read_text("utf-8"))

DOCUMENT = {
    "s": "text",
    "u": "é'\"\\/<\n\t\u2028 😀",
    "e": "",
    "m": {"a": "1", "b": {"c": "deep"}, "hy-phen": "h", "under_score": "u", "camelCase": "C", "nul": None},
    "l": ["one", {"x": "two"}],
    "n": {"i": 1, "d": 1.5, "big": 123456789012345678901234567890, "t": True, "f": False},
    "k": "a",
    "i": 2,
    "nul": None,
    "people": [{"name": "Ann", "age": 31, "tags": ["a"]}, {"name": "Bob", "age": 25}],
    "hy-phen": "h",
    "under_score": "u",
    "sp ace": "s",
    "é": "e",
}
# Every template finds these variables set; the bar keeps the line breaks after them apart from its own.
PREAMBLE = "".join(f"#set(${name} = $input.path('$.{name}'))" for name in "suemlnki") + "|"
EVENT = TemplateInput(
    body=json.dumps(DOCUMENT),
    path={"id": "i1", "both": "p"},
    querystring={"q": "qq", "both": "q"},
    header={"X-One": "1", "Idempotency-key": "k-1"},
    context={
        "a": "A",
        "b": {"c": "C"},
        "path": "/prod/x/y",
        "requestId": "r-1",
        "requestTime": "21/Nov/2025:20:12:29 +0000",
        "requestTimeEpoch": 1763755949123,
    },
    stage_variables={"v": "w"},
)
NASTY = [
    "",
    "'",
    '"',
    "\\",
    "\\'",
    "$x",
    "#end",
    "${context.requestId}",
    'x"},"admin":{"BOOL":true},"y":{"S":"',
    "\u0000\u0008\u000c\r\n\t\u001f\u007f\u0080\u009f",
    "\u2028\u2029\ufeff\uffff",
    "é漢😀\U0001d4b3",
    "\ud800",
    "\udc00\ud800",
    "a" * 5000,
    "/</script>",
    "@@,@@admin@@:@@true",
]

text = st.one_of(st.sampled_from(NASTY), st.text(), st.text(st.characters(codec=None), max_size=8))
number = st.one_of(st.integers(), st.integers(-(10**40), 10**40), st.integers(-(10**6), 10**6).map(lambda n: n / 1000))
document = st.recursive(
    st.one_of(st.none(), st.booleans(), number, text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)


def hostile(
    examples: int = 150, **strategies: st.SearchStrategy[object]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Try many inputs, the same ones each time."""
    return lambda test: settings(max_examples=examples, derandomize=True, database=None, deadline=None)(
        given(**strategies)(test)
    )


def outcome(renderer: Callable[..., Rendered], template: str, event: TemplateInput) -> Rendered | str:
    """Render, or say that it cannot be done: how the two phrase it may differ."""
    try:
        return renderer(template, event)
    except (TemplateError, OracleError):
        return "an error"


def differences(oracle: Oracle, template: str, event: TemplateInput) -> list[object]:
    """List ours and the original's outcome, if they differ."""
    ours = outcome(render, template, event)
    theirs = outcome(oracle.render, template, event)
    return [] if ours == theirs else [template, ours, theirs]


@pytest.mark.parametrize("group", GROUPS, ids=lambda path: path.stem)
def test_templates_render_as_in_java(oracle, group):
    templates = [json.loads(line) for line in group.read_text("utf-8").splitlines()]

    found = [differences(oracle, PREAMBLE + template, EVENT) for template in templates]

    assert templates
    assert [difference for difference in found if difference] == []


@pytest.mark.parametrize("template", [t for templates in KNOWN_DIFFERENCES.values() for t in templates])
def test_a_known_difference_still_differs(oracle, template):
    assert differences(oracle, PREAMBLE + template, EVENT)


@hostile(key=text, body=document)
def test_an_escaped_string_is_the_same_whatever_it_holds(oracle, key, body):
    template = (
        '#foreach($n in $input.params().header.keySet())#if($n.equalsIgnoreCase("Idempotency-Key"))'
        "#set($x = $input.params().header.get($n))#end#end"
        '{"pk":{"S":"$util.escapeJavaScript($x).replaceAll("\\\\\'","\'")"},'
        '"input":{"S":"$util.escapeJavaScript($input.body).replaceAll("\\\\\'","\'")"}}'
    )
    event = TemplateInput(body=json.dumps(body), header={"idempotency-key": key})

    assert differences(oracle, template, event) == []


@hostile(key=text)
def test_an_escaped_string_reads_back_as_it_was_sent(key):
    template = '{"S":"$util.escapeJavaScript($input.params("k")).replaceAll("\\\\\'","\'")"}'

    rendered = render(template, TemplateInput(querystring={"k": key}))

    assert json.loads(rendered.text) == {"S": key}


@hostile(body=document)
def test_a_body_is_the_same_read_and_written(oracle, body):
    template = "$input.json('$')|$input.path('$')|$util.parseJson($input.body)|$input.json('$.*')|$input.json('$..*')"

    assert differences(oracle, template, TemplateInput(body=json.dumps(body))) == []


@pytest.mark.parametrize(
    "body",
    [
        "9007199254740993",
        "123456789012345678901234567890123456789",
        "1e400",
        "-1e400",
        "1.0",
        "-0",
        "-0.0",
        "1E5",
        "1e-7",
        "0.1234567890123456789",
        "100000000000000000000.5",
        "1.50",
        '{"a":1,"b":2,"a":3}',
        '"\\ud83d\\ude00\\ud83d"',
        '"\\u0000\\/"',
        " [ 1 , 2 ] ",
        "true",
        "null",
        '{"":""}',
        '{"a b":{"c":[[],{}]}}',
    ],
)
def test_numbers_and_odd_documents_are_printed_as_in_java(oracle, body):
    template = "$input.json('$')|$input.path('$')|#set($v = $input.path('$'))$v #if($v == 1)one#end"

    assert differences(oracle, template, TemplateInput(body=body)) == []


def read_back(printed: str) -> list[object]:
    """Read doubles back: before Java 19 some are written with a digit more than it takes to tell them apart."""
    return [float(word) if "." in word else word for word in printed.split("; ")]


@hostile(left=number, right=number)
def test_arithmetic_is_the_same(oracle, left, right):
    template = "#set($l = $input.path('$.l'))#set($r = $input.path('$.r'))" + "".join(
        f"#set($v = $l {sign} $r)$v; " for sign in ("+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=")
    )

    event = TemplateInput(body=json.dumps({"l": left, "r": right}))

    assert read_back(render(template, event).text) == read_back(oracle.render(template, event).text)


@hostile(examples=40, subject=text, argument=text, start=st.integers(-2, 9), end=st.integers(-2, 9))
@pytest.mark.parametrize(
    "call",
    [
        "length()",
        "isEmpty()",
        "indexOf($a)",
        "indexOf($a, $b)",
        "lastIndexOf($a)",
        "lastIndexOf($a, $b)",
        "contains($a)",
        "startsWith($a)",
        "startsWith($a, $b)",
        "endsWith($a)",
        "equals($a)",
        "equalsIgnoreCase($a)",
        "compareTo($a)",
        "concat($a)",
        "toLowerCase()",
        "toUpperCase()",
        "trim()",
        "replace($a, '<>')",
        "substring($b)",
        "substring($b, $c)",
        "charAt($b)",
        "codePointAt($b)",
        "hashCode()",
        "split('[a-z,]').size()",
        "replaceAll('[^a-zA-Z]', '_')",
        "matches('[A-Za-z0-9_-]{1,64}')",
    ],
)
def test_a_string_does_what_it_does_in_java(oracle, call, subject, argument, start, end):
    event = TemplateInput(querystring={"s": subject, "a": argument}, context={"b": start, "c": end})
    template = (
        "#set($s = $input.params('s'))#set($a = $input.params('a'))#set($b = $context.b)#set($c = $context.c)$s." + call
    )

    assert differences(oracle, template, event) == []


@hostile(subject=text)
def test_the_utilities_are_the_same_whatever_they_get(oracle, subject):
    template = (
        "$util.escapeJavaScript($s) $util.urlEncode($s) $util.base64Encode($s) $util.urlDecode($util.urlEncode($s)) "
        "$util.base64Decode($util.base64Encode($s))"
    )
    event = TemplateInput(querystring={"s": subject})

    assert differences(oracle, "#set($s = $input.params('s'))" + template, event) == []


# A brace glued to a reference is a known difference.
FRAGMENTS = [
    *("text", " ", "\n", "\r\n", "  \n", '"', " {", "}", ",", ":", "1", "-", ".", "(", ")", "[x]", "\\n"),
    *("$s", "${s}", "$!s", "$!{missing}", "$missing", "$s.length()", "$m.b.c", "$l[0]", "$l.size()"),
    *("#set($t = 1)", "#set($t = $s)", " #set($t = $l.size() + 1)", "$t", "## comment\n", "#* comment *#"),
    *("#if($s)", "#if($missing)", "#if($l.size() == 2)", "#elseif(true)", "#else", "#{else}", "#end", "#{end}"),
    *("#foreach($x in $l)", "#foreach($x in [1..2])", "$x", "$foreach.count", "#break"),
    *("#macro(hello $a)", "#hello($s)", "#evaluate('$s')", "#define($d)x#end", "$d", "#stop"),
]


@hostile(parts=st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_anything_put_together_renders_as_in_java(oracle, parts):
    assert differences(oracle, PREAMBLE + "".join(parts), EVENT) == []
