"""Numbers, Booleans and JSON in every way of writing them: stored as exactly what was sent, or refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.slots import DYNAMODB


def bounded(examples, **strategies):
    """Try as many inputs, the same ones each time."""
    return lambda test: settings(max_examples=examples, derandomize=True, database=None, deadline=None)(
        given(**strategies)(test)
    )


def written(number):
    """Read JSON without rounding; of members with one name the last counts."""
    return json.loads(number, parse_float=Decimal, parse_int=Decimal)


def attribute(routes, name, **event):
    """What a request stores in an attribute; nothing where it is refused with 400."""
    call = routes.call(DYNAMODB, **event)
    if call.marker:
        assert routes.problem(DYNAMODB, call.marker)[0] == 400
        return None
    names = {stored: placeholder for placeholder, stored in call.content["ExpressionAttributeNames"].items()}
    return call.content["ExpressionAttributeValues"][f":{names[name][1:]}"]


digits = st.text("0123456789", min_size=1, max_size=45)
whole = st.one_of(st.just("0"), digits.map(lambda text: text.lstrip("0") or "0"))
numbers = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    whole,
    st.one_of(st.just(""), digits.map(".{}".format)),
    st.one_of(
        st.just(""),
        st.builds(
            "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), digits.map(lambda text: text[:4])
        ),
    ),
)
"""Every number of JSON, however it is written: RFC 8259, section 6."""

EXTREMES = [
    *("0", "-0", "0.0", "-0.0", "0e0", "0e999", "-0E-999", "1", "-1", "1.0", "1.10", "100e-2", "1E+2"),
    *("9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775808", "18446744073709551616"),
    *("123456789012345678901234567890123456789", "1" * 39, "-" + "9" * 40, "1" + "0" * 400),
    *(
        "1e400",
        "-1e400",
        "1e-400",
        "1e308",
        "1.7976931348623159e308",
        "5e-324",
        "2.5e-324",
        "1e125",
        "9.99e125",
        "1e-130",
    ),
    *(
        "0.1",
        "0.30000000000000004",
        "0.1234567890123456789",
        "3.141592653589793238462643383279",
        "1.00000000000000000001",
    ),
    *("0." + "0" * 50 + "1", "123456789.123456789123456789", "1e00000000000000000001", "12345678901234567e1"),
]
NOT_NUMBERS = [
    *("true", "false", "null", '"1"', '"-1.5"', '"NaN"', "[]", "[1]", "{}", '{"N":"1"}', '""', '"1e5"'),
]


@pytest.mark.parametrize("number", EXTREMES)
def test_an_extreme_number_is_stored_exactly_or_refused(routes, number):
    stored = attribute(routes, "number", body=f'{{"text":"-","number":{number}}}')

    assert stored is None or (set(stored) == {"N"} and Decimal(stored["N"]) == Decimal(number))


@pytest.mark.parametrize("number", [number for number in EXTREMES if "e" not in number.lower() and len(number) < 40])
def test_a_number_that_dynamodb_can_hold_is_stored(routes, number):
    assert attribute(routes, "number", body=f'{{"text":"-","number":{number}}}') is not None


@bounded(150, number=numbers)
def test_any_number_is_stored_exactly_or_refused(routes, number):
    stored = attribute(routes, "number", body=f'{{"text":"-","number": {number} }}')

    assert stored is None or Decimal(stored["N"]) == Decimal(number)


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_never_stored_as_one(routes, value):
    stored = attribute(routes, "number", body=f'{{"text":"-","number":{value}}}')

    assert stored == ({"N": "0"} if value in {"null", '""'} else None)


names = st.sampled_from(
    ["number", "n\\u0075mber", "\\u006eumber", "Number", "number ", "x", 'a\\"number', "\\\\number", "text"]
)
documents = st.recursive(
    st.one_of(numbers, st.sampled_from(['"-"', '"x\\"number\\": 7,"', '"\\"number\\":8}"', "true", "null"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(names, inner), max_size=4).map(
            lambda members: "{" + ",".join(f'"{name}" : {value}' for name, value in members) + "}"
        ),
    ),
    max_leaves=8,
)


@bounded(200, before=documents, number=numbers, after=documents, name=names)
def test_a_number_among_look_alikes_is_stored_exactly_or_refused(routes, before, number, after, name):
    body = f'{{"text":"-","a":{before},"{name}":{number},"b":{after}}}'
    sent = written(body)

    stored = attribute(routes, "number", body=body)

    if stored is not None:
        value = sent.get("number")
        assert Decimal(stored["N"]) == (0 if value in {None, ""} else value)
        assert not isinstance(value, bool)


@pytest.mark.parametrize(
    "members",
    [
        '"number":1.5,"number":2.25',
        '"number":2.25,"n\\u0075mber":1.5',
        '"n\\u0075mber":1.5',
        '"number":1.5,"x":{"number":2.25}',
        '"x":{"number":2.25},"number":1.5',
        '"number":1.5,"x":"\\"number\\":2.25,"',
        '"number":1.5e0,"number":1.50',
        '"number":1.00000000000000000001,"x":{"number":1.0}',
        '"number":0.1,"x":{"number":0.10000000000000000001}',
    ],
)
def test_a_number_that_is_there_twice_is_the_one_that_counts_or_refused(routes, members):
    body = f'{{"text":"-",{members}}}'

    stored = attribute(routes, "number", body=body)

    assert stored is None or Decimal(stored["N"]) == written(body)["number"]


@bounded(
    120, text=st.one_of(numbers, st.text(max_size=8), st.sampled_from([*EXTREMES, "1e", "+1", "01", ".5", "1.", " 1"]))
)
def test_a_number_of_the_query_string_is_stored_as_it_was_written_or_refused(routes, text):
    stored = attribute(routes, "count", query={"n": text})

    assert stored in (None, {"N": text or "0"})
    assert (stored is not None) == (text == "" or is_number(text))


def is_number(text):
    try:
        return isinstance(written(text), Decimal) and text == text.strip()
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("place", ["body", "query"])
@pytest.mark.parametrize("value", ["true", "false", "True", "1", "0", '"true"', "null", "[]", '["true"]', "{}"])
def test_a_boolean_is_one_or_refused(routes, place, value):
    if place == "body":
        stored = attribute(routes, "flag", body=f'{{"text":"-","flag":{value.lower()}}}')
    else:
        stored = attribute(routes, "on", query={"on": value})

    taken = value.lower() if place == "body" else value
    fallback = {"BOOL": False} if place == "body" and value == "null" else None
    assert stored == ({"BOOL": json.loads(taken)} if taken in {"true", "false"} else fallback)


@pytest.mark.parametrize("value", ["5", "-1.5", "true", "false", "[]", '["x"]', "{}", '{"S":"x"}'])
def test_a_text_is_one_or_refused(routes, value):
    calls = [routes.call(route, body=f'{{"text":{value}}}') for route in (DYNAMODB, "POST /fifo")]

    assert [routes.problem(DYNAMODB, call.marker)[0] for call in calls if call.marker] == [400, 400]


@pytest.mark.parametrize("value", ["5", "true", '"text"', '"{}"', '"[1]"'])
def test_json_is_an_object_or_a_list_or_refused(routes, value):
    assert attribute(routes, "json", body=f'{{"text":"-","json":{value}}}') is None


texts = st.text(max_size=6).map(json.dumps)
trees = st.recursive(
    st.one_of(numbers, texts, st.sampled_from(["true", "false", "null", '"\\ud800"', '"1e400"', '"x: 1e400"'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{' , '.join(items)}]"),
        st.lists(st.tuples(texts, inner), max_size=3).map(
            lambda members: "{" + ",".join(f"{name}: {value}" for name, value in members) + "}"
        ),
    ),
    max_leaves=8,
)


@bounded(200, tree=trees)
def test_json_is_stored_as_the_same_json_or_refused(routes, tree):
    body = f'{{"text":"-","json":{tree}}}'

    stored = attribute(routes, "json", body=body)

    if stored is not None:
        value = written(body)["json"]
        assert set(stored) == {"S"}
        assert written(stored["S"]) == ({} if value in (None, "") else value)


@pytest.mark.parametrize(
    "tree",
    [
        "[1.5]",
        '{"a":[true,null,"x"]}',
        "[9007199254740993]",
        "[123456789012345678901234567890123456789]",
        '{"$util":"#set($a=1)"}',
        '{"a\\"b":"\\u2028"}',
        "[]",
        "[-0.5e-7]",
    ],
)
def test_json_of_exact_numbers_is_stored(routes, tree):
    stored = attribute(routes, "json", body=f'{{"text":"-","json":{tree}}}')

    assert written(stored["S"]) == written(tree)


@pytest.mark.parametrize(
    "number", ["1e9999999999", "0.4e00669999999999999999", "-1.5E-2147483649", "1.00000000000000000000e2147483648"]
)
@pytest.mark.parametrize("route", [DYNAMODB, "POST /fifo"])
def test_an_exponent_that_no_parser_holds_is_refused_wherever_it_is(routes, route, number):
    calls = [
        routes.call(route, body=body) for body in (f'{{"text":"-","x":[{number}]}}', f'{{"x": {number},"text":"-"}}')
    ]

    assert {routes.problem(route, call.marker)[0] for call in calls} == {400}
