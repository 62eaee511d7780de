"""Rows with a callback_url through whole runs: every fate is told, once, whatever happens to the process."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.callbacks.receiver import SECRET, Receiver, Reply
from tests.cloud import Cloud
from tests.run.cloudrun import LONG, SIZE, Driver, Place

#: A part of the address that nobody else may see.
TOKEN = "t0ken-nobody-sees"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def shop(place: Place) -> Place:
    """A place whose manifests have a secret beside them, and whose home lets webhooks stay on this machine."""
    (place.folder / ".env").write_text(f"IMAGEGEN_WEBHOOK_SECRET={SECRET}\n")
    place.home.mkdir()
    (place.home / "config.yaml").write_text("callback_hosts: 127.0.0.1\n")
    return place


def manifest(place: Place, receiver: Receiver, *prompts: str, **more: str) -> Path:
    """A row of its name for each prompt; all call back."""
    url = receiver.url(f"/hook?token={TOKEN}")
    return place.manifest([{"id": each.split()[0], "prompt": each, "callback_url": url, **more} for each in prompts])


def outbox(place: Place) -> list[tuple[str, str, int]]:
    """Row, state and tries of every message."""
    return place.books.ask("SELECT row, state, tries FROM outbox ORDER BY created")  # type: ignore[return-value]


def test_every_fate_is_told_once(shop: Place, cloud: Cloud, receiver: Receiver) -> None:
    """Made, refused by the provider, refused by planning, unknown; run again only what is new. What stayed is silent,
    what was put into the folder is not."""
    cloud.faults.add("moderation", prompt="battle")
    cloud.faults.add("cut_accepted", prompt="unlucky", times=1)
    url = receiver.url(f"/hook?token={TOKEN}")
    rows = [{"id": name, "prompt": f"{name} on linen", "callback_url": url} for name in ("mug", "battle", "unlucky")]
    rows += [
        {"id": "odd", "prompt": "odd", "max_price": "0.0000001", "callback_url": url},
        {"id": "quiet", "prompt": "quiet"},
    ]
    file = shop.manifest(rows)

    ended = shop.run(file, "--skip-refused")
    assert ended.code == 6, ended.err
    told = {"mug": ["image.made"], "battle": ["image.refused"], "unlucky": ["image.unknown"], "odd": ["image.refused"]}
    assert receiver.rows == told
    assert all(call.signed() for call in receiver.calls)
    (mug,) = [call.data for call in receiver.calls if call.data["row"] == "mug"]
    event = ended.rows["mug"]
    assert (shop.out / mug["file"]).exists()
    assert f"{mug['width']}x{mug['height']}" == SIZE
    assert {name: mug[name] for name in ("file", "model", "provider", "cost_usd", "key")} == {
        name: event[name] for name in ("file", "model", "provider", "cost_usd", "key")
    }
    assert mug["run"] == ended.summary["run"]

    again = shop.run(file, "--skip-refused")
    assert again.code == 6, again.err
    told["battle"].append("image.refused")  # it was asked for again
    assert receiver.rows == told

    seen = [ended.out + ended.err + again.out + again.err]
    seen += [path.read_text() for path in shop.out.iterdir() if path.suffix in (".csv", ".jsonl", ".html")]
    assert (shop.out / "refused.csv").exists()
    assert not [text for text in seen if TOKEN in text or SECRET in text]

    (shop.out / "mug.png").unlink()
    assert shop.run(file, "--skip-refused", "--only", "mug").states["mug"] == "kept"
    assert shop.run(file, "--skip-refused", "--only", "mug", out=shop.folder / "other").states["mug"] == "cached"
    told["mug"] += ["image.kept", "image.cached"]
    assert receiver.rows == told

    shutil.rmtree(shop.home / "cache")
    os.utime(shop.out / "mug.png", (1, 1))
    assert shop.run(file, "--skip-refused", "--only", "mug").states["mug"] == "kept"
    assert receiver.rows == told, "nothing was put into the folder"


def test_a_dead_receiver_changes_nothing(shop: Place, receiver: Receiver) -> None:
    """The pictures are there and the exit code is 0; one line says what waits; a later run delivers it."""
    receiver.replies = [Reply(503, {"Retry-After": "1800"})]
    file = manifest(shop, receiver, "mug on linen")
    ended = shop.run(file)
    assert ended.code == 0
    assert "1 webhook waits (answers 503); a later run or `imagegen webhook deliver` sends it" in ended.err
    assert outbox(shop) == [("mug", "due", 1)]
    quiet = shop.run(file)
    assert (quiet.code, len(receiver.calls)) == (0, 1), "it is not due yet"
    assert "1 webhook waits" in quiet.err


def test_a_hanging_receiver_keeps_nobody_waiting(shop: Place, receiver: Receiver) -> None:
    """All pictures are made while the first webhooks hang. Killed then, the run has promised everything, and the next
    one keeps it, under the same ids."""
    receiver.replies = [Reply(hangs=True)]
    names = [f"r{n}" for n in range(12)]
    file = manifest(shop, receiver, *names)
    with shop.start(*shop.arguments(file)) as process:
        receiver.wait_for(4)
        _until(lambda: sum(state == "made" for (state,) in shop.books.ask("SELECT state FROM jobs")) == 12)
        process.kill()
    messages = dict(shop.books.ask("SELECT id, row FROM outbox"))
    assert sorted(messages.values()) == sorted(names)
    begun = {call.id: call.body for call in receiver.calls}
    receiver.replies = [Reply()]
    receiver.calls.clear()
    ended = shop.run(file)
    assert ended.code == 0, ended.err
    assert {call.id: call.data["row"] for call in receiver.calls} == messages
    assert all(call.body == begun.get(call.id, call.body) for call in receiver.calls)
    assert {state for _, state, _ in outbox(shop)} == {"delivered"}
    assert all(call.signed() for call in receiver.calls)


def test_killed_again_and_again(shop: Place, driver: Driver, receiver: Receiver) -> None:
    """At any moment: in the end every picture's fate was told, none was decided twice, and no message is lost."""
    dice = random.Random(int(time.time()))
    names = [f"r{n}" for n in range(30)]
    file = manifest(shop, receiver, *names)
    for _ in range(8):
        driver.call(shop, *shop.arguments(file), after=dice.uniform(0.1, 0.7))
    ended = shop.run(file)
    assert ended.code in (0, 6), ended.err
    assert {state for _, state, _ in outbox(shop)} == {"delivered"}
    ids: dict[str, set[str]] = {}
    for call in receiver.calls:
        ids.setdefault(f"{call.data['row']} {call.told['type']}", set()).add(call.id)
    assert all(len(each) == 1 for each in ids.values()), "told twice under two ids"
    assert set(receiver.rows) == set(names)
    for name, state in ended.states.items():
        fates = set(receiver.rows[name])
        assert "image.unknown" in fates if state == "unknown" else fates & {"image.made", "image.cached"}, name


def test_a_row_that_cannot_call_back_is_refused_before_anything_is_bought(
    shop: Place, cloud: Cloud, receiver: Receiver
) -> None:
    """No secret, an internal address, or no address: exit 2, nothing asked, nothing told."""
    cases: Sequence[tuple[str, str]] = (
        (receiver.url(), "imagegen webhook secret"),
        ("https://10.1.2.3/hook?token=" + TOKEN, "not on the public internet"),
        ("mailto:me@example.com", "is no address"),
    )
    (shop.folder / ".env").unlink()
    for url, said in cases:
        ended = shop.run(shop.manifest([{"id": "mug", "prompt": "mug", "callback_url": url}, {"prompt": "bowl"}]))
        assert (ended.code, said in ended.err) == (2, True), ended.err
        assert TOKEN not in ended.err
    (shop.folder / ".env").write_text("IMAGEGEN_WEBHOOK_SECRET=whsec_c2hvcnQ=\n")
    ended = shop.run(manifest(shop, receiver, "mug"))
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "IMAGEGEN_WEBHOOK_SECRET holds 5 bytes" in ended.err
    assert (cloud.bill, receiver.calls) == (0, [])


def test_a_plan_needs_no_secret(shop: Place, receiver: Receiver) -> None:
    """An estimate never fails for keys; what is wrong with the address it says."""
    (shop.folder / ".env").unlink()
    assert '"refused": 0' in shop.call("plan", str(manifest(shop, receiver, "mug")), "--json").out
    shop.manifest([{"id": "mug", "prompt": "mug", "callback_url": "https://localhost/"}])
    assert "not on the public internet" in shop.call("plan", str(shop.folder / "rows.csv")).out


def test_each_picture_of_a_row_is_told(shop: Place, receiver: Receiver) -> None:
    """Three pictures, three webhooks, numbered from 0."""
    ended = shop.run(manifest(shop, receiver, "mug", n="3", provider="placeholder"))
    assert ended.code == 0, ended.err
    assert Counter(call.data["sample"] for call in receiver.calls) == {0: 1, 1: 1, 2: 1}


def _until(true: object) -> None:
    end = time.monotonic() + LONG
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)
