"""Paths as Jayway's JsonPath 2.4 reads them; tests/oracle compares what has not changed since 2.0 with the original."""

import pytest

from storage_first.local.jsonpath import InvalidPathError, compile_path

DOCUMENT = {
    "name": "list",
    "hy-phen": "h",
    "sp ace": "s",
    "it's": "quote",
    "null": None,
    "items": [{"id": 1, "tags": ["a", "b"]}, {"id": 2}, {"id": 3, "tags": []}],
    "nested": {"items": [{"id": 4}]},
}


def find(path: str) -> object:
    return compile_path(path).find(DOCUMENT, missing="nothing")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.name", "list"),
        ("name", "list"),
        ("@.name", "list"),
        (" $.name ", "list"),
        ("$.hy-phen", "h"),
        ("$['sp ace']", "s"),
        ('$["sp ace"]', "s"),
        ("$['it\\'s']", "quote"),
        ("$.['name']", "list"),
        ("$.items[0].id", 1),
        ("$.items[-1].id", 3),
        ("$['items'][0]['tags'][1]", "b"),
        ("$.null", None),
    ],
)
def test_a_definite_path_finds_its_one_value(path, value):
    assert find(path) == value


@pytest.mark.parametrize(
    "path",
    ["$.other", "$.other.name", "$.name.other", "$.name[0]", "$.items[9]", "$.items[-4]", "$.items.id", "$.null.x"],
)
def test_a_definite_path_that_leads_nowhere_is_missing(path):
    assert find(path) == "nothing"


@pytest.mark.parametrize("path", ["$.other[*]", "$.other[*].id", "$.name[0:1]", "$.name[?(@.id)]", "$.other..id"])
def test_a_path_whose_definite_beginning_leads_nowhere_is_missing(path):
    assert find(path) == "nothing"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$.items[*].id", [1, 2, 3]),
        ("$.items[*].tags", [["a", "b"], []]),
        ("$.items[*].tags[0]", ["a"]),
        ("$.items[*].none", []),
        ("$.items[0,2].id", [1, 3]),
        ("$.items[0,9].id", [1]),
        ("$.items[1:].id", [2, 3]),
        ("$.items[:1].id", [1]),
        ("$.items[:-1].id", [1, 2]),
        ("$.items[-2:].id", [2, 3]),
        ("$.items[0:2].id", [1, 2]),
        ("$.items[2:1].id", []),
        ("$..id", [1, 2, 3, 4]),
        ("$..items[0].id", [1, 4]),
        ("$..tags[1]", ["b"]),
        ("$.nested.*", [[{"id": 4}]]),
        ("$.nested.*[0].id", [4]),
        ("$.name.*", []),
        ("$.items[?(@.id > 1)].id", [2, 3]),
        ("$.items[?(@.id == 2)].id", [2]),
        ("$.items[?(@.id == 1 || @.id == 3)].id", [1, 3]),
        ("$.items[?(@.tags)].id", [1, 3]),
        ("$.items[?(!@.tags)].id", [2]),
        ("$.items[?(@.tags[0] == 'a')].id", [1]),
        ("$..[?(@.id == 4)].id", [4]),
        ("$.nested[?(@.items)]", [{"items": [{"id": 4}]}]),
    ],
)
def test_any_other_path_finds_a_list(path, values):
    assert find(path) == values


def test_several_names_pick_a_part_of_an_object():
    assert find("$['name','null','other']") == {"name": "list", "null": None}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "$$",
        "$x",
        "$.",
        "$..",
        "$.items[",
        "$.items[]",
        "$.items[x]",
        "$.items['a]",
        "$['a''b']",
        "$['a','b'",
        "$['a',]",
        "$.sp ace",
        "$.items[?(]",
        "$.items[?(@.id > $.max)]",
    ],
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidPathError):
        compile_path(path)
