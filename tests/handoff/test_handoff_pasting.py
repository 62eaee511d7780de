"""What is pasted says what the row says: flags from its fields, and nothing of its text taken for a flag."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.domain.model import Offer, Size, SizeRule
from imagegen.domain.request import Request
from imagegen.pasting import code, line, refusal

OFFER = Offer(
    provider="handoff",
    api_name="midjourney-6.1",
    sizes=SizeRule(Size(1024, 1024)),
    price=None,
    can=frozenset(),
    sent={"v": "6.1"},
)
PLAIN = Offer(provider="handoff", api_name="atelier", sizes=OFFER.sizes, price=None, can=frozenset())


def ask(prompt: str = "A mug", **said: Any) -> Request:
    return Request(provider="handoff", model="midjourney", prompt=prompt, **said)


@pytest.mark.parametrize(
    ("request_", "pasted"),
    [
        (ask(width=1024, height=1024), "A mug --ar 1:1 --v 6.1"),
        (ask(width=1456, height=816, aspect_ratio="16:9"), "A mug --ar 16:9 --v 6.1"),
        (ask(width=1536, height=1024), "A mug --ar 3:2 --v 6.1"),
        (ask(seed=0), "A mug --ar 1:1 --seed 0 --v 6.1"),
        (ask(seed=4294967295), "A mug --ar 1:1 --seed 4294967295 --v 6.1"),
        (ask(negative_prompt=" people,\n hands "), "A mug --ar 1:1 --no people, hands --v 6.1"),
        (ask(negative_prompt="  "), "A mug --ar 1:1 --v 6.1"),
        (ask("A mug\non  linen\r\n\tat dawn\x00 "), "A mug on linen at dawn --ar 1:1 --v 6.1"),
        (ask("A mug -- plain--white"), "A mug - plain - white --ar 1:1 --v 6.1"),
        (ask("A mug \u2014ar 3:2 or so\u2014not"), "A mug -ar 3:2 or so\u2014not --ar 1:1 --v 6.1"),
        (ask("-5 degrees"), "-5 degrees --ar 1:1 --v 6.1"),
        (ask(options='{"stylize":250,"style":"raw","tile":true,"draft":false,"weird":0.5}'),
         "A mug --ar 1:1 --v 6.1 --stylize 250 --style raw --tile --weird 0.5"),
        (ask(options='{"v":"7"}'), "A mug --ar 1:1 --v 7"),
    ],
)  # fmt: skip
def test_a_line(request_: Request, pasted: str) -> None:
    """The prompt on one line, then the flags."""
    assert refusal(request_, OFFER) is None
    assert line(request_, OFFER) == pasted
    assert "\n" not in pasted


def test_a_tool_without_flags_gets_the_prompt_alone() -> None:
    """What its catalogue entry does not send is not written; then nothing in a prompt can be a flag."""
    request = ask("A mug --ar 3:2\nof {clay}", width=1024, height=1024, seed=7)
    assert refusal(request, PLAIN) is None
    assert line(request, PLAIN) == "A mug --ar 3:2 of {clay}"


@pytest.mark.parametrize(
    ("request_", "because"),
    [
        (ask("A mug --ar 3:2"), "the prompt holds --ar, which midjourney takes for a flag"),
        (ask("--v 5 mug"), "the prompt holds --v"),
        (ask("A mug ---ar 3:2"), "the prompt holds ---ar"),
        (ask(negative_prompt="hands --seed 1"), "the negative_prompt holds --seed"),
        (ask("https://example.com/a.png A mug"), "the prompt holds the address https://example.com/a.png"),
        (ask("A mug like WWW.example.com/a"), "the prompt holds the address WWW.example.com/a"),
        (ask("A {red, blue} mug"), "the prompt holds {…}"),
        (ask(options='{"ar":"1:1"}'), "options.handoff.ar: write aspect_ratio or size"),
        (ask(options='{"seed":1}'), "options.handoff.seed: write seed"),
        (ask(options='{"--tile":true}'), "options.handoff: '--tile' is no flag"),
        (ask(options='{"style":"raw --v 5"}'), "options.handoff.style: 'raw --v 5' is no value"),
        (ask(options='{"style":["raw"]}'), "options.handoff.style"),
    ],
)
def test_what_cannot_be_pasted(request_: Request, because: str) -> None:
    """Refused with a sentence that says what and what to do."""
    said = refusal(request_, OFFER)
    assert said is not None
    assert said.startswith(because)


def test_codes_are_short_stable_and_different() -> None:
    """Seven signs that no font confuses; a key has one, and a thousand keys have a thousand."""
    keys = [f"{n:064x}"[::-1] for n in range(1000)]
    codes = {code(key) for key in keys}
    assert len(codes) == len(keys)
    assert all(len(each) == 7 and not set(each) & set("01ilo") for each in codes)
    assert code("7f6cda155bb2ad46" + "0" * 48) == "7cxxm23"
