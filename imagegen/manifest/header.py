"""The heading of a manifest: everything but its rows, checked against the places where it stands."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from imagegen.domain.model import Fit, Format, Rendition
from imagegen.domain.row import pixels
from imagegen.errors import ManifestError
from imagegen.manifest.advice import Misfit, dotted, explained, finding, suggestion
from imagegen.manifest.bytesource import UTF8
from imagegen.manifest.fields import read_fields, validated
from imagegen.manifest.values import Block, Items, find, native, scalar, texts
from imagegen.names import file_stem, fold

#: Combinations of matrix variables that one row may become.
MOST_COMBINATIONS = 10_000


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _sized(value: Any) -> Any:
    return {"size": value} if isinstance(value, str) else value


def _per_run(value: Any) -> Any:
    return {"run": value} if isinstance(value, str) else value


Usd = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=9)]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Budget(_Part):
    """Limits in USD, each above 0; None: no such limit."""

    run: Usd | None = None
    hour: Usd | None = None
    day: Usd | None = None
    month: Usd | None = None


class RenditionSpec(_Part):
    """A further size of every picture, cut from the original and never enlarged unless `fit` says so. `format` and
    `encode_quality`: those of the picture itself, unless said."""

    size: str
    fit: Fit = "auto"
    format: Format | None = None
    encode_quality: int | None = Field(default=None, ge=1, le=100)


class ImportTable(_Part):
    """The source table given back, with the pictures in it: `file` lies in the output folder; `columns` are templates
    over the source's row and a picture. `key` is the column whose value the lines of one product share. `rows` made:
    only products that have a picture. `existing`: what becomes of a picture that a line of the source has."""

    file: str = Field(min_length=1)
    columns: dict[Annotated[str, Field(min_length=1)], str] = Field(min_length=1)
    key: str | None = Field(default=None, min_length=1)
    rows: Literal["all", "made"] = "all"
    existing: Literal["replace", "keep"] = "replace"

    @field_validator("file")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if file_stem(value) != value:
            raise ValueError(f"{value[:60]!r} is no plain file name; write one such as import.csv, without folders")
        if fold(value) in ("results.csv", "results.jsonl", "refused.csv"):
            raise ValueError(f"{value} is the name of another file there; write one such as import.csv")
        return value


class Output(_Part):
    """How files are named: `name` is a template over a row's fields; `renditions` are further sizes by name; `table`
    is the source table with the pictures in it."""

    name: str | None = Field(default=None, min_length=1)
    renditions: dict[str, Annotated[RenditionSpec, BeforeValidator(_sized)]] = {}
    table: ImportTable | None = None

    @field_validator("renditions")
    @classmethod
    def _sizes(cls, value: dict[str, RenditionSpec]) -> dict[str, RenditionSpec]:
        taken: dict[str, str] = {}
        for name, spec in value.items():
            if not re.fullmatch(r"[\w-]{1,40}", name) or file_stem(name) != name:
                raise ValueError(f"{name[:40]!r} is no name for a rendition; use letters, digits, - and _")
            if not pixels(spec.size):
                what = f"{name}: {spec.size[:40]!r} is no size"
                raise ValueError(f"{what}; write WIDTHxHEIGHT in pixels, such as 512x512")
            if fold(name) in taken:
                raise ValueError(f"{name} and {taken[fold(name)]} are one folder on some systems; rename one")
            taken[fold(name)] = name
        return value

    @property
    def made_renditions(self) -> tuple[Rendition, ...]:
        """The renditions as finishing wants them."""
        return tuple(
            Rendition(name, *(pixels(spec.size) or (0, 0)), spec.fit, spec.format, spec.encode_quality)
            for name, spec in self.renditions.items()
        )


class Source(_Part):
    """A table that gives rows: which of its rows (`where`), and the row fields each becomes (`each`)."""

    file: str = Field(min_length=1)
    where: str | None = None
    each: dict[str, Any] | None = None
    delimiter: str | None = None
    encoding: str = UTF8

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
        if value is not None and (len(value) != 1 or value in "\"\r\n\0 '"):
            raise ValueError('write one character, such as ";", or tab')
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "a".encode(value)
        except (LookupError, ValueError):
            raise ValueError("write a name such as utf-8, utf-16 or cp1252") from None
        return UTF8 if value.lower().replace("_", "-") in ("utf-8", "utf8", UTF8) else value


class Header(_Part):
    """A manifest's own keys. None or empty: not given. `defaults` are typed row fields, and `provider` and
    `model` are short for defaults of that name; `matrix` values are text, numbers or booleans; `catalog`
    names further catalogue files, `weights` folders of models for this machine, both relative to the manifest."""

    imagegen: Literal[1] = 1
    routes: str | dict[str, Any] | None = None
    budget: Annotated[Budget, BeforeValidator(_per_run)] | None = None
    lane: Literal["live", "batch", "local", "auto"] | None = None
    optimize: Literal["route", "cost"] | None = None
    defaults: dict[str, Any] = {}
    provider: str | None = Field(default=None, min_length=1)
    model: str | None = Field(default=None, min_length=1)
    output: Output = Output()
    source: Source | None = None
    matrix: dict[str, tuple[str | int | float | bool, ...]] = {}
    providers: Texts | None = None
    concurrency: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = {}
    catalog: Texts = ()
    weights: dict[str, Annotated[str, Field(min_length=1)]] = {}

    @field_validator("matrix", mode="before")
    @classmethod
    def _variables(cls, value: Any) -> Any:
        count = 1
        for name, members in value.items() if isinstance(value, dict) else ():
            if not name.isidentifier() or name == "row":
                raise ValueError(f"{name[:40]!r} is no name for a variable; use letters, digits and _, and not row")
            if not isinstance(members, list) or not members:
                raise ValueError(f"{name} has no list of values; write it as {name}: [red, blue]")
            if any(isinstance(member, dict | list) or member is None for member in members):
                raise ValueError(f"{name} has a value that is no scalar; use text, numbers, true and false")
            if len({str(member) for member in members}) < len(members):
                raise ValueError(f"{name} has one value twice; keep one of them")
            count *= len(members)
        if count > MOST_COMBINATIONS:
            raise ValueError(f"it makes {count} combinations; use at most {MOST_COMBINATIONS}")
        return value


KEYS = (*Header.model_fields, "rows")


def read_header(root: Any, file: str) -> Header:
    """The heading of the document `root`. Raises ManifestError at the place of what is wrong."""
    _check_first_key(root, file)
    given = {name: _given(name, value) for name, value in root.items() if name != "rows" and value is not None}
    try:
        given["defaults"] = read_defaults(root.get("defaults"))
        return _with_defaults(Header.model_validate(given))
    except ValidationError as error:
        raise located(explained(error, _known(error)), root, file) from None
    except Misfit as misfit:
        raise located(misfit.under("defaults"), root, file) from None


def located(misfit: Misfit, root: Any, file: str) -> ManifestError:
    """`misfit` with its place in the document `root`."""
    return ManifestError(file, *find(root, misfit.path, key=misfit.key), misfit.said(), misfit.todo)


def _with_defaults(header: Header) -> Header:
    """`provider`, `model` and `lane` at the top are defaults of every row."""
    more = {name: value for name in ("provider", "model", "lane") if (value := getattr(header, name))}
    defaults = {**more, **header.defaults}
    if defaults.get("lane") != "batch":
        return header.model_copy(update={"defaults": defaults})
    # Only what a row says itself it insists on; see `Context.lane`.
    del defaults["lane"]
    return header.model_copy(update={"defaults": defaults, "lane": "batch"})


def read_defaults(given: Any) -> dict[str, Any]:
    """`given` as typed row fields that Row accepts. Raises Misfit."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Misfit("it is not a mapping", "write row fields, such as {format: webp}")
    if "id" in given:
        raise Misfit("an id belongs to one row", "give it in rows or in each", ("id",))
    fields = {name: value for name, value in read_fields(given).items() if value is not None}
    validated({"id": "-", "prompt": "-"} | fields)
    return fields


def _check_first_key(root: Any, file: str) -> None:
    todo = "begin the file with `imagegen: 1`, and put the rows under `rows:`"
    if root is None:
        raise ManifestError(file, 1, 1, "the manifest is empty", todo)
    if isinstance(root, Items):
        raise ManifestError(file, *root.line_column, "a list without a heading is not a manifest", todo)
    if not isinstance(root, Block):
        raise ManifestError(file, 1, 1, "this is text, not a manifest", todo)
    if "imagegen" not in root:
        raise ManifestError(file, *root.line_column, "the key `imagegen` is missing", todo)
    if root["imagegen"] != "1":
        what = "imagegen: only version 1 of the manifest format is known"
        raise ManifestError(file, *root.values_at["imagegen"], what, "write `imagegen: 1`")
    for name, mark in root.keys_at.items():
        if name not in KEYS:
            raise ManifestError(file, *mark, f"unknown key {dotted((name,))}", suggestion(name, KEYS))


def _given(name: str, value: Any) -> Any:
    if name == "imagegen":
        return 1
    if name in ("routes", "source"):
        return native(value) if isinstance(value, dict) and name == "routes" else texts(value)
    if name == "matrix" and isinstance(value, dict):
        return {
            key: [scalar(item) for item in members] if isinstance(members, list) else members
            for key, members in value.items()
        }
    return texts(value)


def _known(error: ValidationError) -> tuple[str, ...]:
    part, *deeper = finding(error)["loc"]
    models: dict[Any, type[BaseModel]] = {"budget": Budget, "output": Output, "source": Source}
    within: dict[Any, type[BaseModel]] = {"table": ImportTable, "renditions": RenditionSpec}
    if part == "output" and len(deeper) > 1 and deeper[0] in within:
        return tuple(within[deeper[0]].model_fields)
    return tuple(models[part].model_fields) if part in models else KEYS
