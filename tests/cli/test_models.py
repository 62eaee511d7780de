"""`imagegen models`: what the catalogue says, for people and for machines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imagegen
from imagegen import catalog
from imagegen.cli import model_card, model_list, model_words
from imagegen.domain.model import Price, Size, SizeRule

TODAY = date(2026, 11, 22)

OWN = """
source: my own contract
read_on: 2026-11-01
models:
  flux-schnell: {best_for: "drafts of ours"}
  house-style:
    title: House Style
    maker: Ourselves
    best_for: our look
    typical_seconds: 3
    status: deprecated
    shutdown_on: DAY
    replaced_by: sdxl
    sizes: {list: [512x512, 1024x1024]}
    qualities: [draft, final]
    default_quality: draft
    offers:
      fal: {api_name: ours, price: {image: {draft/512x512: 0.001, final/512x512: 0.02, draft/1024x1024: 0.002}}}
      replicate: {api_name: ours/two, price: unknown, can: [seed]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A catalogue file whose model is shut down in 9 days."""
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("DAY", (datetime.now(UTC).date() + timedelta(days=9)).isoformat()))
    return path


def lines(text: str) -> list[dict[str, Any]]:
    """JSON Lines, parsed."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("columns", ["80", "120", "40"])
def test_the_list_names_every_model_within_the_width(imagegen: Imagegen, columns: str) -> None:
    """Every model of the catalogue is there with a price, and no line is longer than the terminal is wide."""
    done = imagegen("models", "list", COLUMNS=columns)

    assert (done.returncode, done.stderr) == (0, "")
    for name in catalog.load().models:
        assert name in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= int(columns)
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


def test_models_in_service_come_first_and_the_others_say_what_to_use(imagegen: Imagegen) -> None:
    """After the active models come those that are shut down, with the day and the model to use instead."""
    out = imagegen("models", "list").stdout
    assert out.index("\nflux-2-pro ") < out.index("\nShut down\n") < out.index("\ndall-e-3 ")
    assert "shut down 2026-05-12; use gpt-image-2.5-flare" in out
    assert "gpt-image-2.5-flare          ~$0.0059-0.2107  openai\n" in out


def test_the_list_is_json_lines(imagegen: Imagegen) -> None:
    """--json is one object per model, money as text in USD, None where the price is unknown."""
    found = {line["model"]: line for line in lines(imagegen("models", "list", "--json").stdout)}
    assert found.keys() == catalog.load().models.keys()
    dalle = found["dall-e-3"]
    assert (dalle["status"], dalle["shutdown_on"], dalle["replaced_by"]) == (
        "retired",
        "2026-05-12",
        "gpt-image-2.5-flare",
    )
    assert (dalle["price_from_usd"], dalle["price_to_usd"], dalle["price_basis"]) == ("0.04", "0.04", "exact")
    assert (found["flux-2-dev"]["price_from_usd"], found["flux-2-dev"]["price_basis"]) == (None, "unknown")


@pytest.mark.parametrize(
    ("words", "there", "not_there"),
    [
        (["--provider", "stability"], "sd-3.5-large", "sdxl"),
        (["--status", "retired"], "dall-e-3", "flux-2-pro"),
        (["--status", "active"], "flux-2-pro", "dall-e-3"),
        (["--can", "text,alpha"], "gpt-image-2.5-flare", "gpt-image-2"),
        (["--can", "lora", "--provider", "local"], "sdxl", "flux-2-pro"),
    ],
)
def test_filters_choose(imagegen: Imagegen, words: list[str], there: str, not_there: str) -> None:
    """--provider, --status and --can leave only what meets all of them."""
    found = {line["model"] for line in lines(imagegen("models", "list", "--json", *words).stdout)}
    assert there in found
    assert not_there not in found


def test_a_filter_is_about_offers(imagegen: Imagegen) -> None:
    """With --provider the price and the abilities are that provider's, not the cheapest anywhere."""
    (line,) = [
        line
        for line in lines(imagegen("models", "list", "--json", "--provider", "fal").stdout)
        if line["model"] == "flux-dev"
    ]
    assert (line["providers"], line["price_from_usd"], line["can"]) == (["fal"], "0.025", ["guidance", "seed", "steps"])


def test_a_choice_of_nothing_says_so(imagegen: Imagegen) -> None:
    """When no model is left the list is a sentence, and no error."""
    done = imagegen("models", "list", "--can", "refiner", "--provider", "openai")
    assert (done.returncode, done.stdout) == (0, f"None of the {len(catalog.load().models)} models is like that.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--provider", "opanai"], "unknown provider 'opanai'; did you mean openai?"),
        (["list", "--status", "retird"], "unknown status 'retird'; did you mean retired?"),
        (["list", "--can", "text,alfa"], "unknown capability 'alfa'; did you mean alpha?"),
        (["show", "sdxk"], "no model is called 'sdxk'; did you mean sdxl?"),
        (["show", "fal/sdxl"], "sdxl is not served by 'fal'; it is served by local, replicate"),
        (["list", "--catalog", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_word_is_exit_2_with_a_suggestion(imagegen: Imagegen, words: list[str], said: str) -> None:
    """What nobody knows is one line on stderr and nothing on stdout."""
    done = imagegen("models", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")


def test_a_file_of_ones_own_adds_and_overrides(imagegen: Imagegen, own: Path) -> None:
    """--catalog lays a file over ours: its models are listed, its fields win, and a shutdown is counted in days."""
    out = imagegen("models", "list", "--catalog", own).stdout
    assert "drafts of ours" in out
    assert "in 9 days; then use sdxl" in out
    assert out.index("Shutting down") < out.index("house-style") < out.index("Shut down")


def test_a_catalogue_cannot_command_the_terminal(imagegen: Imagegen, tmp_path: Path) -> None:
    """Control characters and markup of a file are shown, not obeyed."""
    (tmp_path / "evil.yaml").write_text('models: {sdxl: {best_for: "\\x1b[31mred [bold]fat[/bold]"}}\n')
    out = imagegen("models", "list", "--catalog", "evil.yaml").stdout
    assert r"\x1b[31mred [bold]fat[/bold]" in out
    assert "\x1b" not in out


def test_an_own_file_named_in_the_settings_counts(imagegen: Imagegen, own: Path) -> None:
    """IMAGEGEN_CATALOG is heard here as in a run."""
    assert "house-style" in imagegen("models", "list", IMAGEGEN_CATALOG=str(own)).stdout


def test_show_tells_everything(imagegen: Imagegen, own: Path) -> None:
    """A card has dates, abilities, sizes, prices by quality and size, and where each figure is from."""
    done = imagegen("models", "show", "house-style", "--catalog", own)

    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    for words in (
        "House Style",
        "Maker Ourselves",
        "in 9 days; then use sdxl",
        "Served by fal As ours Can pictures from a prompt, nothing more",
        "Sizes 512x512, 1024x1024; 512x512 unless asked otherwise",
        "Qualities draft (usual), final",
        "Source my own contract, read 2026-11-01",
        "Size draft final 512x512 $0.001 $0.02 1024x1024 $0.002 unknown",
        "Served by replicate As ours/two Can seed",
        "Price unknown, so it is never called",
    ):
        assert words in said


def test_show_of_a_provider_is_its_offer_alone(imagegen: Imagegen) -> None:
    """PROVIDER/MODEL shows one offer."""
    out = imagegen("models", "show", "fal/flux-dev").stdout
    assert "Served by fal" in out
    assert "Served by bfl" not in out


def test_midjourney_shows_its_four_plans(imagegen: Imagegen) -> None:
    """Each subscription with its price, hours, pictures and what one picture comes to."""
    rows = [line.split() for line in imagegen("models", "show", "midjourney").stdout.splitlines()]
    assert ["basic", "$10.00", "3.3", "~200", "~$0.05"] in rows
    assert ["standard", "$30.00", "15", "~900", "~$0.0333"] in rows
    assert ["pro", "$60.00", "30", "~1,800", "~$0.0333"] in rows
    assert ["mega", "$120.00", "60", "~3,600", "~$0.0333"] in rows


def test_sdxl_shows_what_a_gpu_costs(imagegen: Imagegen) -> None:
    """The GPU table of the catalogue stands under the model whose pictures it counts."""
    rows = [" ".join(line.split()) for line in imagegen("models", "show", "sdxl").stdout.splitlines()]
    assert "A100 80GB (AWS) $3.80 ~600 ~$0.0063" in rows
    assert "RTX 4090 (own) $0.15 ~400 ~$0.0004 electricity only" in rows


def test_show_is_json_too(imagegen: Imagegen) -> None:
    """--json has every price by quality and size as text, and the plans."""
    (card,) = lines(imagegen("models", "show", "gpt-image-1", "--json").stdout)
    (offer,) = card["offers"]
    assert offer["prices_usd"]["low/1024x1024"] == "0.011"
    assert offer["prices_usd"]["high/1024x1536"] == "0.25"
    assert (card["status"], card["read_on"]) == ("retired", "2026-11-22")
    (midjourney,) = lines(imagegen("models", "show", "midjourney", "--json").stdout)
    assert [plan["monthly_usd"] for plan in midjourney["plans"]] == ["10", "30", "60", "120"]


@pytest.mark.parametrize("words", [["list"], ["show", "sdxl"], ["list", "--json"]])
def test_looking_at_models_leaves_the_home_alone(imagegen: Imagegen, home: Path, words: list[str]) -> None:
    """The catalogue is read from the package; nothing is made on disk."""
    imagegen("models", *words)
    assert not home.exists()


def test_every_card_can_be_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of our data breaks the card, for people or for machines, and none is wider than 80."""
    monkeypatch.setenv("COLUMNS", "80")
    book = catalog.load()
    for model in book.models.values():
        model_card.print_card(book, model, model.offers, TODAY)
        out = capsys.readouterr().out
        assert model.title in out
        assert max(map(len, out.splitlines())) <= 80
        assert json.loads(json.dumps(model_card.as_json(book, model, model.offers, TODAY)))["model"] == model.name


@pytest.mark.parametrize(
    ("name", "today", "status", "said"),
    [
        ("dall-e-3", date(2026, 5, 12), "retired", "shut down 2026-05-12; use gpt-image-2.5-flare"),
        (
            "gpt-image-1.5",
            date(2026, 11, 30),
            "deprecated",
            "shuts down 2026-12-01, in 1 day; then use gpt-image-2.6-sunburst",
        ),
        ("gpt-image-1.5", date(2026, 12, 1), "retired", "shut down 2026-12-01; use gpt-image-2.6-sunburst"),
        ("flux-pro", TODAY, "retired", "retired; use flux-2-pro"),
        ("sdxl", TODAY, "active", ""),
    ],
)
def test_a_models_standing_is_judged_by_the_day(name: str, today: date, status: str, said: str) -> None:
    """Up to the day of the shutdown it counts down, from then on the model is gone."""
    now = model_list.standing(catalog.load().models[name], today)
    assert (now.status, str(now)) == (status, said)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (SizeRule(Size(8, 8), (Size(8, 8),)), "8x8"),
        (SizeRule(Size(8, 8), (Size(8, 8), Size(9, 9))), "8x8, 9x9; 8x8 unless asked otherwise"),
        (
            SizeRule(Size(64, 64), (), 16, 32, 256, 655_360, 2_000_000, 3),
            "edges from 32 to 256 in steps of 16, at least 0.66 megapixels, at most 2.00 megapixels, at most 3:1;"
            " 64x64 unless asked otherwise",
        ),
        (
            SizeRule(Size(1, 1), tuple(Size(n, 2 * n) for n in range(1, 11))),
            "10 sizes from 1x2 to 10x20; 1x1 unless asked otherwise",
        ),
    ],
)
def test_a_size_rule_in_words(rule: SizeRule, said: str) -> None:
    """Lists are named or counted, steps and bounds told."""
    assert model_words.size_words(rule) == said


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"kind": "image"}, "by picture"),
        ({"kind": "image", "estimated": True}, "by picture (estimated)"),
        (
            {"kind": "seconds", "per_second": 975_000, "typical_seconds": 6.0, "max_seconds": 60.0},
            "by time: $0.000975 a second, about 6 s, at most 60 s",
        ),
        (
            {"kind": "tokens", "text_in": 5 * 10**9, "image_out": 30 * 10**9},
            "by tokens, a million: $5 of prompt, $30 of the picture made",
        ),
        (
            {"kind": "megapixel", "run": 10**7, "first": 10**7, "next": 5 * 10**6, "input": 10**6, "round_up": True},
            "$0.01 a call and $0.01 for the first megapixel, $0.005 for each more, $0.001 for each of input;"
            " begun ones count whole",
        ),
    ],
)
def test_a_price_in_words(figures: dict[str, Any], said: str) -> None:
    """Every kind of charge is told with its exact rates."""
    assert model_words.price_words(Price(source="s", read_on=TODAY, **figures)) == said
