"""Takes the picture of the sample's page for the README: `python scripts/screenshot.py [FILE]`."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from storage_first.local.cloud import LocalCloud

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "page.png"
WIDTH, HEIGHT = 1000, 780

_CHROMIUM = "chromium"  # Debian's name for it
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_MANY_HOLES = 3000  # enough for a gopher to be seen at work

expect.set_options(timeout=60_000)  # milliseconds: a busy machine takes its time


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run the machine's own Chromium, out of sight.

    Raises:
        FileNotFoundError: If there is none.
    """
    program = shutil.which(_CHROMIUM)
    if program is None:
        raise FileNotFoundError(f"There is no {_CHROMIUM} on this machine: install Debian's package of that name.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def dig_holes(cloud: LocalCloud, location: str, count: int) -> None:
    """Put many holes at one location into the table, so that the next gopher there is at work for a while."""
    dynamodb = cloud.client("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "HolesTable" in name)
    for start in range(0, count, 25):
        names = [f"{location}-{number:05}" for number in range(start, min(start + 25, count))]
        items = [{"pk": f"HOLE#{name}", "sk": "HOLE", "holeId": name, "holeLocation": location} for name in names]
        puts = [{"PutRequest": {"Item": {key: {"S": text} for key, text in item.items()}}} for item in items]
        dynamodb.batch_write_item(RequestItems={table: puts})


def add_gopher(page: Page, name: str, location: str) -> None:
    """Fill in the form for gophers, and send it."""
    form = page.get_by_role("form", name="Add a gopher")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Location").fill(location)
    form.get_by_role("button").click()
    expect(form.get_by_label("Name")).to_have_value("")


def compose(page: Page, cloud: LocalCloud) -> None:
    """Bring the page to where its jobs are of all kinds."""
    dig_holes(cloud, "the old oak", _MANY_HOLES)
    jobs = page.get_by_role("listitem")
    add_gopher(page, "Gus", "Hole 19")
    expect(jobs.first).to_contain_text("Succeeded")
    add_gopher(page, "Gus", "the pond")
    expect(jobs.first).to_contain_text("Failed")
    add_gopher(page, "Greta", "the old oak")
    jobs.first.get_by_role("button", name="Cancel").click()
    expect(jobs.first).to_contain_text("Cancelled")
    form = page.get_by_role("form", name="Dig a hole")
    form.get_by_label("Location").fill("the bunker")
    form.get_by_label("Depth").fill("40")
    form.get_by_role("button").click()
    expect(jobs.first).to_contain_text("Succeeded")
    add_gopher(page, "Gina", "the old oak")
    expect(jobs.first).to_contain_text("Linking")
    page.mouse.move(0, 0)  # away from what it would highlight


def main(picture: Path) -> None:
    """Run the sample, and take the picture."""
    with LocalCloud.start(cwd=ROOT) as cloud, open_browser() as browser:
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
        )
        page.goto(cloud.apis[0].url)
        expect(page.locator("#connection")).to_contain_text("Live")
        compose(page, cloud)
        page.screenshot(path=picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
