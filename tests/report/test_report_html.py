"""The report says what the summary says, shows every text as text, and holds no more than one result."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from imagegen.domain.money import nano
from imagegen.domain.result import Result, Summary
from imagegen.report import write_html

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea></noscript><svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onclick=alert(1) `",
    "x onerror=alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/x.png",
    "http://evil.example/x.png",
    "\\\\evil.example\\x.png",
    "..//evil.example/x.png?a#b",
    "<!-- ",
    "--><b>",
    "<![CDATA[ x ]]>",
    "&lt;b&gt;&amp;&#x3c;",
    "&quot; onload=&quot;alert(1)",
    "{{ 7*7 }}{% raw %}{{ summary }}",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<math><mtext></p><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "\u202e<b>right to left</b>",
    "a\x00b\x0b\x85\ufeff\uffff",
    "熊猫 🦊 é",
)

#: Every element and attribute that the page is made of.
ELEMENTS = set(
    re.findall(
        r"\S+",
        """
html head meta title link style body header p h1 h2 dl div dt dd svg rect ul li i b nav a main
section  strong details summary small span input button figure img figcaption table thead tbody
tfoot tr th td  footer script
""",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"\S+",
        """
lang charset http-equiv content name rel href class dir viewbox preserveaspectratio aria-hidden x
width  height aria-label aria-labelledby id open hidden type placeholder autocomplete spellcheck
role  aria-pressed data-by value data-state data-model src alt loading decoding title scope
""",
    )
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the words outside them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.by_class: dict[str, list[str]] = {}
        self.other = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for name in self.elements[-1][1].get("class", "").split() if self.elements else ():
            self.by_class.setdefault(name, []).append(data)

    def handle_comment(self, data: str) -> None:
        self.other += 1

    def unknown_decl(self, data: str) -> None:
        self.other += 1

    def handle_pi(self, data: str) -> None:
        self.other += 1

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def render(results: list[Result], summary: Summary, **how: Any) -> str:
    out = io.StringIO()
    write_html(lambda: iter(results), summary, out, **how)
    return out.getvalue()


def source(name: str) -> str:
    return (files("imagegen") / "data" / name).read_text(encoding="utf-8")


def hostile(payload: str) -> tuple[list[Result], Summary]:
    """Results in several states and a summary whose every text is `payload`."""
    texts = dict.fromkeys(
        ("id", "prompt", "use_case", "model", "provider", "why", "reason", "format", "place"), payload
    )
    results = [
        Result(state="made", file=payload, stands_for=payload, width=8, height=8, **texts),
        Result(state="cached", file=payload, **texts | {"prompt": payload + "\n" + "long " * 40}),
        Result(state="refused", **texts),
        Result(state="unknown", cost=None, **texts),
    ]
    counts = {"made": 1, "cached": 1, "refused": 1, "unknown": 1}
    texts = dict.fromkeys(("run", "manifest", "output", "stopped_by", "premium_model"), payload)
    summary = Summary(exit_code=6, rows=4, counts=counts, estimated=1, spent=1, premium=9, notes=(payload,), **texts)
    return results, summary


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_markup(payload: str) -> None:
    """Whatever stands in any field, the page has our elements and attributes only, one script and one
    style, both ours, and the prompt can be read unchanged."""
    page = Page(render(*hostile(payload)))
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert {name for _, attrs in page.elements for name in attrs} <= ATTRIBUTES
    assert page.other == 0
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert source("report.js") in page.words
    assert page.all("img")[0]["alt"] == payload
    assert payload in page.words


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_file_name_leaves_the_folder_by_scheme_or_host(payload: str) -> None:
    """Every link is a plain relative path below the report's own address, and names the file exactly."""
    page = Page(render(*hostile(payload)))
    links = [attrs[name] for _, attrs in page.elements for name in ("href", "src") if name in attrs]
    assert len(links) > 5
    for link in links:
        address = urlsplit(urljoin("http://here.example/a/b/report.html", link))
        own = (address.scheme, address.netloc) == ("http", "here.example")
        assert own or link == "data:,"
    assert unquote(page.all("img")[0]["src"]) == f"./{payload}"


def test_file_names_are_quoted(result: Any, summary: Any) -> None:
    """Spaces, #, ? and letters beyond ASCII are quoted, folders stay folders."""
    page = Page(render([result(file="sub dir/é #1?.png")], summary()))
    link = "./sub%20dir/%C3%A9%20%231%3F.png"
    assert page.all("img")[0]["src"] == link
    assert link in [anchor["href"] for anchor in page.all("a")]


def test_the_page_lets_in_nothing_but_itself(result: Any, summary: Any) -> None:
    """The policy forbids everything but pictures beside the page and the one style and script, by hash."""
    text = render([result()], summary())
    policy = next(meta["content"] for meta in Page(text).all("meta") if meta.get("http-equiv"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        inline = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inline is not None
        name = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{name}'"
    assert "style=" not in text


def test_style_and_script_load_nothing(result: Any, summary: Any) -> None:
    """Neither names an address or another file."""
    for name in ("report.css", "report.js"):
        assert not re.search(r"url\(|@import|https?:|fetch|import ", source(name))


def test_the_figures_are_those_of_the_summary(result: Any, summary: Any) -> None:
    """Pictures, money, the saving in dollars and whole percent, and time are the summary's, formatted."""
    told = summary(
        rows=10_003,
        counts={"made": 9_000, "cached": 700, "kept": 300, "unknown": 3},
        spent=nano(161),
        estimated=nano("160.5"),
        unknown_at_most=nano("0.24"),
        premium=nano(800),
        premium_model="dall-e-3-hd",
        seconds=3725,
    )
    page = Page(render([result()], told))
    assert [word for word in page.by_class["value"] if word.strip()] == ["10,000", "$161.00", "$639.00", "1 h 02 min"]
    notes = [word for word in page.by_class["note"] if word.strip()]
    assert notes[:3] == [
        "9,000 made, 700 cached, 300 kept",
        "estimated $160.50, perhaps $0.24 more",
        "80 % of $800.00 on dall-e-3-hd",
    ]


def test_placeholders_are_no_saving(result: Any, summary: Any) -> None:
    """With placeholders in the folder the premium bill is shown, and nothing is said to be saved."""
    drawn = result(model="placeholder", stands_for="sdxl", cost=0)
    page = Page(render([drawn], summary(spent=0, premium=nano(800), premium_model="x")))
    assert "Saved" not in page.words
    assert "On the premium model" in page.words
    assert any("stands in for sdxl" in word for word in page.words)
    assert "free" in page.words


def test_a_dearer_run_says_so(result: Any, summary: Any) -> None:
    """When more was spent than the premium model would have cost, the page does not call it saved."""
    page = Page(render([result()], summary(spent=nano("0.092"), premium=nano("0.08"))))
    assert "Above the premium model" in page.words
    assert "$0.012" in page.words


def test_totals_add_up_to_what_was_spent(result: Any, summary: Any) -> None:
    """Charges that belong to no picture have a line of their own, so that the table ends with the summary's sum."""
    page = Page(render([result(), result(id="b", state="cached", cost=0)], summary(spent=nano("0.05"))))
    words = [word for word in page.words if word.strip()]
    assert words[words.index("Not tied to one picture") + 1] == "$0.01"
    assert words[words.index("All") : words.index("All") + 7] == ["All", "2", "1", "1", "0", "$0.08", "$0.05"]


def test_what_needs_attention_comes_first_with_what_to_do(result: Any, summary: Any) -> None:
    """Unknown, failed and refused rows stand before the pictures, each kind with its next step."""
    rows = [
        result(),
        result(id="r", state="refused", reason="policy"),
        result(id="f", state="failed", reason="no answer", place="c.yaml:9"),
        result(id="u", state="unknown", cost=None, estimate=nano("0.08"), reason="cut"),
    ]
    counts = {"made": 1, "refused": 1, "failed": 1, "unknown": 1}
    text = render(rows, summary(counts=counts, unknown_at_most=nano("0.09"), notes=("no key",), stopped_by="Ctrl-C"))
    places = [text.index(f">{name}<") for name in ("u", "f", "r", "mug")]
    assert places == sorted(places)
    for words in ("at most $0.09; imagegen unknown lists them", "expected $0.08", "c.yaml:9", "no key", "Ctrl-C"):
        assert words in text


def test_a_calm_run_has_no_attention_section(result: Any, summary: Any) -> None:
    """When all is well nothing asks for attention."""
    assert "Needs attention" not in render([result()], summary())


def test_pictures_beyond_the_limit_are_counted(result: Any, summary: Any) -> None:
    """After `limit` pictures only rows that need attention are written, and where the rest is listed."""
    rows = [result(id=f"p{number}") for number in range(30)] + [result(id="late", state="failed", reason="x")]
    text = render(rows, summary(rows=31, counts={"made": 30, "failed": 1}), limit=7)
    assert len(Page(text).all("img")) == 7
    assert ">late<" in text
    assert "23 more pictures" in text


def test_rows_not_reached_are_listed_up_to_the_limit(result: Any, summary: Any) -> None:
    """Skipped rows need no list to the last one; failed ones do."""
    rows = [result(id="s", state="skipped") for _ in range(9)] + [result(id="f", state="failed") for _ in range(9)]
    text = render(rows, summary(counts={"skipped": 9, "failed": 9}), limit=2)
    assert (text.count(">s<"), text.count(">f<")) == (2, 9)
    assert "7 more are in" in text


def test_a_run_without_pictures_has_a_page(summary: Any) -> None:
    """No row at all is still a report."""
    assert "No picture lies in the folder yet." in render([], summary(rows=0, counts={}))


def test_samples_dates_and_titles(result: Any, summary: Any) -> None:
    """The title is the manifest's name; the second picture of a row says so; the date is the caller's."""
    page = Page(render([result(sample=1)], summary(), when=datetime(2026, 11, 22, 6, 7)))
    assert "catalog · imagegen" in page.words
    assert "mug · 2" in page.words
    assert any("22 November 2026, 06:07" in word for word in page.words)


def test_pictures_keep_their_place_before_they_load(result: Any, summary: Any) -> None:
    """Each picture states its size and loads when it is near."""
    image = Page(render([result()], summary())).all("img")[0]
    assert (image["width"], image["height"], image["loading"]) == ("1024", "768", "lazy")


def test_every_state_is_seen_in_the_bar(result: Any, summary: Any) -> None:
    """One failure among 100,000 pictures has a visible part of the bar, and the parts fill it exactly."""
    bar = [rect for rect in Page(render([], summary(counts={"made": 10**5, "failed": 1}))).all("rect") if "x" in rect]
    assert [rect["class"] for rect in bar] == ["made", "failed"]
    assert sum(int(rect["width"]) for rect in bar) == 1000
    assert int(bar[1]["width"]) >= 5


def test_surrogates_do_not_stop_the_page(result: Any, summary: Any) -> None:
    """A file name or reason that is no Unicode is still written as UTF-8."""
    text = render([result(file="\udcff.png"), result(state="failed", reason="\ud800")], summary(counts={"failed": 1}))
    assert text.encode().count("\ufffd".encode()) == 1


def test_the_page_of_many_rows_takes_the_memory_of_few(summary: Any) -> None:
    """50,000 results pass through a generator, and at no time are more than a few held."""

    def many() -> Iterator[Result]:
        for number in range(50_000):
            state: Any = "failed" if number % 10 == 0 else "made"
            yield Result(
                id=f"row-{number}", state=state, prompt="A long prompt " * 20, file=f"{number}.png", reason="r"
            )

    told = summary(rows=50_000, counts={"made": 45_000, "failed": 5_000})
    with open(os.devnull, "w", encoding="utf-8") as out:
        write_html(list, told, out)
        tracemalloc.start()
        write_html(many, told, out)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000
