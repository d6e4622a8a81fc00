from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_first.client.sending import retry_after

LONG_AGO = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)


def answer(**headers):
    return httpx.Response(503, headers={name.replace("_", "-"): value for name, value in headers.items()})


@given(st.integers(min_value=0, max_value=86_400))
def test_seconds_are_seconds(seconds):
    assert retry_after(answer(Retry_After=str(seconds))) == seconds


@given(st.integers(min_value=0, max_value=86_400))
def test_a_date_is_held_against_the_api_s_own_clock(seconds):
    then = LONG_AGO + timedelta(seconds=seconds)

    wish = answer(Retry_After=format_datetime(then, usegmt=True), Date=format_datetime(LONG_AGO, usegmt=True))

    assert retry_after(wish) == seconds


def test_without_the_api_s_clock_ours_will_do():
    then = datetime.now(UTC) + timedelta(hours=1)

    assert retry_after(answer(Retry_After=format_datetime(then, usegmt=True))) == pytest.approx(3600, abs=10)


def test_a_date_that_has_passed_is_now():
    assert retry_after(answer(Retry_After=format_datetime(LONG_AGO, usegmt=True))) == 0


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_whatever_else_it_says_it_is_no_wish_or_a_pause_that_ends(text):
    wish = retry_after(httpx.Response(503, headers=[(b"Retry-After", text.encode("latin-1"))]))

    assert wish is None or 0 <= wish <= 366 * 86_400


@pytest.mark.parametrize("text", ["9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "Sun Nov  6 08:49:37 1994"])
def test_odd_wishes_are_read(text):
    assert 0 <= retry_after(answer(Retry_After=text)) <= 366 * 86_400
