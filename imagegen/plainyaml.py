"""A YAML file of data or settings as plain text values: mappings, lists and strings, nothing else.

Every scalar stays the text that stands in the file, so a price is never a float, `16:9` never the number 969
and `no` never False; the reader of a field decides what its text means. Knows YAML, and nothing of what it says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from imagegen.errors import SettingsError

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN = "tag:yaml.org,2002:"


def read(path: Path, todo: str = "write `name: value` lines") -> dict[str, Any]:
    """The mapping in `path`. Raises SettingsError for what cannot be read, is no mapping (`todo` says what to
    write instead), or says a key twice."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
        values = {} if node is None else _plain(path, node)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{path}: cannot be read: {reason}") from None
    except yaml.YAMLError as error:
        raise _broken(path, error) from None
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply, or an alias that holds itself") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: holds no mapping", todo)
    return values


def _plain(path: Path, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        if node.tag != f"{_PLAIN}str":
            raise _at(path, node, f"the tag {node.tag} means nothing here")
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item) for item in node.value]
    values: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _at(path, key, "a key must be text")
        if key.value in values:
            raise _at(path, key, f"{key.value} stands here twice")
        values[key.value] = _plain(path, value)
    return values


def _at(path: Path, node: yaml.Node, what: str) -> SettingsError:
    mark = node.start_mark
    return SettingsError(f"{path}:{mark.line + 1}:{mark.column + 1}: {what}")


def _broken(path: Path, error: yaml.YAMLError) -> SettingsError:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return SettingsError(f"{where}: not YAML: {getattr(error, 'problem', None) or error}")
