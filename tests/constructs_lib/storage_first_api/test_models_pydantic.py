import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import annotated_types
import pytest
from jsonschema import Draft4Validator
from pydantic import (
    UUID4,
    AfterValidator,
    AliasChoices,
    AnyUrl,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    FutureDate,
    HttpUrl,
    Json,
    NaiveDatetime,
    PastDate,
    SecretStr,
    StringConstraints,
    Tag,
    ValidationError,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from constructs_lib.storage_first_api.models import body_model, examples_of

UUID_1 = "6f1e8f6a-8f0e-1f44-9d0a-3b9c7f0f8a11"
UUID_4 = "6f1e8f6a-8f0e-4f44-9d0a-3b9c7f0f8a11"


class Soil(Enum):
    CLAY = "clay"
    SAND = "sand"


class Gopher(BaseModel):
    kind: Literal["gopher"] = "gopher"
    name: str


class Mole(BaseModel):
    kind: Literal["mole"] = "mole"
    depth: int


class Burrow(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth: float
    tunnels: "list[Burrow]" = []


VALUES = [
    *(None, True, -1, 0, 0.5, 1, 2, 3, 2**31, "", " ", "a", "ab", "abc", "ABC", "clay", "1.5", "-.5", "x.5", "NaN"),
    *(UUID_1, UUID_4, "2024-02-29", "2023-02-29", "2024-02-29T10:00:00Z", "2024-02-30T10:00:00Z", "10:00:00Z"),
    *("25:00:00Z", "P1D", "P1Y2M3DT4H5M6S", "P", "QQ==", "Q", "https://a.example/b", "ftp://a.example", "a.example"),
    *([], [1], [1, "a"], [1, 1], [1, 2, 3], ["a"], {}, {"a": 1}, {"clay": 1}, {"ab": 1}, {"1": 1}, {"a": "b"}),
    *({"kind": "gopher", "name": "x"}, {"kind": "mole", "depth": 1}, {"kind": "mole", "name": "x"}, {"name": "x"}),
    *({"depth": 1, "tunnels": [{"depth": 2}]}, {"depth": 1, "tunnels": [{}]}, {"depth": 1, "x": 1}),
]


def model_with(annotation, **config):
    return create_model("Model", __config__=ConfigDict(**config), a=(annotation, ...))


def accepts(model, body):
    try:
        model.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def named(value):
    """A test's name that is the same in each process: without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    "annotation",
    [
        *(str, int, float, bool, Any, Decimal, date, time, timedelta, UUID, UUID4, Soil, Base64Bytes, bytes, SecretStr),
        *(HttpUrl, AnyUrl, int | None, Soil | None, list[int], set[int], tuple[int, str], tuple[int, ...], Burrow),
        *(dict[str, int], dict[Soil, int], Sequence[int], Literal["a", 1] | None, Gopher | Mole, Burrow | None),
        Annotated[int, Field(gt=0, lt=3)],
        Annotated[int, Field(ge=1, multiple_of=2)],
        Annotated[float, Field(gt=0, le=2)],
        Annotated[Decimal, Field(gt=1)],
        Annotated[str, Field(min_length=2, max_length=3)],
        Annotated[str, Field(pattern="^a")],
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)],
        Annotated[list[int], Field(min_length=1, max_length=2)],
        Annotated[dict[str, int], Field(min_length=1)],
        dict[Annotated[str, Field(pattern="^a")], int],
        dict[Annotated[str, Field(min_length=1)], int],
        Annotated[Gopher | Mole, Field(discriminator="kind")],
        Annotated[AwareDatetime, WithJsonSchema({"enum": ["2024-02-29T10:00:00Z"]})],
    ],
    ids=named,
)
def test_what_the_model_accepts_pydantic_accepts(annotation):
    pydantic_model = model_with(annotation, extra="forbid")

    validator = Draft4Validator(body_model(pydantic_model))

    accepted = [body for body in [{}, *({"a": value} for value in VALUES)] if validator.is_valid(body)]
    assert accepted != []
    assert [body for body in accepted if not accepts(pydantic_model, body)] == []


def check(value):
    return value


def kind_of(value):
    return value["kind"]


@pytest.mark.parametrize(
    ("annotation", "lost"),
    [
        (Annotated[int, AfterValidator(check)], "the validator check"),
        (Annotated[int, BeforeValidator(check)], "the validator check"),
        (Annotated[str, annotated_types.Predicate(str.islower)], "the validator "),
        (Annotated[date, Field(ge=date(2020, 1, 1))], "ge"),
        (Annotated[timedelta, Field(lt=timedelta(1))], "lt"),
        (PastDate, "now_op"),
        (FutureDate | None, "now_op"),
        (NaiveDatetime, "tz_constraint"),
        (Annotated[datetime, Field(gt=datetime(2020, 1, 1))], "gt"),  # noqa: DTZ001 - as users write it
        (Annotated[Decimal, Field(max_digits=5, decimal_places=2)], "max_digits, decimal_places"),
        (Annotated[bytes, Field(max_length=3)], "max_length"),
        (ByteSize, "the validator ByteSize"),
        (dict[int, str], "the type of the keys"),
        (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], "strip_whitespace"),
        (complex, "the type complex"),
        (
            Annotated[Annotated[Gopher, Tag("gopher")] | Annotated[Mole, Tag("mole")], Discriminator(kind_of)],
            "the discriminator kind_of",
        ),
    ],
    ids=named,
)
def test_a_constraint_that_only_python_can_check_is_refused_with_its_place(annotation, lost):
    with pytest.raises(ValueError, match=r"API Gateway does not enforce .* at Model#/properties/a") as error:
        body_model(model_with(annotation))

    assert lost in str(error.value)
    assert "body=YourModel.model_json_schema()" in str(error.value)


def test_a_stripped_string_is_refused_where_its_model_says_so_too():
    with pytest.raises(ValueError, match="strip_whitespace"):
        body_model(model_with(Annotated[str, Field(pattern="^..$")], str_strip_whitespace=True))


@pytest.mark.parametrize(
    ("annotation", "keyword"),
    [
        (Json[list[int]], "contentMediaType"),
        (Annotated[int | str, Field(gt=3)], "gt"),
        (dict[Annotated[str, Field(max_length=2)], int], "propertyNames"),
        (Annotated[str, Field(pattern="(?i)a")], "pattern"),
    ],
    ids=named,
)
def test_a_keyword_that_would_not_be_enforced_is_refused_with_its_place(annotation, keyword):
    with pytest.raises(ValueError, match=f"does not enforce the keyword '{keyword}' at Model#/properties/a"):
        body_model(model_with(annotation))


def test_a_validator_of_a_field_is_refused_with_its_name():
    class AddGopher(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def no_moles(cls, name: str) -> str:
            return name

    with pytest.raises(ValueError, match=r"the validator .*AddGopher\.no_moles at AddGopher#/properties/name"):
        body_model(AddGopher)


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_validator_of_an_inner_model_is_refused_with_its_place(mode):
    class Hole(BaseModel):
        depth: int

        @model_validator(mode=mode)
        def check(self):
            return self

    class AddHoles(BaseModel):
        first: Hole
        more: list[Hole]

    with pytest.raises(ValueError, match=r"the validator .*Hole\.check at AddHoles#/(properties/first|\$defs/Hole)"):
        body_model(AddHoles)


def test_what_python_checks_can_be_left_to_it_knowingly():
    class AddGopher(BaseModel):
        name: Annotated[str, AfterValidator(check)]

    assert body_model(AddGopher.model_json_schema())["properties"]["name"]["type"] == "string"


def test_bodies_are_described_by_alias_and_as_they_are_sent():
    class AddGopher(BaseModel):
        full_name: str = Field(alias="fullName")
        depth: int = 1

    model = body_model(AddGopher)

    assert model["required"] == ["fullName"]
    assert sorted(model["properties"]) == ["depth", "fullName"]


def test_several_aliases_are_refused_because_only_the_first_would_be_checked():
    class AddGopher(BaseModel):
        name: str = Field("x", validation_alias=AliasChoices("name", "label"))

    with pytest.raises(ValueError, match=r"validation_alias \[\['name'\], \['label'\]\]"):
        body_model(AddGopher)


def test_a_field_that_no_json_can_be_is_refused():
    with pytest.raises(ValueError, match="body: Model has no JSON Schema: "):
        body_model(model_with(Callable[[], int]))


def test_a_default_that_no_json_can_be_only_describes():
    class AddGopher(BaseModel):
        name: str = Field(default=cast("str", object()))

    assert body_model(AddGopher)["type"] == "object"


def test_examples_come_from_the_model():
    class AddGopher(BaseModel):
        model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Carl"}]})
        name: str

    assert examples_of(AddGopher) == [{"name": "Carl"}]


def test_constructs_are_used_without_pydantic_and_openapi():
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['pydantic', 'openapi_spec_validator', 'jsonschema', 'yaml', 'referencing'])\n"
        "from constructs_lib.storage_first_api.models import body_model, from_openapi\n"
        "print(body_model({'type': 'object'}))\n"
        "try: from_openapi({'openapi': '3.1.0'}, 'x')\n"
        "except ImportError as error: print(error)\n"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "draft-04" in run.stdout
    assert "pip install 'storage-first[openapi]'" in run.stdout
