"""Fetching input pictures: only from the public internet, only pictures, at most so many bytes and redirects.

The server stands on loopback, so it is named as one of the user's own where it is to be reached.
"""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.inputs import guarded
from imagegen.inputs.local import MOST_BYTES
from imagegen.inputs.web import Fetched, Fetcher, NotFetched, shown
from tests.certificates import certificate
from tests.cloud.pictures import picture
from tests.pictureserver import PictureServer, Reply

MUG = picture("mug", 64, 48)
DIGEST = hashlib.sha256(MUG).hexdigest()


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as server:
        server.routes["/mug.png"] = Reply(MUG, headers={"ETag": '"1"', "Last-Modified": "yesterday"})
        yield server


def fetcher(folder: Path, *hosts: str, **said: Any) -> Fetcher:
    return Fetcher(folder, hosts=frozenset(hosts), **({"pause": 0.0} | said))


def refused(fetcher: Fetcher, url: str) -> str:
    """What is said of a picture that is not fetched."""
    with pytest.raises(NotFetched) as caught:
        fetcher.fetch(url)
    return caught.value.what


def test_a_picture_is_stored_under_its_digest(server: PictureServer, tmp_path: Path) -> None:
    """Its bytes lie in a private file; what to ask again with is told; one request was made, with our name."""
    found = fetcher(tmp_path, "127.0.0.1").fetch(server.url("/mug.png"))
    assert found == Fetched(DIGEST, '"1"', "yesterday")
    assert (tmp_path / DIGEST).read_bytes() == MUG
    assert (tmp_path / DIGEST).stat().st_mode & 0o777 == 0o600
    assert server.asked == ["/mug.png"]
    assert server.headers[0]["user-agent"].startswith("imagegen/")


#: Spellings of this machine and of its neighbours.
SPELT = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "localhost", "[::1]", "0.0.0.0",
         "0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "127.0.0.2"]  # fmt: skip


@pytest.mark.parametrize("host", SPELT)
def test_this_machine_is_not_asked(host: str, server: PictureServer, tmp_path: Path, connections: list[str]) -> None:
    """However it is spelt, no connection is made, be it the first address or one that another leads to."""
    ours = fetcher(tmp_path)
    said = refused(ours, f"http://{host}:{server.port}/mug.png")
    assert "not on the public internet" in said or "nobody knows" in said
    assert connections == []
    server.routes["/on"] = Reply(status=302, headers={"Location": f"http://{host}:{server.port}/mug.png"})
    ours = fetcher(tmp_path, f"public.example:{server.port}", lookup=_as_public)
    assert server.asked == []
    said = refused(ours, server.url("/on", "public.example"))
    assert "not on the public internet" in said or "nobody knows" in said
    assert server.asked == ["/on"]


def _as_public(name: str, port: int) -> list[str]:
    """`public.example` is the test's server; every other name is what the system says."""
    return ["127.0.0.1"] if name == "public.example" else guarded.look_up(name, port)


@pytest.mark.parametrize("inside", ["10.0.0.1", "169.254.169.254", "fd00:ec2::254", "64:ff9b::7f00:1", "224.0.0.1"])
def test_a_name_with_one_inner_address_is_not_asked(inside: str, tmp_path: Path, connections: list[str]) -> None:
    """A name may have several addresses: one that leads inside is enough to leave it."""
    ours = fetcher(tmp_path, lookup=lambda name, port: ["8.8.8.8", inside])
    assert f"pictures.example is at {inside}, which is not on the public internet" in refused(
        ours, "https://pictures.example/mug.png"
    )
    assert connections == []


def test_the_checked_address_is_the_one_that_is_asked(server: PictureServer, tmp_path: Path) -> None:
    """A name is looked up once a request: what it becomes afterwards does not matter, and the server hears its name."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    ours = fetcher(tmp_path, "rebind.example", lookup=lambda name, port: next(answers))
    assert ours.fetch(server.url("/mug.png", "rebind.example")).digest == DIGEST
    assert server.hosts == [f"rebind.example:{server.port}"]
    assert next(answers) == ["10.0.0.1"]


def test_a_host_of_the_users_counts_with_its_port(server: PictureServer, tmp_path: Path) -> None:
    """ "name:port" allows that port only."""
    assert fetcher(tmp_path, f"127.0.0.1:{server.port}").fetch(server.url("/mug.png")).digest == DIGEST
    assert "public internet" in refused(fetcher(tmp_path, "127.0.0.1:1"), server.url("/mug.png"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_five_times(server: PictureServer, tmp_path: Path, status: int) -> None:
    """Relative or whole; the sixth is one too many."""
    for n in range(6):
        server.routes[f"/{n}"] = Reply(
            status=status, headers={"Location": f"/{n - 1}" if n else server.url("/mug.png")}
        )
    ours = fetcher(tmp_path, "127.0.0.1")
    assert ours.fetch(server.url("/4")).digest == DIGEST
    assert refused(ours, server.url("/5")) == "leads on more than 5 times"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://127.0.0.1/mug.png", "neither http nor https"),
        ("http://127.0.0.1:0/", "no address"),
        ("http://user:word@127.0.0.1/mug.png", "name or password"),
        ("http://[::1", "no address"),
        ("http://127.0.0.1:99999/", "no address"),
    ],
)
def test_redirects_elsewhere_are_not_followed(server: PictureServer, tmp_path: Path, location: str, said: str) -> None:
    """Only http and https, and never with a password."""
    server.routes["/on"] = Reply(status=302, headers={"Location": location})
    found = refused(fetcher(tmp_path, "127.0.0.1"), server.url("/on"))
    assert said in found
    assert "word" not in found.replace("password", "")


HTML = b"<!doctype html><title>Not found</title>"
#: A route's answer -> what is said.
ANSWERS: dict[str, tuple[Reply, str]] = {
    "not there": (Reply(status=404), "answers 404"),
    "forbidden": (Reply(status=403), "answers 403"),
    "part": (Reply(MUG, status=206), "answers 206"),
    "unasked 304": (Reply(status=304), "answers 304"),
    "redirect to nowhere": (Reply(status=302), "answers 302"),
    "a page": (Reply(HTML), "not a PNG, JPEG, WebP or AVIF picture but HTML"),
    "nothing": (Reply(b""), "nothing at all"),
    "half": (Reply(MUG[:-40]), "breaks off"),
    "cut": (Reply(MUG[:100], promise=len(MUG)), "cannot be fetched"),
    "damaged": (Reply(picture("mug", 64, 48, "jpeg")[:300] + bytes(300) + b"\xff\xd9"), "no picture that can be used"),
    "large by its word": (Reply(MUG, promise=50 * 10**6 + 1), "larger than 50 MB"),
    "endless": (Reply(bytes(2**20), endless=True), "larger than 50 MB"),
    "compressed": (Reply(gzip.compress(MUG), headers={"Content-Encoding": "gzip"}), "compressed"),
    "too many pixels": (Reply(picture("mug", 9_000, 8_000)), "more than 64,000,000 pixels"),
}


@pytest.mark.parametrize(("reply", "said"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_picture_is_not_kept(server: PictureServer, tmp_path: Path, reply: Reply, said: str) -> None:
    """A sentence, and no file."""
    server.routes["/mug.png"] = reply
    assert said in refused(fetcher(tmp_path, "127.0.0.1"), server.url("/mug.png"))
    assert list(tmp_path.iterdir()) == []
    assert server.sent < 2 * MOST_BYTES


def test_what_may_pass_is_tried_twice(server: PictureServer, tmp_path: Path) -> None:
    """A 503 once is no failure; twice it is. A 404 is not asked again."""
    answers = iter([Reply(status=503), Reply(MUG), Reply(status=503), Reply(status=500), Reply(MUG)])
    server.routes["/mug.png"] = lambda headers: next(answers)
    ours = fetcher(tmp_path, "127.0.0.1")
    assert ours.fetch(server.url("/mug.png")).digest == DIGEST
    assert refused(ours, server.url("/mug.png")) == "answers 500"
    assert len(server.asked) == 4
    assert refused(ours, server.url("/none.png")) == "answers 404"
    assert len(server.asked) == 5


def test_nobody_there(tmp_path: Path) -> None:
    """A server that does not listen and a name that nobody knows are said to be so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "cannot be reached" in refused(fetcher(tmp_path, "127.0.0.1"), f"http://127.0.0.1:{port}/")

    def unknown(name: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    said = refused(fetcher(tmp_path, lookup=unknown), "https://no.such.example/a.png")
    assert said == "cannot be reached: nobody knows the name no.such.example"


def test_too_slow(server: PictureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for one picture ends, however busily bytes arrive."""
    monkeypatch.setattr(guarded, "WHOLE", 0.0)
    assert refused(fetcher(tmp_path, "127.0.0.1"), server.url("/mug.png")) == "takes too long"


def test_asked_again_it_is_sent_only_if_it_changed(server: PictureServer, tmp_path: Path) -> None:
    """What the server said goes back to it; a 304 is no picture and no failure."""

    def conditional(headers: dict[str, str]) -> Reply:
        same = (headers.get("if-none-match"), headers.get("if-modified-since")) == ('"1"', "yesterday")
        return Reply(status=304, headers={"ETag": '"1"'}) if same else Reply(MUG)

    server.routes["/mug.png"] = conditional
    ours = fetcher(tmp_path, "127.0.0.1")
    facts = {"digest": DIGEST, "etag": '"1"', "last_modified": "yesterday"}
    assert ours.fetch(server.url("/mug.png"), facts) == Fetched(None, '"1"')
    assert ours.fetch(server.url("/mug.png"), facts | {"etag": '"0"'}).digest == DIGEST


def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    """Though the address is asked, the certificate is checked against the name; https does not lead to http."""
    theirs, ours = certificate(tmp_path, "pictures.example")
    folder = tmp_path / "inputs"
    folder.mkdir()
    with PictureServer(theirs) as server:
        server.routes["/mug.png"] = Reply(MUG)
        server.routes["/down"] = Reply(status=302, headers={"Location": "http://pictures.example/mug.png"})
        hosts = (f"pictures.example:{server.port}", f"other.example:{server.port}")
        trusting = fetcher(folder, *hosts, lookup=lambda name, port: ["127.0.0.1"], verify=ours)
        assert trusting.fetch(server.url("/mug.png", "pictures.example")).digest == DIGEST
        assert "certificate" in refused(trusting, server.url("/mug.png", "other.example")).lower()
        said = refused(trusting, server.url("/down", "pictures.example"))
        assert said == "leads from https to http (http://pictures.example/mug.png)"
        system = fetcher(folder, *hosts, lookup=lambda name, port: ["127.0.0.1"])
        assert "certificate" in refused(system, server.url("/mug.png", "pictures.example")).lower()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://a.example/b.png?key=secret#x", "https://a.example/b.png"),
        ("https://me:secret@a.example/b.png", "https://a.example/b.png"),
        ("https://a.example/\x1b[31m\n", "https://a.example/?[31m?"),
        (f"https://a.example/{'b' * 200}", f"https://a.example/{'b' * 77}..."),
    ],
)
def test_what_people_see_of_a_url(url: str, said: str) -> None:
    """No key, no password, no escape sequence, not too long."""
    assert shown(url) == said
