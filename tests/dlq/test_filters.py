import pytest

from storage_first.dlq.filters import UnknownRuleError, passes

RECORD = {
    "eventName": "INSERT",
    "dynamodb": {"NewImage": {"n": 7, "empty": "", "tags": ["a", "b"], "nothing": None, "yes": True}},
}


def image(**rules):
    return {"dynamodb": {"NewImage": rules}}


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"eventName": ["MODIFY", "INSERT"]},
        {"eventName": [{"prefix": "INS"}]},
        {"eventName": [{"suffix": "ERT"}]},
        {"eventName": [{"equals-ignore-case": "insert"}]},
        {"eventName": [{"anything-but": ["REMOVE"]}]},
        {"userIdentity": {"type": [{"exists": False}]}},
        {"$or": [{"eventName": ["REMOVE"]}, image(n=[7])]},
        image(n=[{"numeric": [">", 1, "<=", 7]}]),
        image(n=[{"exists": True}]),
        image(empty=[""]),
        image(tags=["b"]),
        image(nothing=[None]),
        image(yes=[True]),
    ],
    ids=str,
)
def test_what_lambda_lets_through_passes(pattern):
    assert passes([{"eventName": ["other"]}, pattern], RECORD)


@pytest.mark.parametrize(
    "pattern",
    [
        {"eventName": ["REMOVE"]},
        {"eventName": []},
        {"eventName": [{"prefix": "REM"}]},
        {"eventName": [{"suffix": "OVE"}]},
        {"eventName": [{"equals-ignore-case": "remove"}]},
        {"eventName": [{"anything-but": ["INSERT"]}]},
        {"absent": [{"anything-but": ["INSERT"]}]},
        {"userIdentity": {"type": ["Service"]}},
        {"eventName": ["INSERT"], "userIdentity": {"type": [{"exists": True}]}},
        {"$or": [{"eventName": ["REMOVE"]}, image(n=[8])]},
        image(n=[{"numeric": [">", 7]}]),
        image(n=["7"]),
        image(yes=[1]),
        image(tags=["c"]),
    ],
    ids=str,
)
def test_what_lambda_filters_out_does_not_pass(pattern):
    assert not passes([pattern], RECORD)


def test_without_a_filter_everything_passes():
    assert passes([], RECORD)


@pytest.mark.parametrize("rule", [{"wildcard": "*"}, {"anything-but": {"prefix": "a"}}, {"cidr": "10.0.0.0/8"}])
def test_a_rule_that_is_not_understood_is_no_guess(rule):
    with pytest.raises(UnknownRuleError):
        passes([{"eventName": [rule]}], RECORD)
