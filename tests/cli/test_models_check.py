"""`imagegen models check`: which models in use end, whose word counts, and the patch that is proposed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imagegen
from tests.cloud import Cloud
from tests.cloud.http import Answer

SHOP = """imagegen: 1   # our shop
model: dall-e-3
defaults: {quality: standard}
rows:
  - {id: mug, prompt: A mug}   # the default
  - id: bowl
    prompt: A bowl
    model: "gpt-image-1.5"   # for its text
    quality: high
  - {id: cup, prompt: A cup, model: flux-2-pro, quality: null}
"""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server."""
    with Cloud() as cloud:
        yield cloud


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A manifest with a retired, a dying and a live model."""
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return path


def said(text: str) -> str:
    """`text` without its line breaks."""
    return " ".join(text.split())


def events(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The models by name, and the last event."""
    *models, last = (json.loads(line) for line in done.stdout.splitlines())
    return {event["model"]: event for event in models if event["event"] == "model"}, last


def test_a_manifests_models_are_told_with_their_rows(imagegen: Imagegen, shop: Path, home: Path) -> None:
    """The worst first, each with its day, its replacement and the first rows; nothing is made on disk."""
    done = imagegen("models", "check", "shop.yaml", "--today", "2026-11-22", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "retired  dall-e-3       was shut down 2026-05-12; use gpt-image-2.5-flare\n"
        "                        1 row: mug (shop.yaml:5:5)\n"
        "notice   gpt-image-1.5  shuts down 2026-12-01, in 9 days; then use\n"
        "                        gpt-image-2.6-sunburst\n"
        "                        1 row: bowl (shop.yaml:6:5)\n"
        "\n"
        "shop.yaml on 2026-11-22: 3 models: 1 retired, 1 to note, 1 in service\n"
    )
    assert not home.exists()


@pytest.mark.parametrize(
    ("day", "level", "code"),
    [
        ("2026-10-31", "later", 0),
        ("2026-11-01", "notice", 0),
        ("2026-11-24", "warning", 0),
        ("2026-12-01", "retired", 3),
    ],
)
def test_strict_fails_from_the_day_on(imagegen: Imagegen, tmp_path: Path, day: str, level: str, code: int) -> None:
    """Before it warns, 30 and 7 days ahead; on the day it ends with 3, and without --strict with 0."""
    (tmp_path / "one.csv").write_text("prompt,model\nA mug,gpt-image-1.5\n")
    done = imagegen("models", "check", "one.csv", "--today", day, "--strict", "--json")
    models, last = events(done)
    assert (done.returncode, last["exit_code"], models["gpt-image-1.5"]["level"]) == (code, code, level)
    assert models["gpt-image-1.5"]["first"][0]["place"] == "one.csv:2:1"
    assert imagegen("models", "check", "one.csv", "--today", day).returncode == 0


def test_strict_says_what_to_do(imagegen: Imagegen, shop: Path) -> None:
    """One line on stderr, and the exit code."""
    done = imagegen("models", "check", "shop.yaml", "--strict", "--today", "2026-11-22")
    assert done.returncode == 3
    assert done.stderr == (
        "error: shop.yaml: 1 model in use is shut down; `imagegen models check shop.yaml --diff` proposes others\n"
    )


def test_the_day_is_the_real_one_unless_said(imagegen: Imagegen, shop: Path) -> None:
    """Without --today it is today: DALL-E 3 is gone for good."""
    models, last = events(imagegen("models", "check", "shop.yaml", "--json"))
    assert models["dall-e-3"]["level"] == "retired"
    assert last["today"] >= "2026-11-22"


def test_a_key_lets_openai_be_asked(imagegen: Imagegen, cloud: Cloud, shop: Path) -> None:
    """Its dates count and both are told; without a key, and with --offline, nobody is asked."""
    cloud.shutdowns["gpt-image-1.5"] = "2027-01-12"
    words = ["models", "check", "shop.yaml", "--today", "2026-11-22"]
    env = {"OPENAI_API_KEY": "sk-test-secret", "OPENAI_BASE_URL": cloud.base_url}
    done = imagegen(*words, **env)
    assert "shuts down 2027-01-12, in 51 days" in said(done.stdout)
    assert "the provider says 2027-01-12, the catalogue 2026-12-01 (read 2026-11-22)" in said(done.stdout)
    assert "Dates are those of the catalogue and of 127.0.0.1." in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert "in 9 days" in imagegen(*words, "--offline", **env).stdout
    assert "in 9 days" in imagegen(*words, OPENAI_BASE_URL=cloud.base_url).stdout


def test_a_day_that_only_openai_knows_fails_strict(imagegen: Imagegen, cloud: Cloud, tmp_path: Path) -> None:
    """The catalogue thinks the model alive, the provider has shut it down."""
    cloud.shutdowns["gpt-image-2.5-flare"] = "2026-11-20"
    (tmp_path / "one.csv").write_text("prompt,model\nA mug,gpt-image-2.5-flare\n")
    env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": cloud.base_url}
    done = imagegen("models", "check", "one.csv", "--strict", "--today", "2026-11-22", **env)
    assert done.returncode == 3
    assert "was shut down 2026-11-20" in said(done.stdout)
    assert "the provider says 2026-11-20, the catalogue names no day" in said(done.stdout)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(401, b'{"error": {"message": "sk-test-secret is wrong"}}'), "it refuses the key (HTTP 401)"),
        (Answer(200, b"<html>"), "the answer is not JSON"),
    ],
)
def test_an_endpoint_that_fails_is_a_note(
    imagegen: Imagegen, cloud: Cloud, shop: Path, answer: Answer, why: str
) -> None:
    """The catalogue's dates count, the exit code is theirs."""
    cloud.models = answer
    env = {"OPENAI_API_KEY": "sk-test-secret", "OPENAI_BASE_URL": cloud.base_url}
    done = imagegen("models", "check", "shop.yaml", "--today", "2026-11-22", **env)
    assert (done.returncode, done.stderr) == (0, f"note: no dates from 127.0.0.1: {why}\n")
    assert "in 9 days" in done.stdout


def test_a_server_of_ones_own_that_lists_a_retired_model(imagegen: Imagegen, cloud: Cloud, shop: Path) -> None:
    """What is shut down at OpenAI may live elsewhere: there it is no failure."""
    env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": cloud.base_url}
    done = imagegen("models", "check", "shop.yaml", "--strict", "--today", "2026-11-22", "--json", **env)
    models, _ = events(done)
    assert (done.returncode, models["dall-e-3"]["level"]) == (0, "fine")
    assert models["dall-e-3"]["remarks"][0].startswith(
        "the provider lists it without a date, the catalogue says 2026-05"
    )


def test_without_a_manifest_the_routes_are_checked(imagegen: Imagegen, tmp_path: Path) -> None:
    """The current preset is alive on the day it was read, the guide's is not; a file of one's own counts too."""
    done = imagegen("models", "check", "--strict", "--today", "2026-11-22")
    assert done.returncode == 0
    assert "routes current on 2026-11-22" in done.stdout
    guide = imagegen("models", "check", "--routes", "guide", "--strict", "--json", "--today", "2026-11-22")
    models, _ = events(guide)
    assert guide.returncode == 3
    assert models["dall-e-3"]["lists"][0] == "default"
    (tmp_path / "own.yaml").write_text("models: {gpt-image-1: {best_for: our style}}\n")
    own = imagegen("models", "check", "--catalog", "own.yaml", "--strict", "--today", "2026-11-22", COLUMNS="80")
    assert own.returncode == 3
    assert "was shut down 2026-10-23; use gpt-image-2.5-sunburst in own.yaml" in said(own.stdout)
    assert max(map(len, own.stdout.splitlines())) <= 80


def test_old_prices_are_told_with_their_source(imagegen: Imagegen) -> None:
    """Replicate's price of SDXL was read in May."""
    done = imagegen("models", "check", "--today", "2026-11-22")
    assert "old price sdxl on replicate read 2026-05-31, 175 days ago: Replicate's price" in said(done.stdout)
    done = imagegen("models", "check", "--today", "2027-03-01", COLUMNS="80")
    assert "old prices read 2026-11-22 99 days ago: gemini-3-pro-image on vertex, gpt-image" in said(done.stdout)
    assert "sdxl on replicate read 2026-05-31, 274 days ago: " in said(done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_routes_in_the_manifest_count_though_no_row_uses_them(imagegen: Imagegen, tmp_path: Path) -> None:
    """An override that names a retired model is told, and fails."""
    (tmp_path / "m.yaml").write_text(
        "imagegen: 1\nroutes: {thumbnail: [dall-e-2, flux-schnell]}\nrows: [{prompt: x, model: flux-2-pro}]\n"
    )
    done = imagegen("models", "check", "m.yaml", "--strict", "--json", "--today", "2026-11-22")
    models, _ = events(done)
    assert (done.returncode, models["dall-e-2"]["lists"], models["dall-e-2"]["rows"]) == (3, ["thumbnail"], 0)


def test_rows_that_are_made_are_not_asked_for_again(imagegen: Imagegen, cloud: Cloud, tmp_path: Path) -> None:
    """A finished manifest passes though its model is gone; one new row, and it fails, and only that row changes."""
    rows = "- {id: a, prompt: A, model: dall-e-3}\n- {id: b, prompt: B, model: dall-e-3}\n"
    path = tmp_path / "m.yaml"
    path.write_text(f"imagegen: 1\nrows:\n{rows}")
    env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": cloud.base_url}
    assert imagegen("run", "m.yaml", "--yes", **env).returncode == 0
    words = ["models", "check", "m.yaml", "--strict", "--offline", "--today", "2026-11-22", "--json"]
    done = imagegen(*words, **env)
    assert (done.returncode, events(done)[0]["dall-e-3"]["made"]) == (0, 2)
    path.write_text(f"imagegen: 1\nrows:\n{rows}- {{id: c, prompt: C, model: dall-e-3}}\n")
    assert imagegen(*words, **env).returncode == 3
    patch = imagegen(*words[:-1], "--diff", **env).stdout
    assert [line for line in patch.splitlines() if line[:1] == "+" and line[:3] != "+++"] == [
        "+- {id: c, prompt: C, model: gpt-image-2.5-flare}"
    ]
    shared = "imagegen: 1\nmodel: dall-e-3\nrows:\n- {id: a, prompt: A}\n- {id: b, prompt: B}\n- {id: c, prompt: C}\n"
    path.write_text(shared)
    done = imagegen(*words[:-1], "--diff", **env)
    assert "+model: gpt-image-2.5-flare" in done.stdout
    assert "note: 2 rows with dall-e-3 are made already; those that do not name it themselves" in done.stderr


def apply(folder: Path, patch: str) -> None:
    """As a person would."""
    subprocess.run(["git", "apply"], cwd=folder, input=patch, encoding="utf-8", check=True)


def test_the_patch_applies_and_the_manifest_plans(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """stdout is the patch alone; what it changes is said, prices too; afterwards nothing is retired any more."""
    done = imagegen("models", "check", "shop.yaml", "--diff", "--today", "2026-11-22")
    assert done.returncode == 0
    assert "note: dall-e-3 → gpt-image-2.5-flare (1 row, $0.04 → ~$0.0132 a picture)" in done.stderr
    apply(tmp_path, done.stdout)
    assert shop.read_text() == SHOP.replace("dall-e-3", "gpt-image-2.5-flare").replace(
        "gpt-image-1.5", "gpt-image-2.6-sunburst"
    ).replace("standard", "medium")
    after = imagegen("models", "check", "shop.yaml", "--strict", "--today", "2026-11-22")
    assert (after.returncode, after.stdout) == (0, "shop.yaml on 2026-11-22: 3 models: all in service\n")
    assert "refused" not in imagegen("plan", "shop.yaml").stdout
    assert imagegen("models", "check", "shop.yaml", "--diff", "--today", "2026-11-22").stdout == ""


def test_a_table_is_patched_in_its_cells(imagegen: Imagegen, tmp_path: Path) -> None:
    """The source of a manifest, its quality with it; a path with a space; from another folder."""
    folder = tmp_path / "my shop"
    folder.mkdir()
    (folder / "m.yaml").write_text("imagegen: 1\nsource: {file: t.csv}\n")
    (folder / "t.csv").write_bytes(b'id,prompt,model,quality\r\na,"A, dall-e-3",dall-e-3-hd,hd\r\nb,B,flux-2-pro,\r\n')
    done = imagegen("models", "check", "my shop/m.yaml", "--diff", "--json", "--today", "2026-11-22")
    patch = next(json.loads(line)["patch"] for line in done.stdout.splitlines() if '"diff"' in line)
    apply(tmp_path, patch)
    assert (folder / "t.csv").read_bytes() == (
        b'id,prompt,model,quality\r\na,"A, dall-e-3",gpt-image-2.5-sunburst,high\r\nb,B,flux-2-pro,\r\n'
    )


def test_a_manifest_elsewhere_is_patched_in_its_own_folder(
    imagegen: Imagegen, shop: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A patch names no path that leads out of the folder it is for; which one that is, is said."""
    away = tmp_path_factory.mktemp("away")
    shop.rename(away / "shop.yaml")
    done = imagegen("models", "check", os.path.relpath(away / "shop.yaml", tmp_path), "--diff", "--today", "2026-11-22")
    assert done.stdout.startswith("--- a/shop.yaml\n+++ b/shop.yaml\n")
    assert f"note: the patch of shop.yaml is for the folder {away}" in done.stderr
    apply(away, done.stdout)
    assert "dall-e-3" not in (away / "shop.yaml").read_text()


def test_what_a_patch_cannot_mend_is_said(imagegen: Imagegen, tmp_path: Path) -> None:
    """A template, a quality that stands elsewhere, and a provider that does not serve the replacement."""
    (tmp_path / "m.yaml").write_text(
        "imagegen: 1\ndefaults: {quality: standard}\nmatrix: {m: [dall-e-3]}\nrows:\n"
        '- {id: a, prompt: A, model: "{{ m }}"}\n- {id: b, prompt: B, model: dall-e-3}\n'
        "- {id: c, prompt: C, model: dall-e-3-hd, quality: low}\n"
    )
    done = imagegen("models", "check", "m.yaml", "--diff", "--strict", "--today", "2026-11-22")
    assert done.returncode == 3
    assert "note: m.yaml:5:29: a template names the model; see to it by hand" in done.stderr
    assert "note: m.yaml:5:3: a-dall-e-3 and 1 like it: not to be made with gpt-image-2.5-flare: " in done.stderr
    assert "has no quality standard, only low, medium, high, xhigh, max" in done.stderr
    assert "note: no model can make c-dall-e-3: dall-e-3-hd has no quality low" in done.stderr
    assert "+- {id: c, prompt: C, model: gpt-image-2.5-sunburst, quality: low}" in done.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--today", "soon"], "--today: 'soon' is no date; write it as 2026-12-01"),
        (["--diff"], "--diff needs a manifest to change; imagegen models check MANIFEST --diff"),
        (["no.yaml"], "no.yaml: is not there; check the name and the folder"),
        (["bad.yaml"], "routes: thumbnail: no model is called 'dall-e-4'; did you mean dall-e-2?"),
    ],
)
def test_bad_usage_is_one_line(imagegen: Imagegen, tmp_path: Path, words: list[str], line: str) -> None:
    """What is wrong and what to do, exit code 2."""
    (tmp_path / "bad.yaml").write_text("imagegen: 1\nroutes: {thumbnail: dall-e-4}\nrows: [{prompt: x}]\n")
    done = imagegen("models", "check", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {line.partition(';')[0]}")
    assert len(done.stderr.splitlines()) == 1
