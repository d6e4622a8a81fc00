"""The corpora through real HTTP, and what is in the stores afterwards."""

import json
import re
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile import corpora
from tests.hostile.calls import BENIGN
from tests.hostile.deployed import ROUTES, S3
from tests.hostile.slots import SLOTS, Slot, in_path, some_text

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("hostile")]

PROBLEM = "application/problem+json"
HTTP_SLOTS = [
    *(slot for slot in SLOTS if slot.place != "request id"),
    Slot(S3, "key", in_path("name"), lambda text: some_text(text) and len(text.encode()) <= 1000),
]
# U+FFFE and U+FFFF are no characters of messages; raw ones in a body are refused.
MESSAGES = {"POST /sqs", "POST /fifo", "POST /sns", "POST /topics/{group}"}
TEXTS = {"texts": lambda: corpora.TEXTS, "naughty strings": corpora.naughty_strings}


def new_mark():
    return f"mark-{uuid.uuid4().hex}"


def everywhere(route, text, mark):
    """A request with a text in every place that takes it, and its marked body."""
    event = {place: dict(value) for place, value in BENIGN.get(route, {}).items() if place != "body"}
    event.get("headers", {}).pop("Idempotency-Key", None)
    members, places = {"text": "-", "mark": mark}, []
    for slot in HTTP_SLOTS:
        if (
            slot.route != route
            or not text
            or not slot.takes(text)
            or slot.place == "Idempotency-Key"
            or not travels(slot, text)
        ):
            continue
        places += [slot.place] if slot.place != "body" else []
        for place, value in slot.event(text).items():
            if place == "body":
                members |= {name: member for name, member in json.loads(value).items() if member != "-"}
            else:
                event.setdefault(place, {}).update(value)
    if route == S3:
        members["more"] = [text]
        event.setdefault("path", {}).setdefault("name", mark)
    return {**event, "body": json.dumps(members, ensure_ascii=False).encode()}, places


def travels(slot, text):
    """Whether HTTP brings a text to this place as it is."""
    if "headers" in slot.event(text):
        return text == text.strip(" \t")
    # One segment of a path: servers and clients make something else of these two.
    return "path" not in slot.event(text) or text not in {".", ".."}


def same_body(route, sent, stored):
    """Whether a store has a body byte for byte; EventBridge writes its JSON anew."""
    return stored == json.loads(sent) if route.startswith("POST /events") else stored.encode() == sent


def require_problem(answer):
    assert answer.headers["content-type"] == PROBLEM, answer.text
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("texts", TEXTS)
def test_a_text_is_stored_byte_for_byte_or_refused_and_not_stored(deployed, route, texts):
    batch = new_mark()
    texts = [text for text in dict.fromkeys(TEXTS[texts]()) if len(text) < 300]
    if route == "POST /jobs":
        texts = texts[::10]  # each is worked on, too
    sent = [everywhere(route, text, f"{batch}-{index};") for index, text in enumerate(texts)]

    answers = deployed.send_all((route, event) for event, _ in sent)

    accepted = [index for index, answer in enumerate(answers) if answer.status_code == 202]
    records = deployed.records(route, batch, len(accepted))
    by_index = {int(str(record["body"]).split(f"{batch}-")[1].split(";")[0]): record for record in records}
    assert len(records) == len(by_index)
    assert sorted(by_index) == accepted
    wrong = [
        (texts[index], record)
        for index, record in by_index.items()
        if not same_body(route, sent[index][0]["body"], record["body"])
        or any(record[place] != texts[index] for place in sent[index][1] if place in record)
    ]
    assert wrong == []
    refused = [index for index in range(len(texts)) if index not in by_index]
    assert {answers[index].status_code for index in refused} <= {400}
    for index in refused:
        require_problem(answers[index])
    assert [texts[index] for index in refused if not may_be_refused(route, texts[index])] == []


def may_be_refused(route, text):
    return "\ufffd" in text or (route in MESSAGES and any(character in text for character in "\ufffe\uffff"))


@pytest.mark.parametrize("slot", [slot for slot in HTTP_SLOTS if slot.place not in {"body", "key"}], ids=str)
def test_what_a_place_does_not_take_is_refused_and_not_stored(deployed, slot):
    batch = new_mark()
    candidates = [*corpora.INJECTIONS, *corpora.TEMPLATE_CODE, *corpora.UNICODE, *corpora.LOOKALIKES]
    texts = [text for text in candidates if not slot.takes(text) and text and sendable(slot, text)]
    events = []
    for text in texts:
        event, _ = everywhere(slot.route, "", batch)
        members = json.loads(event["body"])
        for place, value in slot.event(text).items():
            if place == "body":
                members |= json.loads(value)
            else:
                event.setdefault(place, {}).update(value)
        events.append({**event, "body": json.dumps(members).encode()})

    answers = deployed.send_all((slot.route, event) for event in events)

    assert {answer.status_code for answer in answers} <= {400}
    for answer in answers:
        require_problem(answer)
    assert deployed.records(slot.route, batch, 0) == []


def sendable(slot, text):
    """Whether a client can put a text into this place at all."""
    return "headers" not in slot.event(text) or (text == text.strip() and not re.search("[\0-\x1f\x7f]", text))


def objects(texts):
    """Take each as a body, and as a member of one."""
    return [*texts.values(), *map(corpora.member, texts.values())]


BODIES = {
    "own": {"y": corpora.accepted_bodies, "n": corpora.refused_bodies, "i": corpora.debatable_bodies},
    "JSONTestSuite": {kind: lambda kind=kind: objects(corpora.parsing_texts(kind)) for kind in "yni"},
}
TEXT_ROUTES = [route for route in ROUTES if route != S3]


def with_body(route, body):
    """A request that no store takes for a repetition of another."""
    event, _ = everywhere(route, "", "")
    return {**event, "headers": {**event.get("headers", {}), "X-Text": uuid.uuid4().hex}, "body": body}


def stored_bodies(deployed, route, before, mark):
    """What has been stored since, and before a marked request that is sent now."""
    canary, _ = everywhere(route, "", mark)
    assert deployed.send(route, **canary).status_code == 202
    assert len(deployed.records(route, mark, 1)) == 1
    bodies = Counter(as_sent(record["body"]) for record in deployed.all_records(route))
    return list((bodies - before - Counter([as_sent(canary["body"].decode())])).elements())


def as_sent(body):
    """Make a text of a body: EventBridge has it as JSON."""
    return json.dumps(body) if isinstance(body, dict) else body


def bodies_of(deployed, route):
    return Counter(as_sent(record["body"]) for record in deployed.all_records(route))


@pytest.mark.parametrize("route", TEXT_ROUTES)
@pytest.mark.parametrize("corpus", BODIES)
def test_what_is_no_json_object_is_refused_and_nothing_is_stored(deployed, route, corpus):
    before = bodies_of(deployed, route)
    bodies = [body for body in BODIES[corpus]["n"]() if body]

    answers = deployed.send_all((route, with_body(route, body)) for body in bodies)

    wrong = [body for body, answer in zip(bodies, answers, strict=True) if not 400 <= answer.status_code < 500]
    assert wrong == []
    for answer in answers:
        require_problem(answer)
    assert stored_bodies(deployed, route, before, new_mark()) == []


@pytest.mark.parametrize("route", ["POST /jobs", "POST /sqs", "POST /sns", "POST /kinesis/{key}", "POST /states"])
def test_no_body_is_an_empty_object_as_api_gateway_has_it(deployed, route):
    before = bodies_of(deployed, route)

    answer = deployed.send(route, **with_body(route, b""))

    assert answer.status_code == 202
    assert stored_bodies(deployed, route, before, new_mark()) == ["{}"]


@pytest.mark.parametrize("route", TEXT_ROUTES)
@pytest.mark.parametrize("corpus", BODIES)
@pytest.mark.parametrize("kind", ["y", "i"])
def test_what_is_json_is_stored_byte_for_byte_or_refused(deployed, route, corpus, kind):
    before = bodies_of(deployed, route)
    bodies = list(dict.fromkeys(BODIES[corpus][kind]()))

    answers = deployed.send_all((route, with_body(route, body)) for body in bodies)

    assert {answer.status_code for answer in answers} <= {202, 400}
    for answer in answers:
        if answer.status_code != 202:
            require_problem(answer)
    accepted = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 202]
    sent = [canonical(body) if route.startswith("POST /events") else body.decode() for body in accepted]
    assert Counter(stored_bodies(deployed, route, before, new_mark())) == Counter(sent)
    if kind == "y":
        refused = [body for body in bodies if body not in accepted]
        assert [body for body in refused if has_text(body) and not may_be_refused(route, body.decode())] == []


def canonical(body):
    return json.dumps(json.loads(body))


def has_text(body):
    document = json.loads(body)
    return isinstance(document, dict) and "text" in document


@pytest.mark.parametrize("route", ["POST /dynamodb/{part}", "POST /jobs", "POST /topics/{group}", "POST /states"])
@pytest.mark.parametrize("id", ["spoofed", "a b", "", 'x","y":"', "../x", "a" * 65, "$x"])
def test_a_request_id_that_a_client_sets_overwrites_nothing(deployed, route, id):
    mark = new_mark()
    name = f"{id}{uuid.uuid4().hex[:8]}" if id == "spoofed" else id
    events = [everywhere(route, "", f"{mark}-{number};")[0] for number in range(3)]

    answers = [
        deployed.send(route, **{**event, "headers": {**event.get("headers", {}), "x-amzn-RequestId": name}})
        for event in events
    ]

    statuses = [answer.status_code for answer in answers]
    stored = [record["body"].encode() for record in deployed.records(route, mark, statuses.count(202))]
    sent = [event["body"] for event, status in zip(events, statuses, strict=True) if status == 202]
    assert sorted(stored) == sorted(sent)
    assert set(statuses) <= {202, 400, 422}
    if id == "spoofed" and route == "POST /jobs":
        assert statuses == [202, 422, 422]


@pytest.mark.parametrize("route", TEXT_ROUTES)
def test_a_media_type_without_a_template_is_refused_and_nothing_is_stored(deployed, route):
    mark = new_mark()
    types = ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    types += ["*/*", "application/*", "json", "application/json2", "text/json", "application/problem+json"]
    events = [everywhere(route, "", mark)[0] for _ in types]

    answers = deployed.send_all(
        (route, {**event, "headers": {**event.get("headers", {}), "Content-Type": type_}})
        for type_, event in zip(types, events, strict=True)
    )

    assert {answer.status_code for answer in answers} == {415}
    for answer in answers:
        require_problem(answer)
    assert deployed.records(route, mark, 0) == []


@pytest.mark.parametrize("route", TEXT_ROUTES)
@pytest.mark.parametrize("type_", [None, "application/json;charset=utf-8", "Application/JSON", "application/json; x=y"])
def test_json_by_any_of_its_names_is_stored(deployed, route, type_):
    mark = new_mark()
    event, _ = everywhere(route, "", mark)

    answer = deployed.send(route, **{**event, "headers": {**event.get("headers", {}), "Content-Type": type_}})

    assert answer.status_code == 202
    (record,) = deployed.records(route, mark, 1)
    assert same_body(route, event["body"], record["body"])


def test_fifty_submits_at_once_with_one_key_are_one_job_and_one_stream_record(deployed):
    key, mark = uuid.uuid4().hex, new_mark()
    event = {"body": json.dumps({"mark": mark}).encode(), "headers": {"Idempotency-Key": key}}

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: deployed.send("POST /jobs", **event), range(50)))

    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(202, key)}
    assert len(deployed.records("POST /jobs", mark, 1)) == 1
    inserts = [
        record
        for record in deployed.stream_records("JobsTable")
        if mark in str(record["dynamodb"].get("NewImage", {}).get("input"))
    ]
    assert [record["eventName"] for record in inserts].count("INSERT") == 1
