"""The review page's server: it shows what waits and writes what is decided, for the one person who has the address."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.choose import Decision
from imagegen.choose.person import read
from imagegen.review.pending import Choice, Folder, Pending
from imagegen.review.server import HEADERS, MOST_BYTES, Review, Server
from tests.cloud.pictures import picture

NASTY = '<script>document.title="taken"</script>"\'&'
Answer = tuple[int, dict[str, str], bytes]


def pending(folder: Path, name: str, count: int = 3) -> Pending:
    """A picture that waits, its drafts in `folder`."""
    choices = []
    for index in range(count):
        data = picture(f"{name} {index}", 64, 48)
        path = folder / f"{len(list(folder.iterdir()))}.png"
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        choices.append(Choice(index, path, digest, "image/png", 64, 48, path.name, "flux-schnell", 3_000_000))
    return Pending(name, f"{NASTY} {name}", NASTY, "dall-e-3-hd", tuple(choices))


class Asker:
    """Asks the server of a review as a browser does, or otherwise."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.base = f"/{server.review.token}/"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = {"Host": self.server.host} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given.setdefault("Content-Length", str(len(body)))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def post(self, said: object, path: str = "decide", **headers: str) -> Answer:
        given = {"Origin": f"http://{self.server.host}", "Content_Type": "application/json"} | headers
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.ask("POST", self.base + path, body, **{name: value for name, value in given.items() if value})

    @property
    def decisions(self) -> dict[str, Decision]:
        return read(self.folder / "decisions.json")


@pytest.fixture
def done() -> threading.Event:
    return threading.Event()


@pytest.fixture
def asker(tmp_path: Path, done: threading.Event) -> Iterator[Asker]:
    """A server with two pictures that wait."""
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    waits = [pending(drafts, "mug"), pending(drafts, "cup #2", 2)]
    review = Review(f"shop {NASTY}", Folder(tmp_path, tmp_path), waits, "imagegen run shop.yaml", done.set)
    with Server(review) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Asker(server, tmp_path)
        server.shutdown()
        thread.join()


def test_the_page_shows_every_draft_and_escapes_every_text(asker: Asker) -> None:
    """Both pictures, five drafts by their digests, and no markup out of the manifest."""
    status, headers, body = asker.ask("GET", asker.base)
    text = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert text.count('<section data-name="') == 2
    for each in asker.server.review.pending:
        for choice in each.choices:
            assert f'src="draft/{choice.digest}"' in text
    assert "<script>document" not in text
    assert "$0.003" in text
    assert "http" not in text.replace(asker.base, "")  # nothing comes from elsewhere


@pytest.mark.parametrize("path", ["", "review.css", "review.js", "draft/{digest}", "draft/0", "nothing"])
def test_every_answer_carries_the_policy(asker: Asker, path: str) -> None:
    """And pictures keep the type that the store gave them."""
    choice = asker.server.review.pending[0].choices[1]
    _, headers, body = asker.ask("GET", asker.base + path.format(digest=choice.digest))
    assert {name.lower(): headers.get(name.lower()) for name in HEADERS} == {n.lower(): v for n, v in HEADERS.items()}
    if "{" in path:
        assert (headers["content-type"], body) == ("image/png", choice.path.read_bytes())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/wrong/", 404),
        ("{base}../", 404),
        ("{token}", 404),
        ("{base}draft/../../ledger.db", 404),
        ("{base}draft/%2e%2e/decisions.json", 404),
        ("{base}decisions.json", 404),
        ("//127.0.0.1/{token}/", 404),
    ],
)
def test_nothing_is_served_but_the_page(asker: Asker, path: str, status: int) -> None:
    """Neither without the secret nor beside the page's own files."""
    assert asker.ask("GET", path.format(base=asker.base, token=asker.base.rstrip("/")))[0] == status


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.example"])
def test_another_host_is_refused(asker: Asker, host: str) -> None:
    """A name that someone made point here is not this page, for looking or for deciding."""
    host = host.format(port=asker.server.server_address[1])
    assert asker.ask("GET", asker.base, Host=host)[0] == 403
    assert asker.post({"name": "mug", "picture": 1}, Host=host)[0] == 403
    assert asker.decisions == {}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://{host}"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Length": str(MOST_BYTES + 1)}, 413),
        ({"Content_Length": "-1"}, 413),
        ({"Transfer_Encoding": "chunked", "Content_Length": "x"}, 413),
    ],
)
def test_a_decision_from_elsewhere_is_refused(asker: Asker, headers: dict[str, str], status: int) -> None:
    """Only the page itself, in JSON, of a sensible length."""
    given = {name: value.format(host=asker.server.host) for name, value in headers.items()}
    assert asker.post({"name": "mug", "picture": 1}, **given)[0] == status
    assert asker.decisions == {}


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[" * 9000, b"\xff", [], None, {}, {"name": "mug", "picture": 4}, {"name": "mug", "picture": 0},
        {"name": "mug", "picture": True}, {"name": "mug", "picture": "1"}, {"name": "mug", "picture": 1.0},
        {"name": "bowl", "picture": 1}, {"name": "mug", "picture": 1, "note": 3}, {"name": ["mug"], "picture": 1},
        {"name": "mug", "picture": 1, "note": "x" * 501}, {"name": "mug", "picture": 1, "more": 1},
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused(asker: Asker, said: object) -> None:
    """400, and nothing is written."""
    assert asker.post(said)[0] == 400
    assert asker.decisions == {}


def test_a_decision_is_written_and_can_be_changed(asker: Asker) -> None:
    """With the digests of what was decided on; the page shows it when it is opened again."""
    first, second = asker.server.review.pending
    assert asker.post({"name": "mug", "picture": 2, "note": " the handle "})[0] == 200
    assert asker.post({"name": "cup #2", "picture": None})[0] == 200
    assert asker.decisions == {
        "mug": Decision(1, "the handle", pictures=tuple(each.digest for each in first.choices)),
        "cup #2": Decision(None, pictures=tuple(each.digest for each in second.choices)),
    }
    assert asker.post({"name": "mug", "picture": 3})[0] == 200
    assert asker.decisions["mug"].index == 2
    text = asker.ask("GET", asker.base)[2].decode()
    assert 'data-name="mug" data-picture="3"' in text
    assert 'data-name="cup #2" data-picture="0"' in text


def test_decisions_about_other_drafts_are_not_shown(asker: Asker) -> None:
    """The drafts were made anew: it is to be decided again."""
    Folder(asker.folder, asker.folder).decide("mug", Decision(1, pictures=("0" * 64,)))
    assert "data-picture" not in asker.ask("GET", asker.base)[2].decode()


def test_done_ends_it(asker: Asker, done: threading.Event) -> None:
    """Told by the page alone."""
    assert asker.post({}, "done", Origin="http://evil.example")[0] == 403
    assert not done.is_set()
    assert asker.post({}, "done")[0] == 200
    assert done.wait(10)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_other_methods_are_not_known(asker: Asker, method: str) -> None:
    """No preflight is ever answered with a yes."""
    status, headers, _ = asker.ask(method, asker.base)
    assert status == 501
    assert not any(name.startswith("access-control") for name in headers)


def test_a_draft_that_is_gone_is_said(asker: Asker) -> None:
    """404 for its picture; the page stays."""
    choice = asker.server.review.pending[0].choices[0]
    choice.path.unlink()
    assert asker.ask("GET", f"{asker.base}draft/{choice.digest}")[0] == 404
    assert asker.ask("GET", asker.base)[0] == 200


def test_many_decide_at_once(asker: Asker) -> None:
    """Two tabs and a fast hand: no decision is lost, the file is always whole."""
    threads = [
        threading.Thread(target=asker.post, args=({"name": name, "picture": 1 + n % 2},))
        for n in range(10)
        for name in ("mug", "cup #2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(asker.decisions) == {"mug", "cup #2"}
