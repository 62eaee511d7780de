"""Row fields: what each may hold, and how the text of a file becomes it.

A text field takes its source text whatever it looks like; a number must be spelt plainly. `loose` is set for
cells of a table and results of templates, where everything is text: there yes/no and JSON are read too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from imagegen.domain.row import Row
from imagegen.manifest.advice import Misfit, explained, short, suggestion
from imagegen.manifest.jsontext import read_json
from imagegen.manifest.values import native, number, whole

Reader = Callable[[Any, bool], Any]

FIELDS = tuple(Row.model_fields)
_MONEY = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,30})?")
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


def read_fields(given: Mapping[str, Any], loose: bool = False) -> dict[str, Any]:
    """`given` as typed row fields; None values are kept. Raises Misfit for an unknown field or a value that does not
    fit its field; limits are checked later, by Row."""
    read: dict[str, Any] = {}
    for name, value in given.items():
        if type(value) is str and name in _TEXTS:
            read[name] = value
        elif value is None:
            if name not in READERS:
                raise _unknown(name, bare=True)
            read[name] = None
        else:
            read[name] = read_field(name, value, loose)
    return read


def read_field(name: str, value: Any, loose: bool = False) -> Any:
    """`value` as the field `name` holds it."""
    reader = READERS.get(name)
    if reader is None:
        raise _unknown(name)
    try:
        return reader(value, loose)
    except Misfit as misfit:
        raise misfit.under(name) from None


def _unknown(name: str, bare: bool = False) -> Misfit:
    todo = suggestion(name, FIELDS, "fields")
    if bare:  # {prompt: A mug, on linen}
        todo = "in {…} a comma ends a value: put text that has one in quotes"
    return Misfit("unknown field", todo, (name,), key=True)


def validated(fields: Mapping[str, Any]) -> Row:
    """`fields` as a Row. Raises Misfit."""
    try:
        return Row.model_validate(fields)
    except ValidationError as error:
        raise explained(error, FIELDS) from None


def text(value: Any, loose: bool = False) -> str:
    """The source text of a scalar."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise Misfit(f"{short(value)} stands where text is wanted", "write text, in quotes if need be")


def _whole(value: Any, loose: bool) -> int:
    if type(value) is int:
        return value
    spelt = value.strip().removesuffix(".0") if isinstance(value, str) else ""
    read = whole(spelt)
    if read is None:
        raise Misfit(f"{short(value)} is not a whole number", "write digits only, without leading zeros")
    return read


def _number(value: Any, loose: bool) -> float:
    if type(value) in (int, float):
        return float(value)
    read = number(value.strip()) if isinstance(value, str) else None
    if read is None:
        raise Misfit(f"{short(value)} is not a number", "write a number such as 0.5")
    return float(read)


def _money(value: Any, loose: bool) -> Decimal:
    spelt = text(value).strip()
    if isinstance(value, bool) or not _MONEY.fullmatch(spelt):
        raise Misfit(f"{short(value)} is not an amount of money", "write dollars as a plain number, such as 0.04")
    return Decimal(spelt)


def _flag(value: Any, loose: bool) -> bool:
    if isinstance(value, bool):
        return value
    spelt = value.strip().lower() if isinstance(value, str) else ""
    if spelt in (_TRUE if loose else ("true",)):
        return True
    if spelt in (_FALSE if loose else ("false",)):
        return False
    raise Misfit(f"{short(value)} is neither true nor false", "write true or false")


def _text_or_flag(value: Any, loose: bool) -> str | bool:
    if isinstance(value, bool):
        return value
    spelt = text(value)
    return spelt.lower() == "true" if spelt.lower() in ("true", "false") else spelt


def _texts(value: Any, loose: bool) -> Any:
    if not isinstance(value, list | tuple):
        return text(value)
    return tuple(_under(index, text, item, loose) for index, item in enumerate(value))


def _mapping(readers: Mapping[str, Reader]) -> Reader:
    def read(value: Any, loose: bool) -> dict[str, Any]:
        value = _unpacked(value, loose)
        if not isinstance(value, dict):
            raise Misfit(f"{short(value)} is not a mapping", f"write it as {{{next(iter(readers))}: …}}")
        unknown = next((name for name in value if name not in readers), None)
        if unknown is not None:
            raise Misfit("unknown key", suggestion(unknown, readers), (unknown,), key=True)
        given = {name: item for name, item in value.items() if item is not None}
        return {name: _under(name, readers[name], item, loose) for name, item in given.items()}

    return read


_lora = _mapping({"path": text, "weight": _number})


def _loras(value: Any, loose: bool) -> Any:
    value = _unpacked(value, loose)
    if not isinstance(value, list | tuple):
        return _lora(value, False)
    return tuple(_under(index, _lora, item, False) for index, item in enumerate(value))


def _options(value: Any, loose: bool) -> Any:
    value = native(_unpacked(value, loose))
    if not isinstance(value, dict):
        raise Misfit(f"{short(value)} is not a mapping", "write it as {provider: {name: value}}")
    return value


def _unpacked(value: Any, loose: bool) -> Any:
    if not (loose and isinstance(value, str)):
        return value
    try:
        return read_json(value)
    except Misfit as misfit:
        raise Misfit(misfit.what, "write JSON in this cell, with names in double quotes") from None


def _under(name: str | int, reader: Reader, value: Any, loose: bool) -> Any:
    try:
        return reader(value, loose)
    except Misfit as misfit:
        raise misfit.under(name) from None


READERS: dict[str, Reader] = dict.fromkeys(FIELDS, text) | {
    **dict.fromkeys(("n", "drafts", "seed", "steps", "priority", "encode_quality"), _whole),
    **dict.fromkeys(("strength", "guidance"), _number),
    "max_price": _money,
    "needs_text": _flag,
    "refiner": _text_or_flag,
    "tags": _texts,
    "image": _texts,
    "lora": _loras,
    "accept": _mapping({"text": _flag, "safe": _flag, "attempts": _whole}),
    "options": _options,
}
_TEXTS = frozenset(name for name, reader in READERS.items() if reader is text)
