"""When a webhook is tried again, by a clock that is moved by hand."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from imagegen.callbacks.schedule import PUT_OFF, TRIES, Answer, verdict

NOON = 1_795_348_800.0


def test_eight_tries_over_a_day() -> None:
    """At once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h; then it is given up."""
    clock, waits = NOON, []
    for tries in range(1, TRIES):
        found = verdict(Answer(500), tries, clock)
        assert (found.state, found.reason) == ("due", "answers 500")
        waits.append(found.due - clock)
        clock = found.due
    assert waits == [5, 300, 1800, 7200, 18000, 36000, 36000]
    assert verdict(Answer(500), TRIES, clock).state == "given_up"
    assert verdict(Answer(200), TRIES, clock).state == "delivered"


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (301, "due"), (304, "due"), (400, "due"),
     (404, "due"), (410, "given_up"), (429, "due"), (503, "due"), (199, "due"), (None, "due")],
)  # fmt: skip
def test_what_counts_as_delivered(status: int | None, state: str) -> None:
    """2xx and nothing else; 410 ends it at once; everything else has a reason."""
    found = verdict(Answer(status, "does not answer in time"), 1, NOON)
    assert found.state == state
    assert (found.reason is None) == (state == "delivered")


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("120", 120),
        ("0", 5),
        ("2", 5),
        (formatdate(NOON + 600, usegmt=True), 600),
        (formatdate(NOON - 600, usegmt=True), 5),
        ("99999999999999999999", PUT_OFF),
        (formatdate(NOON + 10 * 86_400, usegmt=True), PUT_OFF),
        ("soon", 5),
        ("-60", 5),
        ("١٢٠", 5),
        ("", 5),
        ("Sun, 99 Nov 2026 12:00:00 GMT", 5),
    ],
)
def test_a_receiver_may_put_us_off(said: str, waits: float) -> None:
    """Retry-After in seconds or as a date, never sooner than the schedule, never for more than a day."""
    assert verdict(Answer(503, "", said), 1, NOON).due - NOON == pytest.approx(waits)
