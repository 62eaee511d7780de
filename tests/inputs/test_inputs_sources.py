"""Sources: what rows call by path or URL becomes digests; a plan sends nothing, a run fetches first."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.inputs import Inputs
from imagegen.domain.row import Place, Placed, Row
from imagegen.errors import ManifestError
from imagegen.inputs import Sources, local
from tests.cloud.pictures import picture
from tests.pictureserver import PictureServer, Reply

MUG, CUP = picture("mug", 64, 48), picture("cup", 64, 48)
HERE = Place("rows.csv", 7, 1)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def row(**fields: Any) -> Row:
    return Row(id="a", prompt="A", **fields)


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as server:
        server.routes["/mug.png"] = Reply(MUG)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest's folder with a picture in it."""
    folder = tmp_path / "shop"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "mug.png").write_bytes(MUG)
    (folder / "photos" / "cup.png").write_bytes(CUP)
    return folder


@pytest.fixture
def sources(folder: Path, home: Path) -> Sources:
    return Sources(folder, home, frozenset({"127.0.0.1"}))


def fetched(sources: Sources, *rows: Row, **said: Any) -> tuple[list[Inputs], list[str]]:
    """The inputs of `rows` in a run, and what was noted."""
    notes: list[str] = []
    placed = [Placed(row, HERE) for row in rows]
    return [sources.resolve(*each[:2]) for each in sources.fetched(placed, note=notes.append, **said)], notes


def test_pictures_are_named_by_their_bytes(sources: Sources, folder: Path, tmp_path: Path) -> None:
    """Paths are relative to the manifest, or whole; order counts; the bytes' paths are told."""
    mug, cup = folder / "photos" / "mug.png", tmp_path / "elsewhere.png"
    cup.write_bytes(CUP)
    found = sources.resolve(row(image=("photos/mug.png", str(cup)), mask=str(cup), control="photos/mug.png"), HERE)
    assert found == Inputs(
        (digest(MUG), digest(CUP)), digest(CUP), digest(MUG), ((digest(MUG), str(mug)), (digest(CUP), str(cup)))
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image": "none.png"}, "image: 'none.png' is not there; correct the name; it is relative to the manifest"),
        ({"image": ("photos/mug.png", "photos")}, "image: 'photos' is a folder; name a file in it"),
        ({"mask": "rows.csv"}, "mask: 'rows.csv' is not a PNG, JPEG, WebP or AVIF picture but something else"),
        ({"control": "ftp://a/b.png"}, "control: 'ftp://a/b.png' is not read: ftp is not known here; name a file, or"),
        ({"image": "file:///etc/passwd"}, "is not read: file is not known here"),
        ({"image": "data:image/png;base64,AAAA"}, "is not read: data is not known here"),
        ({"image": ""}, "image: '' is a folder"),
    ],
)
def test_what_cannot_be_used_is_an_error_at_the_row(
    sources: Sources, folder: Path, fields: dict[str, Any], said: str
) -> None:
    """Field, name, what is wrong and what to do, at the row's place."""
    (folder / "rows.csv").write_text("id,prompt\n")
    with pytest.raises(ManifestError) as caught:
        sources.resolve(row(**fields), HERE)
    assert str(caught.value).startswith("rows.csv:7:1: ")
    assert said in str(caught.value)


def test_a_file_is_read_once(sources: Sources, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it does not change: within a command, and after a run also by the next."""
    path = folder / "photos" / "mug.png"
    os.utime(path, (1, 1))
    read: list[str] = []
    real = local.read

    def count(name: Any) -> Any:
        read.append(Path(name).name)
        return real(name)

    monkeypatch.setattr(local, "read", count)
    monkeypatch.setattr("imagegen.inputs.YOUNG", -1.0)
    for _ in range(3):
        sources.resolve(row(image="photos/mug.png"), HERE)
    assert read == ["mug.png"]
    fetched(Sources(folder, home), row(image="photos/mug.png"))
    assert read == ["mug.png"] * 2
    assert Sources(folder, home).resolve(row(image="photos/mug.png"), HERE).images == (digest(MUG),)
    assert read == ["mug.png"] * 2
    path.write_bytes(CUP)
    assert Sources(folder, home).resolve(row(image="photos/mug.png"), HERE).images == (digest(CUP),)
    assert read == ["mug.png"] * 3


def test_a_young_file_is_read_again_by_the_next_command(sources: Sources, folder: Path, home: Path) -> None:
    """What was written a moment ago may be written again within one tick of the clock."""
    fetched(sources, row(image="photos/mug.png"))
    index = Sources(folder, home)._known
    assert index.get(f"file:{folder / 'photos' / 'mug.png'}") is None


def test_a_plan_sends_nothing(sources: Sources, server: PictureServer, home: Path) -> None:
    """A URL that was never fetched is unknown, by its name; nothing is asked and nothing is created."""
    url = server.url("/mug.png")
    assert sources.resolve(row(image=url), HERE) == Inputs((url,), unknown=True)
    assert server.asked == []
    assert not home.exists()


def test_a_run_fetches_each_once(sources: Sources, server: PictureServer, folder: Path, home: Path) -> None:
    """However many rows want it; the next run and the next plan have it, server or not."""
    url = server.url("/mug.png")
    inputs, notes = fetched(sources, *(row(image=url, mask="photos/cup.png") for _ in range(250)))
    assert set(inputs) == {
        Inputs(
            (digest(MUG),),
            digest(CUP),
            files=((digest(MUG), str(home / "inputs" / digest(MUG))), (digest(CUP), str(folder / "photos/cup.png"))),
        )
    }
    assert (server.asked, notes) == (["/mug.png"], [])
    server.routes.clear()
    again = Sources(folder, home)
    assert again.resolve(row(image=url), HERE).images == (digest(MUG),)
    assert fetched(again, row(image=url))[0][0].images == (digest(MUG),)
    assert server.asked == ["/mug.png"]


def test_a_lost_file_is_fetched_again(sources: Sources, server: PictureServer, home: Path) -> None:
    """What was fetched may be deleted."""
    url = server.url("/mug.png")
    fetched(sources, row(image=url))
    (home / "inputs" / digest(MUG)).unlink()
    assert sources.resolve(row(image=url), HERE).trouble == "an input picture was not fetched"
    assert fetched(sources, row(image=url))[0][0].images == (digest(MUG),)
    assert server.asked == ["/mug.png"] * 2


def test_one_that_fails_does_not_stop_the_others(sources: Sources, server: PictureServer) -> None:
    """Its row has a trouble, told once; the others have their pictures. The query is not told: it may hold a key."""
    bad, good = server.url("/none.png?key=secret"), server.url("/mug.png")
    inputs, notes = fetched(sources, row(image=bad), *[row(image=good)] * 200, row(image=(good, bad)))
    said = f"the input picture {server.url('/none.png')} answers 404"
    assert [each.trouble for each in inputs] == [said, *[""] * 200, said]
    assert notes == [said]
    assert server.asked.count("/none.png?key=secret") == 1


def test_many_that_fail_are_not_told_one_by_one(sources: Sources, server: PictureServer) -> None:
    """Ten are, then that there are more."""
    notes = fetched(sources, *(row(image=server.url(f"/{n}")) for n in range(30)))[1]
    assert len(notes) == 11
    assert notes[-1] == "… and more input pictures; results.csv has them all"


def test_only_wanted_rows_are_fetched(sources: Sources, server: PictureServer) -> None:
    """Those of rows that the run is not about are left."""
    inputs, _ = fetched(sources, row(image=server.url("/mug.png")), wanted=lambda row: False)
    assert inputs[0].unknown
    assert server.asked == []


def test_refetching_asks_whether_it_changed(sources: Sources, server: PictureServer, folder: Path, home: Path) -> None:
    """A 304 keeps what is here, other bytes are another digest, and a failure keeps what is here and says so."""
    now = {"body": MUG}

    def conditional(headers: dict[str, str]) -> Reply:
        tag = f'"{digest(now["body"])[:8]}"'
        same = headers.get("if-none-match") == tag
        return Reply(status=304) if same else Reply(now["body"], headers={"ETag": tag})

    server.routes["/mug.png"] = conditional
    url = server.url("/mug.png")
    seen = []
    for body in (MUG, MUG, CUP, CUP):
        now["body"] = body
        seen.append(fetched(Sources(folder, home, frozenset({"127.0.0.1"})), row(image=url), refetch=True)[0][0].images)
    assert seen == [(digest(MUG),), (digest(MUG),), (digest(CUP),), (digest(CUP),)]
    assert [headers.get("if-none-match") for headers in server.headers] == [
        None, f'"{digest(MUG)[:8]}"', f'"{digest(MUG)[:8]}"', f'"{digest(CUP)[:8]}"'
    ]  # fmt: skip
    server.routes["/mug.png"] = Reply(status=403)
    inputs, notes = fetched(sources, row(image=url), refetch=True)
    assert inputs[0].images == (digest(CUP),)
    assert notes == [f"the input picture {url} answers 403; what was fetched earlier is used"]


def test_a_request_to_stop_is_heeded(sources: Sources, server: PictureServer) -> None:
    """While pictures are fetched; what was fetched by then is kept, and nothing is left running."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(sources, row(image=server.url("/mug.png")), heed=stop)


def test_rows_without_pictures_cost_nothing(sources: Sources, home: Path) -> None:
    """No folder is made for a run that needs none."""
    placed = [Placed(row(), HERE)] * 3
    assert list(sources.fetched(placed)) == placed
    assert not home.exists()
