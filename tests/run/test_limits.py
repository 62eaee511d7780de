"""Limits through whole runs: a day's count outlives its run, a closed model stops no other, a silence is obeyed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cloud import Cloud
from tests.run.cloudrun import KEY, Place

OTHER = "gpt-image-2.6-flare"


def rows(place: Place, name: str, count: int, **fields: str) -> Path:
    """A manifest of `count` rows whose ids begin with `name`."""
    return place.manifest([{"id": f"{name}{n}", "prompt": f"{name}{n}", **fields} for n in range(count)], f"{name}.csv")


def daily(place: Place, most: int) -> str:
    """A catalogue file with a limit of `most` pictures a day."""
    (place.folder / "mine.yaml").write_text(
        f"models: {{gpt-image-2.5-flare: {{offers: {{openai: {{images_per_day: {most}}}}}}}}}"
    )
    return "mine.yaml"


def test_a_day_is_counted_over_runs(place: Place, cloud: Cloud) -> None:
    """Three of four fit into what yesterday's run, a moment ago, left of the day; the program says when to go on."""
    own = ("--catalog", daily(place, 5))
    assert place.run(rows(place, "a", 2), *own).code == 0
    place.out = place.folder / "b"
    ended = place.run(rows(place, "b", 4), *own)
    assert (ended.code, len(cloud.requests)) == (5, 5)
    assert sorted(ended.states.values()) == ["failed", "made", "made", "made"]
    assert "the day's 5 images are used up; run again after midnight UTC" in ended.summary["stopped_by"]
    assert place.books.total == cloud.bill


def test_a_closed_model_stops_no_other(place: Place, cloud: Cloud) -> None:
    """An organisation that is not verified for one model: a call for each worker finds that out, exit 5, and
    everything of the other models is made."""
    both = [
        {"id": f"{model}-{n}", "prompt": f"{name} {n}", "model": model}
        for n in range(20)
        for name, model in (("closed", OTHER), ("open", "gpt-image-2.5-flare"))
    ]
    cloud.faults.add("unverified", prompt="closed")
    ended = place.run(place.manifest(both), workers=4)
    assert ended.code == 5, ended.err
    states = {model: {ended.states[f"{model}-{n}"] for n in range(20)} for model in (OTHER, "gpt-image-2.5-flare")}
    assert states == {OTHER: {"failed"}, "gpt-image-2.5-flare": {"made"}}
    assert sum("closed" in asked.prompt for asked in cloud.requests) <= 5
    assert "verified" in ended.summary["stopped_by"]


def test_a_long_silence_outlasts_its_run(place: Place, cloud: Cloud) -> None:
    """Told to wait an hour, the program stops the model and says so; run again at once, it asks nobody."""
    cloud.faults.add("rate_limit", seconds=3600)
    ended = place.run(rows(place, "a", 20), workers=2)
    assert ended.code == 5, ended.err
    assert len(cloud.requests) <= 3
    asked = len(cloud.requests)
    again = place.run(place.folder / "a.csv", workers=2)
    assert (again.code, len(cloud.requests)) == (5, asked)
    assert "the provider asked to wait 3," in again.summary["stopped_by"]


def test_what_is_kept_names_no_key(place: Place, cloud: Cloud) -> None:
    """The books hold a hash of the account; keys lie nowhere in the home."""
    assert place.run(rows(place, "a", 2), "--catalog", daily(place, 5)).code == 0
    ((provider, account, model, facts),) = place.books.ask("SELECT provider, account, model, facts FROM learned")
    assert (provider, model) == ("openai", "gpt-image-2.5-flare")
    assert len(account) == 16
    assert json.loads(facts)["used"]["images"] == len(cloud.requests) == 2
    files = [path.read_bytes() for path in place.home.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in data for data in files)
