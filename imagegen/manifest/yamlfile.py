"""YAML text -> values that know their place, built from the parser's events.

Events are read one by one, so that depth, aliases, tags and duplicate keys are refused before anything
is built from them. Knows YAML, and nothing of manifests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from imagegen.errors import ManifestError
from imagegen.manifest.advice import short
from imagegen.manifest.bytesource import read_text
from imagegen.manifest.values import DEEPEST, Block, Items, Mark, Plain

_STANDARD = "tag:yaml.org,2002:"
LARGEST = 64 * 2**20

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

#: A piece of the parser's words -> what to do about it.
_ADVICE = (
    ("'\\t'", "indent with spaces, not tabs"),
    ("mapping values", "put text that holds ': ' in quotes, and check the indentation"),
    ("escape", "use single quotes, or write \\\\ for a backslash"),
    ("quoted scalar", "close the quote"),
    ("flow node", "close the bracket"),
    ("flow sequence", "close the bracket, with commas between the members"),
    ("flow mapping", "close the brace, with commas between the members"),
    ("cannot start any token", "put text that begins with this character in quotes"),
    ("alias", "put text that begins with * in quotes"),
    ("anchor", "put text that begins with & in quotes"),
    ("tag", "put text that begins with ! in quotes"),
    ("expected ':'", "write `name: value`, with a space after the colon"),
)


def read_yaml(path: Path) -> Any:
    """The one document in `path`: Block, Items, text or None. Raises ManifestError."""
    text = read_text(path, LARGEST, "use a CSV or JSONL file for so many rows; they are streamed")
    return parse(text, str(path))


def parse(text: str, file: str, loader: Any = _Loader) -> Any:
    """The one document in `text`; `file` is its name in messages, `loader` a PyYAML loader class."""
    bad = _UNPRINTABLE.search(text)
    if bad:
        line, before = text.count("\n", 0, bad.start()) + 1, text.rfind("\n", 0, bad.start())
        what = f"the control character {short(bad[0])} is not text"
        raise ManifestError(file, line, bad.start() - before, what, "remove it")
    tree = _Tree(file)
    try:
        for event in yaml.parse(text, Loader=loader):
            tree.take(event)
    except yaml.YAMLError as error:
        raise _explained(error, file, text) from None
    return tree.document


class _Tree:
    """What has been read of the document: the finished root, and the containers still open."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.document: Any = None
        self.documents = 0
        self.open: list[Block | Items] = []
        self.takes = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.begin,
            yaml.SequenceStartEvent: self.begin,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.DocumentStartEvent: self.begin_document,
            yaml.AliasEvent: self.alias,
        }

    def take(self, event: Any) -> None:
        take = self.takes.get(type(event))
        if take:
            take(event)

    def scalar(self, event: Any) -> None:
        if event.tag is not None or event.anchor is not None:
            self.refuse_decoration(event)
        start = event.start_mark
        mark = (start.line + 1, start.column + 1)
        text = event.value
        if "\0" in text:
            raise self.error(mark, "the text holds a NUL character", "remove the escape \\0")
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise self.error(mark, "the text holds half a character", "write it without \\ud… escapes")
        top = self.open[-1] if self.open else None
        if type(top) is Block and top.pending is None:
            self.key(top, text, mark)
        elif event.implicit[0]:
            self.put(None if text in _NULLS else Plain(text), mark)
        else:
            self.put(text, mark)

    def key(self, block: Block, text: str, mark: Mark) -> None:
        first = block.keys_at.get(text)
        if first:
            what = f"the key {short(text)} is given twice, first at {self.file}:{first[0]}:{first[1]}"
            raise self.error(mark, what, "keep one of them")
        block.pending = text
        block.keys_at[text] = mark

    def begin(self, event: Any) -> None:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        self.refuse_decoration(event)
        if len(self.open) == DEEPEST:
            raise self.error(mark, f"nested more than {DEEPEST} levels deep", "make it flatter")
        top = self.open[-1] if self.open else None
        if type(top) is Block and top.pending is None:
            raise self.error(mark, "a key must be text", 'put a template in quotes: "{{ … }}"')
        container = Block(mark) if type(event) is yaml.MappingStartEvent else Items(mark)
        self.put(container, mark)
        self.open.append(container)

    def end(self, _: Any) -> None:
        self.open.pop()

    def put(self, value: Any, mark: Mark) -> None:
        top = self.open[-1] if self.open else None
        if top is None:
            self.document = value
        elif isinstance(top, Items):
            top.append(value)
            top.values_at.append(mark)
        else:
            name = str(top.pending)
            top[name], top.values_at[name], top.pending = value, mark, None

    def begin_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            raise self.error(mark, "a second document begins here", "keep one document to a file; remove the ---")

    def alias(self, event: Any) -> None:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        raise self.error(
            mark, f"aliases such as *{event.anchor[:40]} are not read", "write the value out, or put it in quotes"
        )

    def refuse_decoration(self, event: Any) -> None:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if event.anchor is not None:
            what = f"anchors such as &{event.anchor[:40]} are not read"
            raise self.error(mark, what, "write the value out, or put it in quotes")
        if event.tag is not None:
            what = f"tags such as {event.tag.replace(_STANDARD, '!!')[:40]} are not read"
            raise self.error(mark, what, "remove it, or put the text in quotes")

    def error(self, mark: Mark, what: str, todo: str) -> ManifestError:
        return ManifestError(self.file, *mark, what, todo)


def _explained(error: yaml.YAMLError, file: str, text: str) -> ManifestError:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).strip()
    context = str(getattr(error, "context", None) or "")
    words = f"{context} {problem}"
    mark = getattr(error, "problem_mark", None)
    if "quoted scalar" in context and "escape" not in problem:
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    at_tab = text.split("\n", line)[line - 1 : line] if mark else []
    words += " '\\t'" if at_tab and at_tab[0][column - 1 : column] == "\t" else ""
    todo = next((todo for piece, todo in _ADVICE if piece in words), "check the indentation and quotes here")
    said = " ".join(words.split()) if context else problem
    return ManifestError(file, line, column, f"not YAML: {' '.join(said.split())[:160]}", todo)
