"""One row of a dozen meets a fault: it ends in the right state at the right price, and the others do not notice."""

from __future__ import annotations

import base64
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.money import nano
from tests.cloud import Cloud
from tests.run.cloudrun import KEY, Ended, Place

ROWS = [f"r{n:02}" for n in range(12)]
SICK = "r05"


@dataclass(frozen=True)
class Case:
    """What a fault of the sick row comes to. `requests` are those for its prompt; `charge`: "bill" is exactly what
    the server charged, "nothing" 0, "open" not known. `again` is its state in a second run without faults."""

    kind: str
    state: str
    code: int
    charge: str
    reason: str = ""
    requests: int = 1
    again: str = "kept"
    times: int | None = None
    seconds: float = 1.0


#: The fault passes by itself: the row is made, and each try is one attempt.
PASSING = [
    Case("rate_limit", "made", 0, "bill", requests=2, times=1, seconds=0.2),
    Case("rate_limit_date", "made", 0, "bill", requests=2, times=1),
    Case("rate_limit_bare", "made", 0, "bill", requests=2, times=1),
    Case("slow_down", "made", 0, "bill", requests=2, times=1),
    Case("overloaded", "made", 0, "bill", requests=3, times=2),
    Case("slow_body", "made", 0, "bill", seconds=0.5),
    Case("more", "made", 0, "bill"),
]
#: Refused before work: nothing is charged, and the next run may ask again.
REFUSED = [
    Case("moderation", "refused", 3, "nothing", "moderation_blocked", again="made"),
]
#: Sent, and nobody can say: listed, counted, not bought again.
UNKNOWN = [
    Case("server_error", "unknown", 6, "open", "answered 500", again="unknown"),
    Case("server_error_charged", "unknown", 6, "open", "answered 500", again="unknown"),
    Case("cut_before", "unknown", 6, "open", "possibly charged", again="unknown"),
    Case("cut_accepted", "unknown", 6, "open", "possibly charged", again="unknown"),
    Case("cut_headers", "unknown", 6, "open", "broke off", again="unknown"),
    Case("cut_body", "unknown", 6, "open", "broke off", again="unknown"),
    Case("html", "unknown", 6, "open", "not the JSON", again="unknown"),
    Case("echo", "unknown", 6, "open", "not the JSON", again="unknown"),
]
#: Paid for, and no use: kept as evidence, and not bought again either.
USELESS = [
    Case("wrong_size", "failed", 3, "bill", "no use", again="failed"),
    Case("truncated", "failed", 3, "bill", "no use", again="failed"),
    Case("blank", "failed", 3, "bill", "no use", again="failed"),
    Case("not_a_picture", "failed", 3, "bill", "not a picture", again="failed"),
    Case("bad_base64", "failed", 3, "bill", "not base64", again="failed"),
    Case("empty", "failed", 3, "bill", "no picture", again="failed"),
]
#: No other request would fare better: the run stops asking, and ends with 5.
STOPPING = [
    Case("quota", "failed", 5, "nothing", "no credit left", again="made"),
    Case("bad_key", "failed", 5, "nothing", "key was not accepted", again="made"),
    Case("unverified", "failed", 5, "nothing", "must be verified", again="made"),
    Case("no_route", "failed", 5, "nothing", "check the base URL", again="made"),
    Case("moved", "failed", 5, "nothing", "check the base URL", again="made"),
]


def _name(case: Case) -> str:
    return case.kind


def _run(place: Place, cloud: Cloud, case: Case) -> Ended:
    cloud.faults.add(case.kind, prompt=SICK, times=case.times, seconds=case.seconds)
    return place.run(place.manifest([{"id": each, "prompt": f"{each} a lighthouse"} for each in ROWS]))


def _sick(cloud: Cloud) -> list[Any]:
    return [asked for asked in cloud.requests if SICK in asked.prompt]


def _check(place: Place, cloud: Cloud, ended: Ended, case: Case) -> None:
    """State, reason, exit code and price of the sick row."""
    row = ended.rows[SICK]
    assert (ended.code, row["state"]) == (case.code, case.state), ended.err
    assert ended.summary["exit_code"] == case.code
    assert case.reason in (row["reason"] or "")
    assert len(_sick(cloud)) == case.requests
    billed = sum(charge.amount for charge in cloud.charges if SICK in charge.prompt)
    cost = None if row["cost_usd"] is None else nano(row["cost_usd"])
    assert cost == {"bill": billed, "nothing": 0, "open": None}[case.charge]
    assert (billed > 0) == (case.charge == "bill" or (case.kind.startswith(("server_error_charged", "cut_"))
                            and case.kind != "cut_before") or case.kind == "html")  # fmt: skip
    if case.charge != "open":
        assert place.books.total == cloud.bill
        assert nano(ended.summary["spent_usd"]) == cloud.bill
        assert place.books.attempts("unknown") == []
    else:
        (left,) = place.books.attempts("unknown")
        assert left.rows == (SICK,)
        assert place.books.total + billed == cloud.bill
        assert billed <= left.reserved == nano(ended.summary["unknown_at_most_usd"])
        assert place.unknown() == {left.id: [SICK]}


def _check_again(place: Place, cloud: Cloud, case: Case) -> None:
    """A second run, when all is well again, buys nothing that was charged or may have been."""
    cloud.faults.clear()
    asked, charged = len(cloud.requests), {charge.prompt for charge in cloud.charges}
    ended = place.run(place.folder / "rows.csv")
    assert ended.states[SICK] == case.again, ended.err
    assert {state for name, state in ended.states.items() if name != SICK} <= {"kept", "made"}
    assert all(request.prompt not in charged for request in cloud.requests[asked:])
    if case.again in ("failed", "unknown"):
        assert len(cloud.requests) == asked
        assert ended.code == {"failed": 3, "unknown": 6}[case.again]
    else:
        assert ended.code == 0


@pytest.mark.parametrize("case", PASSING + REFUSED + UNKNOWN + USELESS, ids=_name)
def test_one_sick_row(place: Place, cloud: Cloud, case: Case) -> None:
    """A fault of one row gives that row its state, reason and price, and the run its exit code; the other eleven
    are made. A second run buys nothing that was charged, and the key is nowhere."""
    ended = _run(place, cloud, case)
    _check(place, cloud, ended, case)
    assert {state for name, state in ended.states.items() if name != SICK} == {"made"}
    place.pictures(ended.rows)
    _no_key(place, ended)
    _check_again(place, cloud, case)
    assert place.strays() == []


@pytest.mark.parametrize("case", STOPPING, ids=_name)
def test_a_stop_of_the_provider(place: Place, cloud: Cloud, case: Case) -> None:
    """A refused key, no credit or a wrong address stops the asking: what was in flight is kept, the rest is skipped,
    exit 5; when it is mended a second run makes what is missing."""
    ended = _run(place, cloud, case)
    _check(place, cloud, ended, case)
    rest = "failed" if case.kind == "unverified" else "skipped"  # other models may be open to this key
    assert {state for name, state in ended.states.items() if name != SICK} <= {"made", rest}
    assert sorted(ended.rows) == ROWS
    assert case.reason in ended.summary["stopped_by"]
    place.pictures(ended.rows)
    _no_key(place, ended)
    _check_again(place, cloud, case)


@pytest.mark.parametrize("kind", ["bad_key", "quota"])
def test_a_revoked_key_costs_few_calls(place: Place, cloud: Cloud, kind: str) -> None:
    """When nothing can be bought at all, no more than one call for each worker finds that out."""
    cloud.faults.add(kind)
    ended = place.run(place.manifest([{"id": f"r{n}", "prompt": f"r{n}"} for n in range(200)]), workers=8)
    assert (ended.code, cloud.bill) == (5, 0)
    assert len(cloud.requests) <= 8
    assert {event["state"] for event in ended.rows.values()} == {"failed", "skipped"}


def test_a_model_that_is_gone(place: Place, cloud: Cloud) -> None:
    """404 for one model fails its rows without asking for each; rows of another model are made."""
    cloud.faults.add("model_gone", prompt="gone")
    rows = [{"id": f"g{n:02}", "prompt": f"gone {n}"} for n in range(12)]
    rows += [{"id": f"h{n:02}", "prompt": f"here {n}", "model": "gpt-image-2"} for n in range(6)]
    ended = place.run(place.manifest(rows))
    assert ended.code == 3
    assert {name[0]: state for name, state in ended.states.items()} == {"g": "failed", "h": "made"}
    assert len([asked for asked in cloud.requests if "gone" in asked.prompt]) <= 4


def test_no_usage_books_the_most(place: Place, cloud: Cloud) -> None:
    """Where the provider does not say what a picture cost, all that was set aside for it is booked."""
    cloud.faults.add("no_usage", prompt=SICK)
    ended = place.run(place.manifest([{"id": SICK, "prompt": SICK}, {"id": "r1", "prompt": "well"}]))
    assert (ended.code, ended.states) == (0, {SICK: "made", "r1": "made"})
    (attempt,) = [each for each in place.books.attempts("done") if each.prompt == SICK]
    assert (attempt.charged, attempt.basis) == (attempt.reserved, "reserved")
    assert place.books.total >= cloud.bill


def test_evidence_is_kept(place: Place, cloud: Cloud) -> None:
    """What was paid for and is no use is kept byte for byte, with its flaw, and never under the row's key."""
    cloud.faults.add("not_a_picture", prompt="one")
    cloud.faults.add("truncated", prompt="two")
    ended = place.run(place.manifest([{"id": "one", "prompt": "one"}, {"id": "two", "prompt": "two"}]))
    assert set(ended.states.values()) == {"failed"}
    kept = [path.read_bytes() for path in (place.home / "cache" / "images").rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert any(base64.b64encode(b"I am no picture.") in data for data in kept)
    assert any(data.startswith(b"\x89PNG") for data in kept)
    sidecars = {path.stem for path in (place.home / "cache" / "sidecars").rglob("*.json")}
    assert len(sidecars) == 2
    assert sidecars.isdisjoint(event["key"] for event in ended.rows.values())
    flaws = dict(place.books.ask("SELECT key, flaw FROM artifacts"))
    assert set(flaws) == {event["key"] for event in ended.rows.values()}
    assert all(flaws.values())


def test_redo_buys_a_useless_picture_anew(place: Place, cloud: Cloud) -> None:
    """A row whose picture was paid for and is no use is bought again when the person says so, and only then."""
    cloud.faults.add("not_a_picture", times=1)
    manifest = place.manifest([{"id": "one", "prompt": "one"}])
    assert place.run(manifest).states == {"one": "failed"}
    again = place.run(manifest)
    assert (again.states, len(cloud.requests)) == ({"one": "failed"}, 1)
    assert "--redo" in again.rows["one"]["reason"]
    assert place.run(manifest, "--redo", "one").states == {"one": "made"}
    assert len(cloud.requests) == 2
    assert place.run(manifest).states == {"one": "kept"}


def _no_key(place: Place, ended: Ended) -> None:
    """The key is in no output, log, ledger, sidecar, report or evidence: raw, in base64 or URL-encoded, nor its
    first dozen characters."""
    raw = KEY.encode()
    forms = [raw, raw[:12], urllib.parse.quote(KEY, safe="").encode()]
    forms += [base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)]
    texts = {"stdout": ended.out.encode(), "stderr": ended.err.encode()}
    texts |= {str(path): path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    assert len(texts) > len(ROWS)
    found = [name for name, data in texts.items() for form in forms if form in data]
    assert found == []


def test_the_search_for_the_key_finds_it(tmp_path: Path) -> None:
    """The search itself works: a file that holds the key in any of its forms is found."""
    for n, text in enumerate(
        [KEY, base64.b64encode(f"x{KEY}y".encode()).decode(), base64.b64encode(KEY.encode()).decode()]
    ):
        folder = tmp_path / str(n)
        folder.mkdir()
        for extra in range(20):
            (folder / f"plain{extra}").write_text("nothing")
        (folder / "leak").write_text(text)
        with pytest.raises(AssertionError, match="leak"):
            _no_key(Place(folder, ""), Ended(0, "", ""))
