"""`imagegen models limits`: what was learned, for people and as JSON, and forgetting it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagegen.ledger import Ledger, learned
from tests.cli.conftest import Imagegen

ACCOUNT, OTHER = "0123456789abcdef", "fedcba9876543210"
NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC


@pytest.fixture
def known(home: Path) -> Path:
    """A home in which something was learned of two providers."""
    ledger = Ledger(home)
    used = {"day": "2027-01-15", "used": {"images": 1203, "requests": 1200, "tokens": 99}}
    rows = [
        ("replicate", ACCOUNT, "", {"silent_until": NOON + 600}),
        ("openai", ACCOUNT, "gpt-image-2.5-flare", {"images_per_minute": 41.3, "at_once": 1} | used),
    ]
    for provider, account, model, facts in rows:
        ledger.write(lambda c, row=(provider, account, model, facts): learned.keep(c, *row, NOON))  # type: ignore[misc]
    ledger.close()
    return home


def test_shows_what_was_learned(imagegen: Imagegen, known: Path) -> None:
    """One line each, in words; times are UTC."""
    done = imagegen("models", "limits", COLUMNS="160")
    assert done.returncode == 0, done.stderr
    head, first, second = [line.split("  ") for line in done.stdout.splitlines()]
    assert [word.strip() for word in head if word] == ["Provider", "Model", "Found", "Learned"]
    assert [word.strip() for word in first if word] == [
        "openai",
        "gpt-image-2.5-flare",
        "41.3 images a minute, 1 call at once, 1,203 images on 2027-01-15",
        "2027-01-15 12:00",
    ]
    assert [word.strip() for word in second if word] == [
        "replicate",
        "all models",
        "silent until 2027-01-15 12:10",
        "2027-01-15 12:00",
    ]


def test_accounts_are_told_apart(imagegen: Imagegen, known: Path) -> None:
    """Where one provider has two accounts, each line names its own."""
    ledger = Ledger(known)
    ledger.write(lambda c: learned.keep(c, "openai", OTHER, "gpt-image-2.5-flare", {"at_once": 3}, NOON))
    ledger.close()
    done = imagegen("models", "limits", "openai", COLUMNS="80")
    assert "Account" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("openai")] == ["012345", "fedcba"]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_says_it_as_json(imagegen: Imagegen, known: Path) -> None:
    """Whole figures, times in ISO 8601."""
    done = imagegen("models", "limits", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["provider"], line["model"], line["account"]) for line in lines] == [
        ("openai", "gpt-image-2.5-flare", ACCOUNT),
        ("replicate", None, ACCOUNT),
    ]
    assert lines[0]["images_per_minute"] == 41.3
    assert lines[0]["used"]["images"] == 1203
    assert lines[1]["silent_until"] == "2027-01-15T12:10:00+00:00"


def test_forgets_one_provider_or_all(imagegen: Imagegen, known: Path) -> None:
    """What is forgotten is gone, the rest stays."""
    assert imagegen("models", "limits", "openai", "--forget").stderr == "forgot what was learned of openai: 1 line\n"
    assert [json.loads(line)["provider"] for line in imagegen("models", "limits", "--json").stdout.splitlines()] == [
        "replicate"
    ]
    assert imagegen("models", "limits", "--forget").stderr == "forgot what was learned: 1 line\n"
    assert imagegen("models", "limits", "--forget").stderr == "nothing is known\n"


@pytest.mark.parametrize("options", [(), ("--json",), ("--forget",)])
def test_an_empty_home_stays_empty(imagegen: Imagegen, home: Path, options: tuple[str, ...]) -> None:
    """Looking creates nothing."""
    done = imagegen("models", "limits", *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert not list(home.glob("*"))
    assert "nothing is known" in done.stderr or options == ("--json",)


def test_a_damaged_ledger_is_said(imagegen: Imagegen, home: Path) -> None:
    """One line, exit 7."""
    home.mkdir(exist_ok=True)
    (home / "ledger.db").write_bytes(b"no ledger at all" * 300)
    done = imagegen("models", "limits")
    assert done.returncode == 7
    assert len(done.stderr.splitlines()) == 1
