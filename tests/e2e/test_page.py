"""The sample's page in a browser, against the sample on the local cloud."""

import itertools
import json
import os
import re
import time
import uuid

import httpx
import pytest
from playwright.sync_api import expect

from scripts.screenshot import add_gopher, dig_holes, open_browser
from tests.e2e.conftest import problem

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]

FILES = {
    "": "text/html; charset=utf-8",
    **dict.fromkeys(
        (f"page/{name}.js" for name in ("api", "card", "form", "jobs", "page", "push")),
        "text/javascript; charset=utf-8",
    ),
    "page/page.css": "text/css; charset=utf-8",
}
SOCKET = re.compile(r"/_aws/execute-api/")
MANY_HOLES = 2000  # a gopher is at work on them for some seconds


@pytest.fixture(scope="module")
def browser():
    try:
        with open_browser() as browser:
            yield browser
    except FileNotFoundError as missing:
        if os.environ.get("STORAGE_FIRST_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(str(missing))


@pytest.fixture
def screen(browser, api):
    """Opens pages; what the browser complains of fails the test in the end."""
    screens = []

    def open_page(**options):
        screens.append(Screen(browser.new_context(**options), str(api.http.base_url)))
        return screens[-1]

    yield open_page
    for screen in screens:
        screen.page.unroute_all(behavior="wait")  # what a test answers itself, it answers to the end
        screen.context.close()
    assert [complaint for screen in screens for complaint in screen.complaints] == []


class Screen:
    """One page, as its user sees it."""

    def __init__(self, context, url):
        self.context = context
        self.url = url
        self.page = context.new_page()
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message):
        # A refusal is part of the contract, and a socket that is dropped part of a test; Chromium reports both.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, state="live"):
        self.page.goto(self.url)
        self.expect_state(state)
        return self

    def expect_state(self, state):
        expect(self.page.locator("#connection")).to_have_attribute("data-state", state)

    def card(self, name):
        heading = self.page.get_by_role("heading", name=name, exact=False)
        return self.page.get_by_role("listitem").filter(has=heading)

    def card_of(self, id):
        return self.page.get_by_role("listitem").filter(has_text=id)

    def form(self, name):
        return self.page.get_by_role("form", name=name)

    def add_gopher(self, name=None, location="the burrow"):
        name = name or f"Gus {uuid.uuid4().hex[:8]}"
        add_gopher(self.page, name, location)
        return self.card(name)

    def requests(self, method, end):
        """Collects the requests of one kind from now on."""
        found = []

        def note(request):
            if request.method == method and request.url.endswith(end):
                found.append(request)

        self.page.on("request", note)
        return found


def status(card, text):
    expect(card.locator(".status")).to_have_text(text)


@pytest.fixture
def busy(api, cloud):
    """A place where a gopher is at work for a while."""
    location = f"the old oak {uuid.uuid4().hex[:8]}"
    dig_holes(cloud, location, MANY_HOLES)
    return location


@pytest.mark.parametrize(("path", "content_type"), FILES.items())
def test_a_file_is_what_it_says_and_is_sent_once(api, path, content_type):
    first = api.http.get(path, headers={"Accept": "text/html,image/avif"})

    again = api.http.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, first.headers["content-type"]) == (200, content_type)
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    kept = ("cache-control", "content-type", "content-security-policy", "etag")
    assert {name: again.headers.get(name) for name in kept} == {name: first.headers.get(name) for name in kept}


def test_the_page_may_load_its_own_files_and_talk_to_its_own_api_alone(api):
    (push,) = (link["href"] for link in api.http.get("links").json()["links"] if link["rel"] == "push")

    policy = api.http.get("").headers["content-security-policy"]

    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == f"'self' {push}"


def test_without_its_slash_the_page_is_one_redirect_away(api):
    answer = httpx.get(str(api.http.base_url).rstrip("/"))

    assert (answer.status_code, answer.headers["location"]) == (308, "/prod/")


def test_a_file_that_is_not_there_is_a_problem_that_tells_nothing_of_where_it_was(api, cloud):
    s3 = cloud.client("s3")
    etag = api.http.get("page/page.css").headers["etag"]
    buckets = (bucket["Name"] for bucket in s3.list_buckets()["Buckets"])
    (bucket,) = (name for name in buckets if "assets" in name)
    (key,) = (item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"] if item["ETag"] == etag)
    file = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    try:
        answer = api.http.get("page/page.css")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=file)

    assert problem(answer)["detail"] == "The API cannot serve this request."
    assert answer.status_code == 500
    assert bucket not in answer.text


def test_a_gopher_s_progress_is_pushed_until_it_has_succeeded(screen, busy):
    screen = screen().open()
    status(screen.add_gopher(), "Succeeded")  # and all functions run
    lists = screen.requests("GET", "/jobs")

    card = screen.add_gopher(location=busy)

    expect(card).to_contain_text("Linking the holes at its location")
    expect(card.get_by_role("progressbar")).to_have_js_property("value", 50)
    status(card, "Succeeded")
    expect(card.get_by_role("progressbar")).to_have_js_property("value", 100)
    expect(card.get_by_role("link")).to_have_attribute("href", re.compile("/prod/gophers/"))
    card.locator("summary").click()
    expect(card).to_contain_text(f'"holes": {MANY_HOLES}')
    assert lists == []


def test_a_hole_is_dug_as_deep_as_it_says(screen, api):
    screen = screen().open()
    form = screen.form("Dig a hole")
    location = uuid.uuid4().hex

    form.get_by_label("Location").fill(location)
    form.get_by_label("Depth").fill("40.5")
    form.get_by_role("button").click()

    card = screen.card(location)
    status(card, "Succeeded")
    hole = api.http.get(card.get_by_role("link").get_attribute("href").removeprefix("/prod/")).json()
    assert (hole["location"], hole["depth"]) == (location, 40.5)


def test_a_job_that_failed_says_why_and_can_be_tried_again(screen, api):
    screen = screen().open()
    name = f"Gus {uuid.uuid4().hex[:8]}"
    status(screen.add_gopher(name), "Succeeded")

    card = screen.add_gopher(name).first
    status(card, "Failed")
    expect(card).to_contain_text(f"NameTaken: There is already a gopher called {name}")
    api.dynamodb.delete_item(TableName=api.holes_table, Key={"pk": {"S": f"NAME#{name}"}, "sk": {"S": "NAME"}})
    card.get_by_role("button", name="Try again").click()

    status(card, "Succeeded")
    expect(card).to_contain_text("attempt 2")


def test_a_job_under_way_can_be_cancelled_and_the_keyboard_stays_where_it_was(screen, busy):
    screen = screen().open()
    card = screen.add_gopher(location=busy)
    cancel = card.get_by_role("button", name="Cancel")
    cancel.focus()

    cancel.press("Enter")

    status(card, "Cancelled")
    expect(cancel).to_be_hidden()
    expect(card.get_by_role("button", name="Try again")).to_be_visible()
    expect(card.get_by_role("heading")).to_be_focused()


def test_what_can_no_longer_be_cancelled_says_so_in_the_api_s_words(screen, api):
    screen = screen().open()
    screen.page.route("**/jobs/*", refuse_cancelling)
    card = screen.add_gopher()

    expect(card.get_by_role("button", name="Cancel")).to_be_visible()
    card.get_by_role("button", name="Cancel").click()

    expect(card.get_by_role("alert")).to_have_text("Conflict: It is too late.")


def refuse_cancelling(route):
    """Show every job as under way; refuse to cancel it."""
    if route.request.method == "DELETE":
        refusal = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "It is too late."}
        route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(refusal))
        return
    answer = route.fetch()
    job = answer.json()
    links = [{"rel": "self", "href": f"/prod/jobs/{job['id']}"}, {"rel": "cancel", "href": f"/prod/jobs/{job['id']}"}]
    route.fulfill(response=answer, json={**job, "version": 1000, "status": "In Progress", "links": links})


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"Location": ""}, {"location": ""}),
        ({"Location": "x" * 101}, {"location": "x" * 101}),
        ({"Location": "x", "Depth": "-1"}, {"location": "x", "depth": -1}),
        ({"Location": "x", "Depth": "deep"}, {"location": "x", "depth": "deep"}),
    ],
    ids=["missing", "too long", "negative", "no number"],
)
def test_what_is_not_valid_is_refused_in_the_contract_s_words(screen, api, fields, body):
    refusal = problem(api.http.post("holes", json=body))
    screen = screen().open()
    form = screen.form("Dig a hole")

    for label, text in fields.items():
        form.get_by_label(label).fill(text)
    form.get_by_role("button").click()

    expect(form.get_by_role("alert")).to_have_text(f"{refusal['title']}: {refusal['detail']}")
    expect(form.get_by_label("Location")).to_have_value(fields["Location"])


def test_a_request_whose_answer_was_lost_is_sent_again_under_its_key_and_the_next_under_another(screen):
    screen = screen().open()
    sent = screen.requests("POST", "/gophers")
    screen.page.route("**/gophers", lambda route: route.abort(), times=1)
    form = screen.form("Add a gopher")
    name = f"Gus {uuid.uuid4().hex[:8]}"
    form.get_by_label("Name").fill(name)
    form.get_by_label("Location").fill("x")

    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("It is safe to try again")
    form.get_by_role("button").click()
    status(screen.card(name), "Succeeded")
    screen.add_gopher()

    lost, again, other = (request.headers["idempotency-key"] for request in sent)
    assert lost == again != other
    expect(form.get_by_role("alert")).to_be_hidden()


def test_two_clicks_are_one_request(screen):
    screen = screen().open()
    sent = screen.requests("POST", "/gophers")
    form = screen.form("Add a gopher")
    name = f"Gus {uuid.uuid4().hex[:8]}"
    form.get_by_label("Name").fill(name)
    form.get_by_label("Location").fill("x")

    form.get_by_role("button").dblclick()

    status(screen.card(name), "Succeeded")
    assert len(sent) == 1


def test_a_job_that_somebody_else_asked_for_is_shown_with_its_links(screen, api):
    screen = screen().open()

    id = api.add_gopher().json()["id"]

    card = screen.card_of(id)
    status(card, "Succeeded")
    expect(card.get_by_role("link")).to_have_attribute("href", f"/prod/gophers/{id}")


def test_the_page_shows_the_newest_jobs_first_and_older_ones_when_asked(screen, api):
    ids = [api.add_gopher().json()["id"] for _ in range(51)]
    screen = screen()
    Switch(screen.page, passes_events=False)  # a late one would bring the job that it tells of
    screen.open()
    expect(screen.card_of(ids[-1])).to_be_visible()
    expect(screen.card_of(ids[0])).to_be_hidden()

    screen.page.get_by_role("button", name="Show older jobs").click()

    expect(screen.card_of(ids[0])).to_be_visible()
    moments = screen.page.locator("#jobs time").evaluate_all("times => times.map(({ dateTime }) => dateTime)")
    assert moments == sorted(moments, reverse=True)


class Switch:
    """Stands between a page and its WebSocket: drops it, lets it through again, says what it likes."""

    def __init__(self, page, *, passes_events=True):
        self.on = True
        self._passes_events = passes_events
        self._open = []
        page.route_web_socket(SOCKET, self._connect)

    def _connect(self, socket):
        if self.on:
            server = socket.connect_to_server()
            server.on_message(lambda text: self._pass(socket, text))
            self._open.append(socket)
        else:
            socket.close()

    def _pass(self, socket, text):
        if self._passes_events or json.loads(text)["detail-type"] == "Subscribed":
            socket.send(text)

    def drop(self):
        self.on = False
        for socket in self._open:
            socket.close()

    def say(self, kind, detail):
        self._open[-1].send(json.dumps({"detail-type": kind, "detail": detail}))


def test_a_page_whose_socket_drops_says_so_and_is_live_again_by_itself(screen):
    screen = screen()
    switch = Switch(screen.page)
    screen.open()

    switch.drop()
    expect(screen.page.get_by_text("Not connected: asking every few seconds")).to_be_visible()
    switch.on = True

    expect(screen.page.get_by_text("Connected again")).to_be_visible()
    lists = screen.requests("GET", "/jobs")
    status(screen.add_gopher(), "Succeeded")
    assert len(lists) <= 1  # one look at what had changed until then


def test_a_page_without_a_socket_polls_until_the_network_is_back(screen):
    screen = screen()
    switch = Switch(screen.page)
    switch.on = False
    screen.open("polling")

    status(screen.add_gopher(), "Succeeded")
    switch.on = True
    screen.page.evaluate("window.dispatchEvent(new Event('online'))")

    screen.expect_state("live")


def test_a_page_that_polls_comes_back_when_the_api_says(screen):
    screen = screen()
    Switch(screen.page).on = False
    screen.open("polling")
    times = []

    def throttle(route):
        times.append(time.monotonic())
        refusal = {"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "Later, please."}
        headers = {"Content-Type": "application/problem+json", "Retry-After": "2"}
        route.fulfill(status=429, headers=headers, body=json.dumps(refusal))

    screen.page.route("**/prod/jobs", throttle, times=3)
    with screen.page.expect_request(lambda request: request.url.endswith("/jobs") and len(times) == 3, timeout=60_000):
        pass
    times.append(time.monotonic())

    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(times))


def test_what_is_told_late_changes_nothing(screen, api):
    ids = [api.add_gopher().json()["id"] for _ in range(2)]
    for id in ids:
        api.ended(id)
    screen = screen()
    switch = Switch(screen.page, passes_events=False)
    screen.open()
    old, new = (screen.card_of(id) for id in ids)
    for id, card in zip(ids, (old, new), strict=True):
        status(card, "Succeeded")
        screen.page.route(f"**/jobs/{id}", lambda route: route.abort())  # what was told is not made good
    event = {"type": "add-gopher", "tenant": "default", "attempt": 9, "error": None, "time": "2026-01-01T00:00:00.000Z"}
    progress = {"percent": 1, "message": "Late"}

    for late in (5, 6):
        switch.say(
            "Job Status Changed",
            {**event, "id": ids[0], "status": "In Progress", "version": late, "progress": progress},
        )
    switch.say("Job Progressed", {**event, "id": ids[1], "status": "Succeeded", "version": 7, "progress": progress})

    expect(new).to_contain_text("attempt 9")
    expect(old).not_to_contain_text("attempt 9")
    status(old, "Succeeded")


def test_a_gopher_is_added_by_keyboard_alone(screen):
    screen = screen().open()
    press, type_ = screen.page.keyboard.press, screen.page.keyboard.type
    name = f"Gus {uuid.uuid4().hex[:8]}"

    press("Tab")
    expect(screen.page.get_by_role("link", name="Skip to the jobs")).to_be_focused()
    press("Tab")
    type_(name)
    press("Tab")
    type_("the burrow")
    press("Enter")
    status(screen.card(name), "Succeeded")
    form = screen.form("Add a gopher")
    expect(form.get_by_label("Location")).to_be_focused()
    press("Tab")

    button = form.get_by_role("button")
    expect(button).to_be_focused()
    expect(button).to_have_css("outline-style", "solid")


def test_the_focus_stays_where_it_is_while_the_list_grows(screen, api):
    screen = screen().open()
    name = f"Gus {uuid.uuid4().hex[:8]}"
    status(screen.add_gopher(name), "Succeeded")
    again = screen.card(name).get_by_role("link")
    again.focus()

    ids = [api.add_gopher().json()["id"] for _ in range(5)]

    for id in ids:
        status(screen.card_of(id), "Succeeded")
    expect(again).to_be_focused()


def test_one_s_own_jobs_are_announced_and_those_of_others_are_not(screen, api):
    screen = screen().open()
    announced = screen.page.locator("#announcements")
    others = api.add_gopher().json()["id"]
    status(screen.card_of(others), "Succeeded")
    name = f"Gus {uuid.uuid4().hex[:8]}"

    screen.add_gopher(name)

    expect(announced).to_contain_text(f"Add gopher: {name}: Succeeded.")
    expect(screen.page.locator("#jobs [role=status], #jobs [aria-live]")).to_have_count(0)


def test_each_progress_bar_and_button_says_of_which_job_it_is(screen):
    screen = screen().open()
    name = f"Gus {uuid.uuid4().hex[:8]}"

    card = screen.add_gopher(name)

    expect(card.get_by_role("progressbar")).to_have_accessible_name(f"Progress of Add gopher: {name}")
    expect(card.get_by_role("link")).to_have_accessible_name(f"Open: Add gopher: {name}")


def test_a_phone_needs_no_sideways_scrolling(screen):
    screen = screen(viewport={"width": 360, "height": 740}).open()
    name = uuid.uuid4().hex * 3
    screen.add_gopher(name)
    card = screen.add_gopher(name).first
    status(card, "Failed")
    card.locator("summary").click()

    wide = screen.page.locator("body *").evaluate_all(
        "all => all.filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > 360)"
        ".map((each) => each.outerHTML)"
    )

    assert wide == []
    assert screen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_a_gopher_is_called_is_text_and_never_markup(screen):
    screen = screen().open()
    name = f"<img src=x onerror=document.title='owned'>{uuid.uuid4().hex[:8]}"
    status(screen.add_gopher(name), "Succeeded")

    card = screen.add_gopher(name).first

    expect(card).to_contain_text(f"There is already a gopher called {name}")
    expect(screen.page.locator("img")).to_have_count(0)
    expect(screen.page).to_have_title("Gopher Holes")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_dark_as_its_user_wants_it(screen, scheme, dark):
    screen = screen(color_scheme=scheme).open()

    ground = screen.page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")

    assert (max(map(int, re.findall(r"\d+", ground)[:3])) < 128) is dark


def test_an_api_out_of_reach_is_told_of_in_the_page(screen):
    screen = screen()
    screen.page.route("**/links", lambda route: route.fulfill(status=403, json={"message": "Forbidden"}))
    screen.page.goto(screen.url)

    expect(screen.page.locator("#connection")).to_have_text("Status 403: Forbidden")
    screen.complaints.clear()  # the page says it, and its console too
