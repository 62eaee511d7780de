"""The real program: rows wait for a person, their prompts go out, the pictures come back, and the books know."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from imagegen import catalog as catalogue
from imagegen.handoff.slots import Slots
from imagegen.handoff.work import shares_of
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Ran, Write, environment, manifest, opened
from tests.handoff.conftest import JOB, download, slots_of

SHARE = 33_300_000
ROWS = (
    "id: poster, prompt: 'A poster of a mug in the manner of the 1920s', aspect_ratio: '16:9', negative_prompt: people",
    "id: wall, prompt: Wallpaper of ferns, n: 2, seed: 7, format: webp, tags: [home]",
    "id: card, prompt: A card with a mug on it, size: 640x640",
)
HEAD = "model: midjourney\noutput: {renditions: {small: 128x128}}"


@pytest.fixture
def rows(write: Write) -> Path:
    """Four pictures for Midjourney."""
    return write("m.yaml", manifest(*ROWS, head=HEAD))


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """All four as a person would have them: as Midjourney names them, with a prompt in it, renamed; and no picture."""
    folder = tmp_path / "downloads"
    name = f"acme_studio_A_poster_of_a_mug_in_the_manner_of_the_1920s_--ar_169_{JOB}_0.png"
    download(folder, name, (1456, 816))
    download(folder, "download.png", (2048, 2048), f"Wallpaper of ferns --ar 1:1 --seed 8 --v 6.1 Job ID: {JOB}")
    download(folder, "wall-1.png")
    (folder / "card final.jpg").write_bytes(picture("card", 1024, 1024, "jpeg"))
    (folder / "notes.txt").write_text("not a picture, and not called like one")
    return folder


def states(imagegen: Imagegen) -> dict[str, str]:
    return {f"{each['id']}{each['sample']}": each["state"] for each in imagegen("plan", "m.yaml", "--json").events[:-1]}


def test_from_the_first_run_to_the_last(
    imagegen: Imagegen, books: Books, rows: Path, downloads: Path, tmp_path: Path
) -> None:
    """Waiting, handed over, taken back, finished, booked once, kept."""
    waiting = imagegen("run", rows, "--json")
    assert waiting.code == 9
    assert set(waiting.states.values()) == {"waiting"}
    assert (waiting.summary["waiting"], waiting.summary["spent_usd"], waiting.summary["estimated_usd"]) == (4, "0", "0")
    assert all("imagegen handoff export" in event["reason"] for event in waiting.events[:-1])

    assert imagegen("handoff", "export", rows).code == 0
    taken = imagegen("handoff", "import", downloads, "--yes", "--json")
    assert taken.code == 0, taken.err
    assert {event["file"]: event["by"] for event in taken.events if event["event"] == "file"} == {
        "card final.jpg": "id in the name",
        "download.png": "embedded prompt",
        "wall-1.png": "name",
        f"acme_studio_A_poster_of_a_mug_in_the_manner_of_the_1920s_--ar_169_{JOB}_0.png": "prompt words",
    }
    assert (taken.summary["made"], taken.summary["spent_usd"]) == (4, "0.1332")
    out = tmp_path / "out/m"
    assert opened(out / "poster.png") == ((1456, 816), "PNG")
    assert opened(out / "wall-1.webp") == ((1024, 1024), "WEBP")
    assert opened(out / "wall-2.webp") == ((2048, 2048), "WEBP")
    assert opened(out / "card.png") == ((640, 640), "PNG")
    assert opened(out / "small/card.png")[0] == (128, 128)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {(line["state"], line["provider"], line["cost_usd"]) for line in lines} == {("made", "handoff", "0.0333")}
    assert "poster.png" in (out / "report.html").read_text()
    assert (books.spent, books.reserved) == (4 * SHARE, 0)

    again = imagegen("handoff", "import", downloads, "--yes")
    assert (again.code, books.spent) == (0, 4 * SHARE)
    assert "every picture is there" in again.err
    kept = imagegen("run", rows, "--json")
    assert (kept.code, set(kept.states.values()), books.spent) == (0, {"kept"}, 4 * SHARE)
    assert set(states(imagegen).values()) == {"kept"}
    assert "Nothing to hand over: every picture is there." in imagegen("handoff", "export", rows).out
    spent = imagegen("spend", "--by", "tag", "--json").events
    assert {line["tag"]: line["charged_usd"] for line in spent[:-1]} == {"home": "0.0666", "(no tag)": "0.0666"}


def test_the_sheets_agree(imagegen: Imagegen, rows: Path, tmp_path: Path) -> None:
    """The same lines in all three; a text of one line a prompt, each under its code."""
    done = imagegen("handoff", "export", rows, "-o", "sheets", "--json")
    assert done.code == 0
    lines = [event["line"] for event in done.events[:-1]]
    assert lines[0] == (
        f"A poster of a mug in the manner of the 1920s --ar 16:9 --no people --seed {done.events[0]['seed']} --v 6.1"
    )
    assert lines[1:3] == [
        "Wallpaper of ferns --ar 1:1 --seed 7 --v 6.1",
        "Wallpaper of ferns --ar 1:1 --seed 8 --v 6.1",
    ]
    text = (tmp_path / "sheets/prompts.txt").read_text().splitlines()
    assert text[1::3] == lines
    assert [line.split()[1] for line in text[::3]] == [event["code"] for event in done.events[:-1]]
    with (tmp_path / "sheets/prompts.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["prompt"] for row in table] == lines
    page = (tmp_path / "sheets/prompts.html").read_text()
    assert all(event["code"] in page and f"{event['save_as']}.png" in page for event in done.events[:-1])
    assert done.summary == {"event": "export", "prompts": 4, "there": 0, "refused": 0, "folder": "sheets"}


def test_a_part_is_taken_and_the_rest_waits(imagegen: Imagegen, books: Books, rows: Path, tmp_path: Path) -> None:
    """Pictures come as they come; every import books what is new."""
    folder = tmp_path / "some"
    download(folder, "card.png")
    first = imagegen("handoff", "import", folder, "--manifest", rows, "--yes", "--json")
    assert (first.code, first.summary["waiting"], books.spent) == (9, 3, SHARE)
    download(folder, "poster.png", (1456, 816))
    second = imagegen("handoff", "import", folder, "--manifest", rows, "--yes", "--json")
    assert (second.code, second.summary["kept"], second.summary["made"], books.spent) == (9, 1, 1, 2 * SHARE)
    assert states(imagegen) == {"poster0": "kept", "wall0": "buy", "wall1": "buy", "card0": "kept"}
    rest = imagegen("handoff", "export", rows, "--json")
    assert [event["id"] for event in rest.events[:-1]] == ["wall", "wall"]
    resumed = imagegen("resume", "--json")  # it goes on as a run of the manifest
    assert (resumed.code, resumed.states["card"], resumed.summary["waiting"]) == (9, "kept", 2)


def test_a_picture_costs_its_share(imagegen: Imagegen, books: Books, rows: Path, tmp_path: Path) -> None:
    """Of the subscription that the person says, whose names are known; a budget does not keep it out."""
    download(tmp_path / "d", "card.png")
    gold = imagegen("handoff", "import", "d", "--manifest", rows, "--plan", "gold", "--yes")
    assert gold.code == 2
    assert gold.errors == ["error: --plan: midjourney has no plan called 'gold'; there are basic, standard, pro, mega"]
    done = imagegen(
        "handoff", "import", "d", "--manifest", rows, "--yes", "--plan", "basic", IMAGEGEN_BUDGET_RUN="0.001"
    )
    assert (done.code, books.spent) == (9, 50_000_000)
    assert books.ask("SELECT basis FROM attempts WHERE state = 'done'") == "share"


def test_the_four_plans() -> None:
    """And without one the catalogue's price; a plan of another model leaves this one's price alone."""
    found = Slots(slots_of({"id": "mug"}))
    for plan, share in (("basic", 50_000_000), ("standard", SHARE), ("pro", SHARE), ("mega", SHARE), (None, SHARE)):
        assert list(shares_of(catalogue.load(), plan, found).values()) == [share]
    assert shares_of(catalogue.load(), "gold", Slots()) == {}


def test_nobody_is_asked_where_nobody_is(imagegen: Imagegen, books: Books, rows: Path, downloads: Path) -> None:
    """The matching is shown, and then --yes is missing; --dry-run only shows it."""
    done = imagegen("handoff", "import", downloads, "--manifest", rows)
    assert done.code == 2
    assert "embedded prompt" in done.out
    assert done.errors == [
        "error: 4 pictures would be taken and $0.1332 booked for them; add --yes to go on without being asked"
    ]
    assert imagegen("handoff", "import", downloads, "--manifest", rows, "--dry-run").code == 0
    assert books.spent == 0


@pytest.mark.parametrize(("typed", "code", "spent"), [("y\n", 9, SHARE), ("n\n", 2, 0)])
def test_a_person_is_asked(
    books: Books, rows: Path, home: Path, tmp_path: Path, typed: str, code: int, spent: int
) -> None:
    """On a terminal."""
    download(tmp_path / "d", "card.png")
    ours, theirs = pty.openpty()
    command = [str(PROGRAM), "handoff", "import", "d", "--manifest", str(rows)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(home, TERM="dumb"), stdin=theirs, stderr=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, books.spent if books.there else 0) == (code, spent)
    assert b"card.png" in said


def test_bad_files_are_one_line_each(imagegen: Imagegen, books: Books, rows: Path, tmp_path: Path) -> None:
    """Not pictures, bombs, too small, another shape, blank: said in a line, and the good one is taken."""
    folder = tmp_path / "d"
    download(folder, "card.png")
    (folder / "html.png").write_bytes(b"<html>")
    (folder / "empty.webp").write_bytes(b"")
    (folder / "cut.png").write_bytes(picture("x", 64, 64)[:200])
    bomb = bytearray(picture("x", 64, 64))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "bomb.png").write_bytes(bomb)
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    download(folder, "poster.png", (1024, 1024))
    done = imagegen("handoff", "import", folder, "--manifest", rows, "--yes", "--json")
    assert (done.code, done.summary["made"], books.spent) == (9, 1, SHARE)
    told = {event["file"]: event["state"] for event in done.events if event["event"] == "file"}
    assert told == {
        "card.png": "taken", "poster.png": "unfit", "bomb.png": "unusable", "cut.png": "unusable",
        "empty.webp": "unusable", "html.png": "unusable", "loop.png": "unusable", "pipe.png": "unusable",
    }  # fmt: skip
    plain = imagegen("handoff", "import", folder, "--manifest", rows)
    assert len(plain.errors) == 7
    assert all("\n" not in line for line in plain.errors)


def test_redo_takes_another_in_its_place(imagegen: Imagegen, books: Books, rows: Path, tmp_path: Path) -> None:
    """A better variant is booked once more, because somebody asked for it."""
    folder = tmp_path / "d"
    download(folder, "card.png")
    assert imagegen("handoff", "import", folder, "--manifest", rows, "--yes").code == 9
    before = (tmp_path / "out/m/card.png").read_bytes()
    (folder / "card.png").write_bytes(picture("another", 1024, 1024))
    left = imagegen("handoff", "import", folder, "--manifest", rows, "--yes")
    assert "--redo card" in left.out
    assert books.spent == SHARE
    done = imagegen("handoff", "import", folder, "--manifest", rows, "--yes", "--redo", "card")
    assert (done.code, books.spent) == (9, 2 * SHARE)
    assert (tmp_path / "out/m/card.png").read_bytes() != before
    unknown = imagegen("handoff", "import", folder, "--manifest", rows, "--redo", "nobody")
    assert "--redo: no row that is made by hand is called 'nobody'" in unknown.err


def test_by_order(imagegen: Imagegen, books: Books, rows: Path, tmp_path: Path) -> None:
    """Names that say nothing are dealt out in order, when asked."""
    for number in (10, 9, 2):
        download(tmp_path / "d", f"{number}.png", (1024, 1024))
    assert imagegen("handoff", "import", "d", "--manifest", rows, "--yes").code == 9
    assert books.spent == 0 if books.there else True
    os.utime(tmp_path / "d/10.png", (1, 1))
    done = imagegen("handoff", "import", "d", "--manifest", rows, "--by-order", "--dry-run", "--json")
    assert [(event["file"], event["id"]) for event in done.events] == [
        ("2.png", "poster"), ("9.png", "wall"), ("10.png", "wall"),
    ]  # fmt: skip
    done = imagegen("handoff", "import", "d", "--manifest", rows, "--by-time", "--dry-run", "--json")
    assert {event["id"]: event["file"] for event in done.events}["poster"] == "10.png"
    both = imagegen("handoff", "import", "d", "--manifest", rows, "--by-time", "--by-order")
    assert both.code == 2


def test_the_rest_of_the_manifest_is_made(
    imagegen: Imagegen, write: Write, books: Books, home: Path, tmp_path: Path
) -> None:
    """`run` buys what it can and waits for the rest; an import buys nothing at all."""
    rows = write("mixed.yaml", manifest(
        "id: mug, prompt: A mug, model: dall-e-3, quality: standard, size: 1024x1024",
        "id: poster, prompt: A poster, model: midjourney",
    ))  # fmt: skip
    download(tmp_path / "d", "poster.png")
    with Cloud() as cloud:
        key = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": cloud.base_url}
        taken = imagegen("handoff", "import", "d", "--manifest", rows, "--yes", "--json", **key)
        assert (taken.code, taken.states, cloud.requests) == (0, {"poster": "made"}, [])
        command, variables = [PROGRAM, "run", rows, "--json"], environment(home, **key)  # its connections end with it
        ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8", check=False)
        done = Ran(ran.returncode, ran.stdout, ran.stderr)
        assert (done.code, done.states) == (0, {"mug": "made", "poster": "kept"})
        assert len(cloud.charges) == 1
        assert books.spent == cloud.bill + SHARE
    lines = (tmp_path / "out/mixed/results.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"]: json.loads(line)["state"] for line in lines} == {"mug": "made", "poster": "kept"}


def test_without_a_key_only_the_person_is_needed(imagegen: Imagegen, rows: Path) -> None:
    """No key is missing for rows that a person makes; the estimate prices them at the share and says how."""
    done = imagegen("cost-estimate", rows, "--json")
    assert done.summary["cost_usd"] == "0.1332"
    assert any("made by hand" in note for note in done.summary["notes"])
    text = imagegen("run", rows)
    assert "note: 4 pictures are made by hand: `imagegen handoff export" in text.err


def test_planning_refuses_what_cannot_be_handed_over(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """With a sentence each, in every command; the others are handed over."""
    bad = {
        "prompt: A mug --ar 3:2": "the prompt holds --ar",
        "prompt: 'https://example.com/a.png as a mug'": "the prompt holds the address",
        "prompt: A mug, aspect_ratio: '9:1'": "makes no size of 9:1",
        "prompt: A mug, steps: 20": "cannot take a number of steps",
        "prompt: A mug, strategy: draft_refine": "is made by hand, and not by way of drafts",
        "prompt: A mug, accept: {text: true, attempts: 2}, text: MUG": "nobody buys further attempts",
    }
    lines = [f"id: bad{n}, {row}" for n, row in enumerate(bad)]
    rows = write("r.yaml", manifest(*lines, "id: good, prompt: A cup", head="model: midjourney"))
    for done, code in ((imagegen("run", rows), 2), (imagegen("handoff", "export", rows), 3)):
        assert done.code == code
        told = [line for line in done.err.splitlines() if ": bad" in line]
        assert [because in line for because, line in zip(bad.values(), told, strict=True)] == [True] * len(bad)
        assert told[0].startswith(f"{rows}:4:5: bad0: ") or told[0].startswith("r.yaml:4:5: bad0: ")
    assert (tmp_path / "out/r/handoff/prompts.txt").read_text().count("# ") == 1


def test_an_export_is_remembered(imagegen: Imagegen, write: Write, tmp_path: Path, books: Books) -> None:
    """The manifest, and the flags that it was planned with, need not be said again."""
    none = imagegen("handoff", "import", tmp_path)
    assert none.errors == ["error: no manifest was exported from this home; say --manifest MANIFEST"]
    rows = write("n.yaml", manifest("id: mug, prompt: A mug"))
    assert imagegen("handoff", "export", rows, "--model", "midjourney", "--output", "pictures").code == 0
    download(tmp_path / "d", "mug.png")
    done = imagegen("handoff", "import", "d", "--yes")
    assert "for n.yaml, as it was exported last" in done.err
    assert (done.code, books.spent) == (0, SHARE)
    assert (tmp_path / "pictures/mug.png").exists()


def test_no_such_folder(imagegen: Imagegen, rows: Path, write: Write) -> None:
    """One line each."""
    write("pictures.zip", b"PK")
    assert "nowhere cannot be read: No such file" in imagegen("handoff", "import", "nowhere", "--manifest", rows).err
    zipped = imagegen("handoff", "import", "pictures.zip", "--manifest", rows)
    assert zipped.errors == ["error: pictures.zip is no folder; unpack it and give the folder"]


def test_a_model_of_ones_own(imagegen: Imagegen, write: Write, tmp_path: Path, books: Books) -> None:
    """Any model can be handed over: an offer called handoff in a catalogue file, with or without flags."""
    own = write("own.yaml", """
source: our atelier
read_on: 2026-11-22
sizes: {a4: {list: [1240x1754]}}
models:
  atelier:
    title: Our own illustrator
    maker: us
    best_for: drawings
    typical_seconds: 3600
    sizes: a4
    offers: {handoff: {api_name: atelier, price: {image: 40, source: her rate}}}
""")  # fmt: skip
    rows = write("a.yaml", manifest("id: mug, prompt: 'A mug --drawn', model: atelier"))
    done = imagegen("handoff", "export", rows, "--catalog", own, "--json")
    assert done.code == 0, done.err
    assert done.events[0]["line"] == "A mug --drawn"
    download(tmp_path / "d", "mug.png", (1240, 1754))
    assert imagegen("handoff", "import", "d", "--yes").code == 0
    assert books.spent == 40 * 10**9
