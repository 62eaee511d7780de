"""Rows made from pictures: by path and by URL, end to end with placeholders, which show what they were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.pictures import picture
from tests.e2e.conftest import Imagegen, Ran, Write, manifest, opened
from tests.pictureserver import PictureServer, Reply

MUG, CUP = picture("mug", 640, 480, "jpeg"), picture("cup", 640, 480)
HEAD = "provider: placeholder\ndefaults: {size: 256x256}"


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as server:
        server.routes["/mug.jpg"] = Reply(MUG, headers={"ETag": '"1"'})
        yield server


def states(ran: Ran) -> dict[str, str]:
    """What became of each row, all well but what the test says."""
    assert ran.events, ran.err
    return ran.states


def test_a_picture_is_made_anew_when_its_source_changes(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """Renaming and moving the source buys nothing; other bytes under the old name make that row anew and no other."""
    write("photos/mug.jpg", MUG)
    write("photos/cup.png", CUP)
    rows = ["id: mug, prompt: A mug, image: photos/mug.jpg", "id: set, prompt: Both, image: [photos/cup.png]"]
    write("m.yaml", manifest(*rows, "id: plain, prompt: Plain", head=HEAD))
    assert set(states(imagegen("run", "m.yaml", "--json")).values()) == {"made"}
    first = {name: (tmp_path / f"out/m/{name}.png").read_bytes() for name in ("mug", "set", "plain")}

    (tmp_path / "photos/mug.jpg").rename(tmp_path / "beaker.jpg")
    write("m.yaml", manifest(rows[0].replace("photos/mug", "beaker"), rows[1], "id: plain, prompt: Plain", head=HEAD))
    assert set(states(imagegen("run", "m.yaml", "--json")).values()) == {"kept"}

    write("beaker.jpg", picture("another mug", 640, 480))
    assert imagegen("plan", "m.yaml").out.splitlines()[0].split()[:2] == ["mug", "buy"]
    ran = imagegen("run", "m.yaml", "--json")
    assert states(ran) == {"mug": "made", "set": "kept", "plain": "kept"}
    assert (tmp_path / "out/m/mug.png").read_bytes() != first["mug"]
    assert (tmp_path / "out/m/set.png").read_bytes() == first["set"]

    write("beaker.jpg", MUG)  # as it was: the cache has that picture
    assert states(imagegen("run", "m.yaml", "--json"))["mug"] == "cached"
    assert (tmp_path / "out/m/mug.png").read_bytes() == first["mug"]


def test_the_provider_gets_the_picture(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """The placeholder's corner shows it."""
    from PIL import Image

    red = tmp_path / "red.png"
    Image.new("RGB", (300, 300), (250, 10, 10)).save(red)
    write("m.yaml", manifest("id: red, prompt: A thing, image: red.png, size: 512x512", head="provider: placeholder"))
    assert imagegen("run", "m.yaml").code == 0
    assert opened(tmp_path / "out/m/red.png")[0] == (512, 512)
    with Image.open(tmp_path / "out/m/red.png") as made:
        pixel = made.convert("RGB").getpixel((60, 60))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) < 12 for a, b in zip(pixel, (250, 10, 10), strict=True))


@pytest.mark.parametrize("command", ["plan", "cost-estimate", "explain", "run"])
def test_a_missing_picture_is_an_error_at_its_row(imagegen: Imagegen, write: Write, command: str) -> None:
    """One line and exit code 2, wherever it would be read; `validate` does not look."""
    write("m.yaml", manifest("id: a, prompt: A", "id: mug, prompt: A mug, mask: mask.png, image: m.yaml", head=HEAD))
    ran = imagegen(command, "m.yaml", *(["a"] if command == "explain" else []))
    if command == "explain":  # another row's pictures do not matter
        assert ran.code == 0
        ran = imagegen(command, "m.yaml", "mug")
    what = "image: 'm.yaml' is not a PNG, JPEG, WebP or AVIF picture but something else"
    assert ran.errors == [f"error: m.yaml:6:5: {what}; use a PNG, JPEG, WebP or AVIF file"]
    assert ran.code == 2
    assert imagegen("validate", "m.yaml").code == 0


def test_urls_are_fetched_by_run_only(imagegen: Imagegen, write: Write, server: PictureServer, home: Path) -> None:
    """Estimates ask nobody and count a miss; the run asks once; then it is known, with the server gone too."""
    ours = {"IMAGEGEN_INPUT_HOSTS": "127.0.0.1"}
    write("m.yaml", manifest(f"id: mug, prompt: A mug, image: '{server.url('/mug.jpg')}', n: 2", head=HEAD))
    for command in ("validate", "cost-estimate", "plan"):
        assert imagegen(command, "m.yaml", **ours).code == 0
    assert "note: made from a picture that `run` fetches first" in imagegen("plan", "m.yaml").err
    assert server.asked == []
    assert not home.exists()
    assert set(states(imagegen("run", "m.yaml", "--json", **ours)).values()) == {"made"}
    assert server.asked == ["/mug.jpg"]
    server.routes.clear()
    assert [line.split()[2] for line in imagegen("plan", "m.yaml").out.splitlines()[:2]] == ["kept", "kept"]
    assert set(states(imagegen("run", "m.yaml", "--json")).values()) == {"kept"}
    assert server.asked == ["/mug.jpg"]
    # The same picture in a file is the same picture.
    write("mug.jpg", MUG)
    write("m.yaml", manifest("id: mug, prompt: A mug, image: mug.jpg, n: 2", head=HEAD))
    assert set(states(imagegen("run", "m.yaml", "--json")).values()) == {"kept"}


def test_refetch_asks_whether_a_picture_changed(imagegen: Imagegen, write: Write, server: PictureServer) -> None:
    """Unchanged: kept. Other bytes: made anew."""
    ours = {"IMAGEGEN_INPUT_HOSTS": "127.0.0.1"}
    write("m.yaml", manifest(f"id: mug, prompt: A mug, image: '{server.url('/mug.jpg')}'", head=HEAD))
    assert imagegen("run", "m.yaml", **ours).code == 0
    server.routes["/mug.jpg"] = Reply(status=304)
    assert states(imagegen("run", "m.yaml", "--json", "--refetch", **ours)) == {"mug": "kept"}
    assert server.headers[1]["if-none-match"] == '"1"'
    server.routes["/mug.jpg"] = Reply(CUP)
    assert states(imagegen("run", "m.yaml", "--json", **ours)) == {"mug": "kept"}
    assert len(server.asked) == 2
    assert states(imagegen("run", "m.yaml", "--json", "--refetch", **ours)) == {"mug": "made"}


def test_a_picture_that_cannot_be_fetched_fails_its_row_only(
    imagegen: Imagegen, write: Write, server: PictureServer, tmp_path: Path
) -> None:
    """The others are made, the sentence stands in the results, exit code 3; mended, the next run makes it."""
    rows = [f"id: {name}, prompt: A mug, image: '{server.url(f'/{name}.jpg?key=secret')}'" for name in ("gone", "mug")]
    server.routes["/mug.jpg?key=secret"] = Reply(MUG)
    write("m.yaml", manifest(*rows, "id: plain, prompt: Plain", head=HEAD))
    ran = imagegen("run", "m.yaml", "--json", IMAGEGEN_INPUT_HOSTS="127.0.0.1")
    assert (ran.code, states(ran)) == (3, {"gone": "failed", "mug": "made", "plain": "made"})
    said = f"the input picture {server.url('/gone.jpg')} answers 404"
    assert f"note: {said}" in ran.err
    assert "secret" not in ran.err + ran.out
    lines = (tmp_path / "out/m/results.jsonl").read_text().splitlines()
    results = {line["id"]: line for line in map(json.loads, lines)}
    assert results["gone"]["reason"] == said
    server.routes["/gone.jpg?key=secret"] = Reply(MUG)
    ran = imagegen("run", "m.yaml", "--json", IMAGEGEN_INPUT_HOSTS="127.0.0.1")
    assert (ran.code, states(ran)) == (0, {"gone": "made", "mug": "kept", "plain": "kept"})


def test_this_machine_is_not_asked(imagegen: Imagegen, write: Write, server: PictureServer, home: Path) -> None:
    """Unless its owner says so: in the environment, in config.yaml, or as a provider's address."""
    write("m.yaml", manifest(f"id: mug, prompt: A mug, image: '{server.url('/mug.jpg')}'", head=HEAD))
    ran = imagegen("run", "m.yaml")
    assert ran.code == 3
    assert "127.0.0.1 is at 127.0.0.1, which is not on the public internet" in ran.err
    assert "name it under input_hosts in config.yaml" in ran.err
    assert imagegen("run", "m.yaml", IMAGEGEN_INPUT_HOSTS="127.0.0.1:1").code == 3
    assert server.asked == []
    assert imagegen("run", "m.yaml", IMAGEGEN_OPENAI_BASE_URL=server.url("/v1")).code == 0
    assert server.asked == ["/mug.jpg"]
    (home / "config.yaml").write_text(f"input_hosts: ['127.0.0.1:{server.port}']\n")
    write("m.yaml", manifest(f"id: cup, prompt: A cup, image: '{server.url('/cup.png')}'", head=HEAD))
    server.routes["/cup.png"] = Reply(CUP)
    assert imagegen("run", "m.yaml").code == 0


def test_only_the_chosen_rows_pictures_are_fetched(imagegen: Imagegen, write: Write, server: PictureServer) -> None:
    """--only leaves the other rows' URLs alone."""
    rows = [f"id: {name}, prompt: A mug, image: '{server.url(f'/{name}.jpg')}'" for name in ("cup", "mug")]
    write("m.yaml", manifest(*rows, head=HEAD))
    ran = imagegen("run", "m.yaml", "--json", "--only", "mug", IMAGEGEN_INPUT_HOSTS="127.0.0.1")
    assert (ran.code, states(ran), server.asked) == (0, {"mug": "made"}, ["/mug.jpg"])
