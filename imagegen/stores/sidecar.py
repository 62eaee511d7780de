"""Held and its facts as JSON: the sidecar file of a key, and its entry in the index.

A sidecar is one line, `{"record":{...},"sum":"<SHA-256 of the record's text>"}`, so that an altered
one is found. Nothing here opens a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from imagegen.domain.request import Key, canonical_json
from imagegen.stores import Held

#: The form of the record; a higher one was written by a newer version.
VERSION = 1

_HEX = re.compile(r"[0-9a-f]{64}")
_HEAD = b'{"record":'
_TAIL = re.compile(rb',"sum":"([0-9a-f]{64})"}\n')
_TAIL_LENGTH = len(b',"sum":"') + 64 + len(b'"}\n')


def is_hash(text: object) -> bool:
    """Whether `text` is a SHA-256 in lower-case hex: the only thing file names are made of."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


class Facts(Mapping[str, Any]):
    """Facts as JSON text, parsed when first asked: a plan looks at many keys and at few facts.
    What is no JSON object counts as no facts."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._values: dict[str, Any] | None = None

    def _parsed(self) -> dict[str, Any]:
        if self._values is None:
            try:
                values = json.loads(self._text)
            except ValueError:
                values = {}
            self._values = values if type(values) is dict else {}
        return self._values

    def __getitem__(self, name: str) -> Any:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())

    def __repr__(self) -> str:
        return repr(self._parsed())


def to_sidecar(held: Held) -> bytes:
    """The sidecar of `held`. Raises TypeError for facts that JSON cannot hold."""
    values = {"v": VERSION, "key": held.key, "facts": dict(held.facts), **_core(held)}
    record = canonical_json(values).encode()
    seal = hashlib.sha256(record).hexdigest().encode()
    return b'%s%s,"sum":"%s"}\n' % (_HEAD, record, seal)


def from_sidecar(key: Key, data: bytes, used: float | None = None) -> Held:
    """What the sidecar of `key` says. Raises ValueError with the reason."""
    record, tail = data[len(_HEAD) : -_TAIL_LENGTH], _TAIL.fullmatch(data[-_TAIL_LENGTH:])
    if not data.startswith(_HEAD) or not tail:
        raise ValueError("it is torn or no sidecar at all")
    if hashlib.sha256(record).hexdigest().encode() != tail[1]:
        raise ValueError("it was altered: its text and its sum differ")
    values = json.loads(record)
    try:
        if values["v"] != VERSION or values["key"] != key:
            raise ValueError("it belongs to another key or another version of imagegen")
        return _held(key, values, values["facts"], used)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it lacks what a sidecar says") from error


def to_entry(held: Held) -> bytes:
    """`held` for the index: a line of JSON without the key, and a line of facts."""
    return f"{canonical_json(_core(held))}\n{canonical_json(dict(held.facts))}".encode()


def from_entry(key: Key, data: bytes | None) -> Held | None:
    """What an index entry says; None without one or when it makes no sense (the sidecar is asked then)."""
    if data is None:
        return None
    core, _, facts = data.partition(b"\n")
    try:
        return _held(key, json.loads(core), Facts(facts), None)
    except (ValueError, KeyError, TypeError):
        return None


def _core(held: Held) -> dict[str, Any]:
    return {
        "digest": held.digest,
        "media_type": held.media_type,
        "bytes": held.bytes,
        "width": held.width,
        "height": held.height,
    }


def _held(key: Key, values: dict[str, Any], facts: Any, used: float | None) -> Held:
    digest, media_type, size = values["digest"], values["media_type"], values["bytes"]
    if not (is_hash(digest) and type(media_type) is str and type(size) is int and isinstance(facts, Mapping)):
        raise ValueError("it lacks a hash, a media type, a size or facts")
    return Held(key, digest, media_type, size, values["width"], values["height"], facts, used)
