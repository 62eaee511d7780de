"""A made row stays made: only a change of the row, --reroute or --redo makes a picture anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Books, Imagegen, Ran, Write, files, manifest, opened

CHEAP = "model: gpt-image-1-mini, quality: low"
#: Rows that routes decide about: gpt-image-2.5-flare, medium, 1024x1024.
ROWS = ("id: mug, prompt: A mug", "id: cup, prompt: A cup")
HEAD = "defaults: {use_case: product_shot}"

RETIRED = """
models:
  gpt-image-2.5-flare: {status: retired, shutdown_on: 2026-01-31, replaced_by: gpt-image-2.6-flare}
"""
DEARER = """
models:
  gpt-image-2.5-flare:
    offers: {openai: {price: {image: 3.5, source: a test, read_on: 2026-11-22}}}
"""
OWN_ROUTES = "routes: {product_shot: {models: [{model: gpt-image-2, quality: low}]}}"


def finish(paid: Imagegen, write: Write, text: str | None = None) -> None:
    """A finished manifest rows.yaml in out/rows."""
    write("rows.yaml", text or manifest(*ROWS, head=HEAD))
    first = paid("run", "rows.yaml", "--json")
    assert first.code == 0, first.err
    assert set(first.states.values()) == {"made"}


def states(ran: Ran, code: int = 0) -> dict[str, str]:
    """What became of the rows, once the exit code is right."""
    assert ran.code == code, ran.err
    return ran.states


KEPT = {"mug": "kept", "cup": "kept"}


def test_neither_catalogue_nor_routes_nor_prices_nor_keys_unmake_a_picture(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    """A retired model, another route, another price, a key that appears or goes: each buys nothing, touches no file,
    and says where the row would go now."""
    finish(paid, write)
    paths = [tmp_path / "out" / "rows" / name for name in ("mug.png", "cup.png")]
    before = [path.stat().st_mtime_ns for path in paths]
    own = write("own.yaml", RETIRED)
    assert states(paid("run", "rows.yaml", "--json", "--catalog", own)) == KEPT
    own = write("own.yaml", DEARER)
    assert states(paid("run", "rows.yaml", "--json", "--catalog", own)) == KEPT
    moved = paid("run", "rows.yaml", "--json", "--routes", "guide")
    assert states(moved) == KEPT
    assert moved.events[0]["reason"] == "kept; would now go to dall-e-3 (--reroute makes it anew)"
    assert moved.events[0]["model"] == "gpt-image-2.5-flare"
    write("rows.yaml", manifest(*ROWS, head=f"{HEAD}\n{OWN_ROUTES}"))
    moved = paid("run", "rows.yaml", "--json")
    assert states(moved) == KEPT
    assert "would now go to gpt-image-2 " in moved.events[0]["reason"]
    write("rows.yaml", manifest(*ROWS, head=HEAD))
    assert states(paid("run", "rows.yaml", "--json", OPENAI_API_KEY="")) == KEPT
    assert states(paid("run", "rows.yaml", "--json", GOOGLE_API_KEY="other", REPLICATE_API_TOKEN="other")) == KEPT
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert len(cloud.requests) == 2


@pytest.mark.parametrize("own", ["", RETIRED], ids=["no key", "retired"])
def test_pictures_stay_when_nothing_could_make_them(
    paid: Imagegen, imagegen: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, own: str
) -> None:
    """Where no key is left, or the model is shut down at its own address, what is there is kept, a lost file is
    restored, and only a new row is refused, with the reason."""
    write("home/config.yaml", "same_as: [openai]\n")
    finish(paid, write)
    (tmp_path / "out" / "rows" / "mug.png").unlink()
    flags = ["--catalog", str(write("own.yaml", own))] if own else []
    keys = {"OPENAI_API_KEY": "sk-real"} if own else {}
    assert states(imagegen("run", "rows.yaml", "--json", *flags, **keys)) == KEPT
    assert opened(tmp_path / "out" / "rows" / "mug.png")[0] == (1024, 1024)
    more = (*ROWS, "id: jug, prompt: A jug, model: gpt-image-2.5-flare")
    write("rows.yaml", manifest(*more, head=HEAD))
    refused = imagegen("run", "rows.yaml", "--json", *flags, **keys)
    assert refused.code == 2
    says = ("shut down on 2026-01-31", "gpt-image-2.6-flare") if own else ("no key is set", "OPENAI_API_KEY")
    assert all(words in refused.err for words in says), refused.err
    assert len(cloud.requests) == 2


def test_reroute_redo_and_changes_of_the_row_make_anew(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books
) -> None:
    """--redo makes one row anew, a changed prompt only its row, --reroute what would go elsewhere; each once."""
    finish(paid, write)
    assert states(paid("run", "rows.yaml", "--json", "--redo", "mug")) == {"mug": "made", "cup": "kept"}
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    assert len(cloud.requests) == 3
    write("rows.yaml", manifest("id: mug, prompt: A mug", "id: cup, prompt: A blue cup", head=HEAD))
    assert states(paid("run", "rows.yaml", "--json")) == {"mug": "kept", "cup": "made"}
    assert states(paid("run", "rows.yaml", "--json", "--reroute")) == {"mug": "cached", "cup": "cached"}
    assert len(cloud.requests) == 4
    rerouted = paid("run", "rows.yaml", "--json", "--reroute", "--routes", "guide")
    assert states(rerouted) == {"mug": "made", "cup": "made"}
    assert {event["model"] for event in rerouted.events[:-1]} == {"dall-e-3"}
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    assert len(cloud.requests) == 6
    assert books.ask("SELECT COUNT(*) FROM attempts WHERE state = 'done'") == 6


CHANGES = {
    "priority": "priority: 1",
    "tags": "tags: [a, b]",
    "callback_url": "callback_url: 'https://example.org/done'",
    "deadline": "deadline: 2027-01-01",
    "max_price": "max_price: 2",
}


def test_what_is_not_about_the_picture_buys_nothing(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Priority, tags, call-back, deadline, the price cap and the order of rows touch no file."""
    finish(paid, write)
    path = tmp_path / "out" / "rows" / "mug.png"
    before = path.stat().st_mtime_ns
    for change in CHANGES.values():
        rows = [f"{row}, {change}" for row in ROWS]
        write("rows.yaml", manifest(*rows, head=HEAD))
        assert states(paid("run", "rows.yaml", "--json")) == KEPT, change
    write("rows.yaml", manifest(*reversed(ROWS), head=HEAD))
    ran = paid("run", "rows.yaml", "--json")
    assert list(states(ran)) == ["cup", "mug"]
    assert set(ran.states.values()) == {"kept"}
    write("rows.csv", "prompt,id,use_case\nA cup,cup,product_shot\nA mug,mug,product_shot\n")
    assert states(paid("run", "rows.csv", "--json", "-o", "out/rows")) == KEPT
    assert path.stat().st_mtime_ns == before
    assert len(cloud.requests) == 2


def test_another_format_is_made_of_the_original(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A changed format, quality of encoding or file name turns the stored original into the new file, takes the old
    one away and buys nothing; back again is the same picture."""
    folder = tmp_path / "out" / "rows"
    finish(paid, write)
    original = (folder / "mug.png").read_bytes()
    for change, ending, form in (
        ("format: webp", "webp", "WEBP"),
        ("format: jpeg, encode_quality: 70", "jpg", "JPEG"),
        ("format: jpeg, encode_quality: 90", "jpg", "JPEG"),
        ("format: avif", "avif", "AVIF"),
    ):
        write("rows.yaml", manifest(*(f"{row}, {change}" for row in ROWS), head=HEAD))
        ran = paid("run", "rows.yaml", "--json")
        assert states(ran) == KEPT
        assert files(folder) == {f"mug.{ending}", f"cup.{ending}"}
        assert {event["file"] for event in ran.events[:-1]} == files(folder)
        assert opened(folder / f"mug.{ending}") == ((1024, 1024), form)
    write("rows.yaml", manifest(*ROWS, head=f"{HEAD}\noutput: {{name: 'shop/{{{{ id }}}}'}}"))
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    assert files(folder) == set()
    assert (folder / "shop" / "mug.png").read_bytes() == original
    assert len(cloud.requests) == 2


def test_another_size_of_the_same_request_buys_nothing(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    """Where the model is asked for the same picture, a new size is cut from the original, there and back."""
    rows = [f"id: mug, prompt: A mug, {CHEAP}"]
    finish(paid, write, manifest(*(f"{row}, size: 1024x1024" for row in rows)))
    for size in ((512, 512), (1000, 1000), (1024, 1024)):
        text = "x".join(map(str, size))
        write("rows.yaml", manifest(*(f"{row}, size: {text}" for row in rows)))
        assert states(paid("run", "rows.yaml", "--json")) == {"mug": "cached"}
        assert opened(tmp_path / "out" / "rows" / "mug.png")[0] == size
        assert states(paid("run", "rows.yaml", "--json")) == {"mug": "kept"}
    assert len(cloud.requests) == 1


def test_lost_and_torn_files_come_back_for_nothing(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A deleted file, half a file and an emptied one are restored from the cache, byte for byte; so is the whole
    folder, its id file included, and the cache may be gone where the files are there."""
    folder = tmp_path / "out" / "rows"
    finish(paid, write)
    whole = (folder / "mug.png").read_bytes()
    for spoil in (
        lambda path: path.unlink(),
        lambda path: path.write_bytes(whole[: len(whole) // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" * len(whole)),
    ):
        spoil(folder / "mug.png")
        ran = paid("run", "rows.yaml", "--json")
        assert states(ran) == KEPT
        assert (folder / "mug.png").read_bytes() == whole
    (folder / ".imagegen" / "collection.json").unlink()
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    folder.rename(tmp_path / "elsewhere")
    assert states(paid("run", "rows.yaml", "--json", "-o", "elsewhere")) == KEPT
    (tmp_path / "home" / "cache").rename(tmp_path / "home" / "gone")
    assert states(paid("run", "rows.yaml", "--json", "-o", "elsewhere")) == KEPT
    assert len(cloud.requests) == 2


def test_an_edited_picture_is_left_alone(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A valid picture that a person put in the place of ours stays, run after run, and each run says so."""
    from PIL import Image

    finish(paid, write)
    path = tmp_path / "out" / "rows" / "mug.png"
    Image.new("RGB", (300, 200), "teal").save(path)
    edited = path.read_bytes()
    for _ in range(2):
        ran = paid("run", "rows.yaml", "--json")
        assert states(ran) == KEPT
        assert path.read_bytes() == edited
        (event,) = (event for event in ran.events if event.get("id") == "mug")
        assert event["reason"] == "edited since it was made; left as it is (delete the file to get the original back)"
        line = json.loads((path.parent / "results.jsonl").read_text().splitlines()[0])
        assert line["reason"] == event["reason"]
    path.unlink()
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    assert opened(path)[0] == (1024, 1024)
    assert len(cloud.requests) == 2


def test_a_touched_file_that_is_still_ours_is_nothing_new(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    """A file whose date alone changed (a copy, a checkout) is the same picture."""
    import os

    finish(paid, write)
    path = tmp_path / "out" / "rows" / "mug.png"
    os.utime(path, (0, 0))
    ran = paid("run", "rows.yaml", "--json")
    assert states(ran) == KEPT
    assert {event["reason"] for event in ran.events[:-1]} == {None}
    assert len(cloud.requests) == 2


def test_pictures_of_another_server_satisfy_nothing(
    paid: Imagegen, imagegen: Imagegen, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    """What a test server drew never passes for a real picture: at another address everything is planned anew, and
    going back costs nothing. An address declared `same_as` the original is the original."""
    finish(paid, write)
    with Cloud() as other:
        there = {"OPENAI_BASE_URL": other.base_url}
        assert states(paid("run", "rows.yaml", "--json", **there)) == {"mug": "made", "cup": "made"}
        assert (len(cloud.requests), len(other.requests)) == (2, 2)
        assert states(paid("run", "rows.yaml", "--json")) == {"mug": "cached", "cup": "cached"}
        assert states(paid("run", "rows.yaml", "--json", **there)) == {"mug": "cached", "cup": "cached"}
        write("home/config.yaml", "same_as: [openai]\n")
        write("other.yaml", manifest(*ROWS, head=HEAD))
        assert states(paid("run", "other.yaml", "--json")) == {"mug": "made", "cup": "made"}
        assert states(paid("run", "other.yaml", "--json", **there)) == KEPT
        assert states(imagegen("run", "other.yaml", "--json", OPENAI_API_KEY="sk-real")) == KEPT
        assert (len(cloud.requests), len(other.requests)) == (4, 2)
        cloud.book.total += other.bill  # one home, two servers: the books hold both


def test_placeholders_and_pictures_never_pass_for_each_other(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books
) -> None:
    """Asking for placeholders where pictures are, and the other way round, makes them; going back costs nothing."""
    write("rows.yaml", manifest(*ROWS, head=HEAD))
    drawn = {"mug": "made", "cup": "made"}
    there = {"mug": "cached", "cup": "cached"}
    assert states(paid("run", "rows.yaml", "--json", "--provider", "placeholder")) == drawn
    assert cloud.requests == []
    assert states(paid("run", "rows.yaml", "--json")) == drawn
    spent = books.spent
    assert spent > 0
    assert states(paid("run", "rows.yaml", "--json", "--provider", "placeholder")) == there
    assert states(paid("run", "rows.yaml", "--json")) == there
    assert states(paid("run", "rows.yaml", "--json")) == KEPT
    assert (books.spent, len(cloud.requests)) == (spent, 2)


def test_equal_rows_share_one_purchase(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Rows that ask for the same picture pay once, within a run and across folders; samples of one row are apart."""
    same = ["id: a, prompt: A mug", "id: b, prompt: A mug", "id: c, prompt: ' A mug '", "id: d, prompt: A MUG"]
    write("rows.yaml", manifest(*(f"{row}, {CHEAP}" for row in same)))
    ran = paid("run", "rows.yaml", "--json")
    assert ran.code == 0, ran.err
    assert sorted(ran.states.values()) == ["cached", "cached", "made", "made"]
    assert sorted(request.prompt for request in cloud.requests) == ["A MUG", "A mug"]
    assert len({(tmp_path / "out" / "rows" / f"{name}.png").read_bytes() for name in "abc"}) == 1
    assert states(paid("run", "rows.yaml", "--json", "-o", "twin")) == dict.fromkeys("abcd", "cached")
    write("rows.yaml", manifest(f"id: three, prompt: A jug, n: 3, {CHEAP}"))
    ran = paid("run", "rows.yaml", "--json", "-o", "samples")
    assert files(tmp_path / "samples") == {"three-1.png", "three-2.png", "three-3.png"}
    assert sorted(event["sample"] for event in ran.events[:-1]) == [0, 1, 2]
    assert len({event["key"] for event in ran.events[:-1]}) == len(cloud.requests) - 2 == 3
