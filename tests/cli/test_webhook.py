"""`imagegen webhook`: a secret to sign with, what waits, and its delivery without a run."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.ledger import Ledger, outbox, runs
from tests.callbacks.receiver import SECRET, Receiver, Reply

Imagegen = Callable[..., subprocess.CompletedProcess[str]]
NOON = 1_795_348_800.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def webhook(imagegen: Imagegen) -> Imagegen:
    """`webhook("list", …)` with the secret, and this machine as one that may be called."""
    env = {"IMAGEGEN_WEBHOOK_SECRET": SECRET, "IMAGEGEN_CALLBACK_HOSTS": "127.0.0.1"}
    return lambda *args, **more: imagegen("webhook", *args, **(env | more))


def put(home: Path, url: str, *rows: str) -> None:
    """A message for each of `rows`."""
    with closing(Ledger(home)) as ledger:
        ledger.write(lambda c: runs.start(c, "0123456789", "shop", str(home / "rows.csv"), {}, NOON))
        for n, row in enumerate(rows):
            body = json.dumps({"type": "image.made", "data": {"row": row, "sample": 0, "state": "made"}})
            ledger.write(
                lambda c, n=n, row=row, body=body: outbox.put(c, f"msg_{n}", "0123456789", row, n, url, body, NOON + n)
            )


def test_a_secret(imagegen: Imagegen) -> None:
    """Alone on stdout, to be piped; what to do with it stands beside."""
    said = imagegen("webhook", "secret")
    assert said.returncode == 0
    assert len(base64.b64decode(said.stdout.strip().removeprefix("whsec_"), validate=True)) == 32
    assert "IMAGEGEN_WEBHOOK_SECRET" in said.stderr
    assert imagegen("webhook", "secret").stdout != said.stdout


def test_without_any(webhook: Imagegen, home: Path) -> None:
    """An empty home is one without webhooks; nothing is created."""
    assert webhook("list").stdout == "No webhooks wait.\n"
    assert (webhook("deliver").stdout, webhook("deliver").returncode) == ("0 webhooks delivered\n", 0)
    assert webhook("list", "--json").stdout == ""
    assert not home.exists()


def test_delivering(webhook: Imagegen, home: Path, receiver: Receiver) -> None:
    """All that is due goes out, signed; afterwards only --all lists it."""
    put(home, receiver.url("/hook?key=s3cret"), "mug", "bowl")
    listed = webhook("list", COLUMNS="160")
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [["mug", "waits"], ["bowl", "(2)"]]
    done = webhook("deliver", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["row"]: (event["state"], event["tries"]) for event in events} == {
        "mug": ("delivered", 1),
        "bowl": ("delivered", 1),
    }
    assert [call.signed() for call in receiver.calls] == [True, True]
    assert webhook("list").stdout == "No webhooks wait.\n"
    everything = webhook("list", "--all", COLUMNS="160")
    assert everything.stdout.count("delivered") == 2
    assert "s3cret" not in listed.stdout + done.stdout + everything.stdout


def test_what_waits_and_what_was_given_up(webhook: Imagegen, home: Path, receiver: Receiver) -> None:
    """9 while some wait, 3 when one was given up, and a way to begin anew."""
    put(home, receiver.url(), "mug")
    receiver.replies = [Reply(503, {"Retry-After": "3600"})]
    waiting = webhook("deliver")
    assert waiting.returncode == 9
    assert waiting.stdout.startswith("1 webhook waits (next try ")
    assert waiting.stderr == f"mug: not delivered: {receiver.url()} answers 503\n"
    assert webhook("deliver").stdout.startswith("1 webhook waits (next try ")
    assert len(receiver.calls) == 1

    with closing(Ledger(home)) as ledger:
        ledger.write(lambda c: c.execute("UPDATE outbox SET due = 0"))
    receiver.replies = [Reply(410)]
    gone = webhook("deliver")
    assert (gone.returncode, gone.stdout.count("1 given up")) == (3, 1)
    assert "given up" in webhook("list", COLUMNS="160").stdout
    assert webhook("deliver").returncode == 0, "it is over: nothing waits"

    receiver.replies = [Reply(200)]
    anew = webhook("deliver", "--given-up", "--wait")
    assert (anew.returncode, anew.stdout) == (0, "1 webhook delivered\n")
    assert len({call.id for call in receiver.calls}) == 1


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"IMAGEGEN_WEBHOOK_SECRET": ""}, "IMAGEGEN_WEBHOOK_SECRET is not set"),
        ({"IMAGEGEN_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "IMAGEGEN_WEBHOOK_SECRET holds 5 bytes"),
    ],
)
def test_what_cannot_be_signed_waits(
    webhook: Imagegen, home: Path, receiver: Receiver, env: dict[str, str], said: str
) -> None:
    """No try is lost, and the reason is said; --wait does not wait for it."""
    put(home, receiver.url(), "mug")
    for more in ((), ("--wait",)):
        waiting = webhook("deliver", *more, **env)
        assert waiting.returncode == 9
        assert said in waiting.stdout
    assert receiver.calls == []


def test_a_damaged_ledger(webhook: Imagegen, home: Path) -> None:
    """One line, exit 7."""
    home.mkdir()
    (home / "ledger.db").write_bytes(b"no database" * 100)
    for command in ("list", "deliver"):
        said = webhook(command)
        assert (said.returncode, said.stderr.count("\n")) == (7, 1)
