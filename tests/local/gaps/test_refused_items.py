"""What DynamoDB refuses, and the emulator too, with no gap to close: typed attributes rely on it."""

import pytest

from tests.local.gaps.wire import call, refusal

NUMBERS = {
    "1" * 39: "Attempting to store more than 38 significant digits in a Number",
    "1e126": "Number overflow. Attempting to store a number with magnitude larger than supported range",
    "1e400": "Number overflow. Attempting to store a number with magnitude larger than supported range",
    "1e-131": "Number underflow. Attempting to store a number with magnitude smaller than supported range",
    "abc": "The parameter cannot be converted to a numeric value: abc",
    "": "The parameter cannot be converted to a numeric value",
    "NaN": "The parameter cannot be converted to a numeric value: NaN",
}
KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string"
)
ITEMS = {
    "empty key": ({"pk": {"S": ""}}, KEY),
    "long key": ({"pk": {"S": "x" * 2049}}, "size of all hash keys has exceeded the size limit of 2048 bytes"),
    "large item": ({"pk": {"S": "a"}, "data": {"S": "x" * 409_600}}, "Item size has exceeded the maximum allowed size"),
    "no key": ({"data": {"S": "x"}}, "Missing the key pk in the item"),
}


def put(side, item, **more):
    table = side.table()
    answer = call(side, "dynamodb", "PutItem", {"TableName": table, "Item": item, **more})
    return answer, side.items(table)


@pytest.mark.parametrize(("number", "says"), NUMBERS.items(), ids=[number[:8] for number in NUMBERS])
def test_a_number_that_cannot_be_stored_is_refused(bare, number, says):
    answer, items = put(bare, {"pk": {"S": "a"}, "n": {"N": number}})

    code, message = refusal(answer)
    assert code == "ValidationException"
    assert says in message
    assert items == []


@pytest.mark.parametrize(("item", "says"), ITEMS.values(), ids=ITEMS)
def test_an_item_that_cannot_be_stored_is_refused(bare, item, says):
    answer, items = put(bare, item)

    code, message = refusal(answer)
    assert code == "ValidationException"
    assert says in message
    assert items == []


def test_an_impossible_return_value_is_refused_by_name(bare):
    answer, items = put(bare, {"pk": {"S": "a"}}, ReturnValues="request-refused-422")

    code, message = refusal(answer)
    assert code == "ValidationException"
    assert "Value 'request-refused-422' at 'returnValues' failed to satisfy constraint" in message
    assert items == []


@pytest.mark.parametrize("number", ["9" * 38, "-1.5", "1e125"])
def test_a_number_that_can_be_stored_is_stored(bare, number):
    answer, items = put(bare, {"pk": {"S": "a"}, "n": {"N": number}})

    assert (answer.status_code, len(items)) == (200, 1)
