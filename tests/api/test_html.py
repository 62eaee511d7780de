"""What a notebook shows: whole HTML, small pictures in the page itself, nothing that runs or asks anybody."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import imagegen
from imagegen.api import html
from imagegen.api.html import EDGE, SHOWN, thumbnail
from tests.report.test_report_browser import CHROMIUM, TEMPLATES, open_page

EMPTY = {"img", "br"}


class Page(HTMLParser):
    """Checks that every element is closed where it should be, and gathers what is there."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        """All that is to be read."""
        return " ".join(self.said)

    @property
    def pictures(self) -> list[str]:
        """The addresses of the pictures."""
        return [value for name, value in self.attributes if name == "src"]


#: All that any page of ours is made of.
ALLOWED_TAGS = {"div", "figure", "figcaption", "img", "br", "strong", "span", "table", "tr", "th", "td"}
ALLOWED_ATTRIBUTES = {"style", "src", "alt", "title"}


def harmless(text: str) -> Page:
    """A page of known elements and attributes only, with no address but data."""
    page = Page(text)
    assert set(page.tags) <= ALLOWED_TAGS
    assert {name for name, _ in page.attributes} <= ALLOWED_ATTRIBUTES
    assert all(source.startswith(("data:image/jpeg;base64,", "data:image/png;base64,")) for source in page.pictures)
    return page


def decoded(source: str) -> Image.Image:
    """The picture in a data URI."""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> imagegen.Summary:
    """A run of three pictures; a transparent one and one that is gone were seen to afterwards."""
    folder = tmp_path_factory.mktemp("shown")
    rows = [{"id": name, "prompt": f"A {name}"} for name in ("mug", "bowl", "lid")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGEGEN_HOME", str(folder / "home"))
        project = imagegen.load([*rows], provider="placeholder", output=folder / "out")
        summary = imagegen.run(project).result()
    Image.new("RGBA", (400, 100), (255, 0, 0, 90)).save(folder / "out/bowl.png")
    (folder / "out/lid.png").unlink()
    return summary


def test_a_summary_shows_its_pictures(ended: imagegen.Summary) -> None:
    """What was done, a card for each result with its picture, and where everything lies."""
    page = harmless(ended._repr_html_())
    assert page.text.startswith("3 made; $0.00 spent in ")
    assert f"Everything: {ended.report}" in page.text
    assert page.tags.count("figure") == 3
    assert [decoded(each).size for each in page.pictures] == [(EDGE, EDGE), (EDGE, EDGE // 4)]
    assert decoded(page.pictures[1]).mode == "RGBA"
    assert f"{ended.output / 'lid.png'} cannot be read" in page.text
    assert "made placeholder for gpt-image-2.5-flare" in page.text


def test_results_and_each_result_show_themselves(ended: imagegen.Summary) -> None:
    """A part of the results shows that part."""
    assert harmless(ended.results[:2]._repr_html_()).tags.count("figure") == 2
    page = harmless(ended.results["mug"]._repr_html_())
    assert (page.tags.count("img"), ("alt", "A mug") in page.attributes) == (1, True)
    assert "mug" in page.text


def test_what_is_shown_is_bounded(ended: imagegen.Summary) -> None:
    """Of many pictures the first are shown, each of some ten kilobytes; the rest are counted."""
    many = imagegen.Results([ended.results["mug"]] * (SHOWN + 5))
    page = harmless(many._repr_html_())
    assert (len(page.pictures), page.said[-1]) == (SHOWN, "and 5 more")
    assert max(map(len, page.pictures)) < 60_000
    assert thumbnail(Path(__file__)) is None


def test_a_plan_shows_a_table() -> None:
    """Headline, a line for each model, and what belongs to the figures; the column for what is there appears when
    something is."""
    rows = [{"prompt": "A mug"}, {"prompt": "A bowl", "model": "dall-e-3"}]
    page = harmless(imagegen.plan(rows)._repr_html_())
    assert page.said[0].endswith("for 2 pictures (rows)")
    assert page.said[1:6] == ["Model", "Provider", "Pictures", "Each", "Cost"]
    assert page.tags.count("tr") == 3
    assert page.said[6:11] == ["dall-e-3", "openai", "1", "$0.04", "$0.04"]
    assert "Note: no key is set: every provider is assumed." in page.said
    project = imagegen.load(["A mug"], provider="placeholder")
    imagegen.run(project).result()
    assert "There" in harmless(imagegen.plan(project)._repr_html_()).said
    assert "table" not in harmless(imagegen.plan([])._repr_html_()).tags


def test_a_run_shows_how_far_it_is() -> None:
    """Before it began, what to do; afterwards its pictures; after an error, that."""
    run = imagegen.run(imagegen.load(["A mug"], provider="placeholder"))
    assert "not begun" in harmless(run._repr_html_()).text
    run.result()
    assert "figure" in harmless(run._repr_html_()).tags
    wrong = imagegen.run(["A mug"])
    with pytest.raises(imagegen.UsageError):
        wrong.result()
    assert "no key is set" in harmless(wrong._repr_html_()).text


HOSTILE = [text.replace("URL", "http://127.0.0.1:9/x").replace("HOST", "127.0.0.1:9") for text in TEMPLATES]


FIELDS = ("id", "prompt", "model", "stands_for", "use_case", "provider", "reason", "why")


@pytest.fixture
def hostile(ended: imagegen.Summary, monkeypatch: pytest.MonkeyPatch) -> str:
    """A gallery with each hostile text in every field, with a picture and without."""
    monkeypatch.setattr(html, "SHOWN", 1000)
    mug = ended.results["mug"]
    kinds = [replace(mug, sample=1), replace(mug, state="failed", file=None)]
    texts = [*HOSTILE, "\0\ud83d\u202e"]
    results = [replace(each, **dict.fromkeys(FIELDS, text)) for text in texts for each in kinds]
    return imagegen.Results(results)._repr_html_()


def test_hostile_texts_are_texts(hostile: str) -> None:
    """No element and no attribute comes of them, and what no page can hold is replaced."""
    page = harmless(hostile)
    assert page.tags.count("figure") == 2 * (len(HOSTILE) + 1)
    assert HOSTILE[0] in page.text
    assert hostile.encode("utf-8")
    assert "\u202e" not in hostile


@pytest.mark.skipif(CHROMIUM is None, reason="needs the package chromium")
def test_a_browser_runs_nothing(hostile: str, tmp_path: Path) -> None:
    """Opened in a real one, no script ran: each would have changed the title."""
    page = tmp_path / "cell.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><title>mine</title><body>{hostile}</body>", encoding="utf-8")
    text, _ = open_page(page, tmp_path / "browser")
    assert "<title>mine</title>" in text
    assert text.count("<figure ") == 2 * (len(HOSTILE) + 1)
