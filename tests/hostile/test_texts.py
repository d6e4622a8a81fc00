"""Every text in every place of a request: stored as it was sent, or refused, and nothing else changes."""

import pytest

from tests.hostile import corpora
from tests.hostile.calls import BENIGN
from tests.hostile.slots import DYNAMODB, SLOTS, TOKEN


def violations(routes, slot, texts):
    """List the texts that a place does not keep, or does not refuse, as it must."""
    harmless = routes.call(slot.route, **slot.event(TOKEN))
    assert harmless.marker is None
    return [found for text in texts if (found := violation(routes, slot, harmless.content, text))]


def violation(routes, slot, harmless, text):
    call = routes.call(slot.route, **slot.event(text))
    if call.marker:
        status, _ = routes.problem(slot.route, call.marker)
        return (text, "refused with", status) if slot.takes(text) or status != 400 else None
    if not slot.takes(text):
        return (text, "stored as", call.content)
    expected = slot.expected(harmless, text)
    return None if call.content == expected else (text, "stored as", call.content, "not as", expected)


@pytest.mark.parametrize("slot", SLOTS, ids=str)
def test_a_hostile_text_is_stored_as_it_was_sent_or_refused(routes, slot):
    assert violations(routes, slot, corpora.TEXTS) == []


@pytest.mark.parametrize("slot", SLOTS, ids=str)
def test_a_naughty_string_is_stored_as_it_was_sent_or_refused(routes, slot):
    assert violations(routes, slot, corpora.naughty_strings()) == []


@pytest.mark.parametrize(
    "slot", [slot for slot in SLOTS if slot.place in {"body", "$.text", "$.deep[0].name"}], ids=str
)
def test_half_of_a_surrogate_pair_is_stored_as_it_was_escaped_or_refused(routes, slot):
    assert violations(routes, slot, corpora.LONE_SURROGATES) == []


@pytest.mark.parametrize("route", BENIGN)
@pytest.mark.parametrize("body", ['{"text": "\ufffd"}', '{"\ufffd": 1, "text": "-"}'])
def test_a_body_that_may_not_have_been_utf_8_is_refused(routes, route, body):
    call = routes.call(route, body=body)

    assert call.marker
    assert routes.problem(route, call.marker)[0] == 400


@pytest.mark.parametrize("route", BENIGN)
@pytest.mark.parametrize("place", ["query", "headers"])
def test_parameters_that_nobody_asked_for_change_nothing(routes, route, place):
    harmless = routes.call(route)

    calls = [routes.call(route, **{place: {name: "x", f"a{name}": name}}) for name in corpora.TEXTS]

    assert [call for call in calls if call != harmless] == []


@pytest.mark.parametrize("route", BENIGN)
@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "idempotency-key", "X-Text", "x-text", "group", "part", "key", "kind"]
)
def test_no_parameter_stands_for_one_of_another_place(routes, route, name):
    harmless = routes.call(route)
    query_is_read = "group" in BENIGN[route].get("query", {}) and name == "group"
    header_is_read = name.lower() in {"x-text", "idempotency-key"}

    by_query = routes.call(route, query={} if query_is_read else {name: "spoofed"})
    by_header = routes.call(route, headers={} if header_is_read else {name: "spoofed"})

    assert by_query == by_header == harmless


@pytest.mark.parametrize("names", [("X-Text", "x-text"), ("x-text", "X-TEXT")], ids=str)
def test_of_a_header_that_is_there_in_two_spellings_one_is_taken_whole(routes, names):
    call = routes.call(DYNAMODB, headers=dict(zip(names, ["one", "two"], strict=True)))

    assert [
        value for value in call.content["ExpressionAttributeValues"].values() if value in ({"S": "one"}, {"S": "two"})
    ]


@pytest.mark.parametrize("agent", [*corpora.INJECTIONS, *corpora.TEMPLATE_CODE])
def test_what_a_client_calls_itself_is_data(routes, agent):
    call = routes.call(DYNAMODB, context={"identity": {"userAgent": agent}})

    assert {"S": agent} in call.content["ExpressionAttributeValues"].values()
    assert call.content.keys() == routes.call(DYNAMODB).content.keys()
