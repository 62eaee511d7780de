"""`generate` and `edit`: one picture from the command line, in its words, bought once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import Imagegen, Write, opened
from tests.pictureserver import PictureServer, Reply

#: The cheapest picture that OpenAI makes.
CHEAP = ("--model", "gpt-image-2.5-flare", "--quality", "low")


def test_the_quickest_start_needs_nothing(imagegen: Imagegen, tmp_path: Path) -> None:
    """stdout is the file, for the next command; the rest is on stderr."""
    ran = imagegen("generate", "A stoneware mug", "--provider", "placeholder")
    assert ran.code == 0, ran.err
    [file] = ran.out.splitlines()
    assert opened(tmp_path / file)[1] == "PNG"
    assert Path(file).parent == Path("out/generate")
    again = imagegen("edit", file, "On a table", "--provider", "placeholder", "-o", "table.webp")
    assert (again.code, again.out) == (0, "table.webp\n"), again.err
    assert opened(tmp_path / "table.webp")[1] == "WEBP"


def test_the_same_again_costs_nothing(paid: Imagegen, cloud: Cloud, tmp_path: Path) -> None:
    """In the folder, in a file elsewhere, in another size; --redo buys it anew."""
    first = paid("generate", "A mug", *CHEAP)
    again = paid("generate", "A mug", *CHEAP)
    assert (first.code, again.code, again.out) == (0, 0, first.out)
    assert paid("generate", "A mug", *CHEAP, "-o", "shelf/mug.jpg").out == "shelf/mug.jpg\n"
    assert opened(tmp_path / "shelf/mug.jpg")[1] == "JPEG"
    assert len(cloud.charges) == 1
    assert "it is there already" in paid("generate", "A mug", *CHEAP, "--dry-run").out
    assert paid("generate", "A mug", *CHEAP, "--redo").code == 0
    assert len(cloud.charges) == 2


def test_several_come_by_number_and_more_of_them_later(paid: Imagegen, cloud: Cloud) -> None:
    two = paid("generate", "A mug", *CHEAP, "--n", "2", "-o", "pictures")
    assert [Path(each).stem[-2:] for each in two.out.splitlines()] == ["-1", "-2"]
    three = paid("generate", "A mug", *CHEAP, "--n", "3", "-o", "pictures")
    assert len(three.out.splitlines()) == 3
    assert len(cloud.charges) == 3


def test_for_programs_there_are_events(paid: Imagegen, tmp_path: Path, cloud: Cloud) -> None:
    ran = paid("generate", "A mug", *CHEAP, "--json", "-o", "mug.png")
    row, summary = ran.events
    assert (row["state"], summary["event"], summary["exit_code"]) == ("made", "summary", 0)
    assert (tmp_path / "mug.png").read_bytes() == (tmp_path / "out/generate" / row["file"]).read_bytes()
    estimate = json.loads(paid("generate", "A cup", *CHEAP, "--dry-run", "--json").out)
    assert (estimate["event"], estimate["model"]) == ("estimate", "gpt-image-2.5-flare")
    assert len(cloud.requests) == 1


def test_keys_may_stand_in_a_file_of_the_folder(imagegen: Imagegen, write: Write, cloud: Cloud) -> None:
    write(".env", "OPENAI_API_KEY=sk-test-file\n")
    ran = imagegen("generate", "A mug", *CHEAP, OPENAI_BASE_URL=cloud.base_url)
    assert ran.code == 0, ran.err
    assert len(cloud.charges) == 1


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_edit_takes_a_mask_and_references(paid: Imagegen, write: Write, cloud: Cloud) -> None:
    """The first picture is the one to change; files are relative to the current folder; bought once."""
    mug, cup, mask = picture("mug", 640, 480, "jpeg"), picture("cup", 320, 200), picture("m", 640, 480, alpha=True)
    for name, data in {"in/mug.jpg": mug, "cup.png": cup, "mask.png": mask}.items():
        write(name, data)
    command = ("edit", "in/mug.jpg", "cup.png", "Both on a shelf", "--mask", "mask.png", *CHEAP)
    assert paid(*command).code == 0
    assert paid(*command).code == 0
    [asked] = cloud.requests
    assert asked.prompt == "Both on a shelf"
    assert (asked.body["image"], asked.body["mask"]) == ([digest(mug), digest(cup)], [digest(mask)])


def test_an_edit_takes_a_url(paid: Imagegen, cloud: Cloud) -> None:
    with PictureServer() as server:
        server.routes["/mug.png"] = Reply(picture("mug", 64, 64), headers={"Content-Type": "image/png"})
        hosts = {"IMAGEGEN_INPUT_HOSTS": f"127.0.0.1:{server.port}"}
        made = paid("edit", server.url("/mug.png"), "On a shelf", *CHEAP, **hosts)
        gone = paid("edit", server.url("/cup.png"), "On a shelf", *CHEAP, **hosts)
    assert made.code == 0, made.err
    assert gone.code == 3
    assert "/cup.png" in gone.err
    assert len(cloud.charges) == 1


def test_what_ends_otherwise_says_so_by_its_code(paid: Imagegen, cloud: Cloud, tmp_path: Path) -> None:
    cloud.faults.add("moderation", prompt="knife")
    refused = paid("generate", "A knife", *CHEAP, "-o", "knife.png")
    assert (refused.code, refused.out) == (3, "")
    assert "refused: " in refused.err
    assert "refused.csv" not in refused.err
    assert not (tmp_path / "knife.png").exists()
    broke = paid("generate", "A mug", *CHEAP, "--budget", "0.000001")
    assert broke.code == 4
    cloud.faults.add("bad_key", prompt="cup")
    assert paid("generate", "A cup", *CHEAP).code == 5
    dear = paid("generate", "A dear one", "--model", "gpt-image-2.5-sunburst", "--quality", "max", "--n", "100")
    assert (dear.code, len(cloud.charges)) == (2, 0)
    assert "add --budget USD, or --yes" in dear.err


#: Command -> the one line it is answered with.
WRONG = {
    ("generate", ""): "error: the prompt is empty; say what the picture shows",
    ("generate", "A", "--size", "10"): "error: --size: '10' does not fit; a size is WIDTHxHEIGHT in pixels",
    ("generate", "A", "--set", "stepz=3"): "error: --set stepz: no field has this name; did you mean steps?",
    ("generate", "A", "--set", "steps"): "error: --set steps: a field and its value are wanted; write --set steps=20",
    ("generate", "A", "--set", "steps=x"): "error: --set steps: 'x' is not a whole number; write digits only",
    ("generate", "A", "--set", "accept={"): "error: --set accept={: the value is not JSON",
    ("generate", "A", "--budget", "x"): "error: --budget: not an amount of money: 'x'",
    ("generate", "A", "-o", "a.gif"): "error: a.gif: no picture format ends in .gif; use .png, .jpg, .webp or .avif",
    ("generate", "A", "-o", "a.png", "--n", "2"): "error: a.png is one file, and --n asks for several; name a folder",
    ("generate", "A", "-o", "a.png", "--set", "format=webp"): "error: a.png and --set format=webp do not agree",
    ("generate", "A", "--model", "gpt-imago"): "error: no model is called 'gpt-imago'",
    ("generate", "A", "--use-case", "heros"): "error: unknown use case 'heros'",
    ("generate", "A"): "error: no provider can be called: no key is set; set OPENAI_API_KEY (or put it into a .env file"
    " in the current folder), or try --provider placeholder",
    ("edit", "On a table"): "error: edit wants a picture and a prompt",
    ("edit", "nope.png", "On a table"): "error: the picture: 'nope.png' is not there; correct the name; it is relative"
    " to the current folder",
    ("edit", "mug.png", "On a table", "--mask", "no.png"): "error: --mask: 'no.png' is not there",
    ("edit", "mug.png", "On a table", "-o", "mug.png"): "error: mug.png is the picture to change: it would be",
    ("edit", "mug.png", "On a table", "--model", "dall-e-3", "--dry-run"): "error: dall-e-3 cannot edit a picture",
}


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_what_is_wrong_is_said_in_words_of_the_command_line(
    imagegen: Imagegen, write: Write, command: tuple[str, ...]
) -> None:
    write("mug.png", picture("mug", 64, 64))
    ran = imagegen(*command)
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert line.startswith(WRONG[command])
    assert "[0]" not in line
    assert "manifest" not in line


def test_a_run_makes_several_of_every_row(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """`--n` of plan, estimate and run agree; what was made as one picture is not bought again."""
    write("m.yaml", "imagegen: 1\nrows:\n  - {id: a, prompt: A mug, model: gpt-image-2.5-flare, quality: low}\n")
    assert paid("run", "m.yaml").code == 0
    assert paid("cost-estimate", "m.yaml", "--n", "3", "--json").summary["pictures"] == 3
    assert len(paid("plan", "m.yaml", "--n", "3", "--json").events[:-1]) == 3
    ran = paid("run", "m.yaml", "--n", "3", "--json")
    assert sorted(each["state"] for each in ran.events[:-1]) == ["cached", "made", "made"]
    assert len(cloud.charges) == 3
