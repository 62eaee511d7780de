"""`.env` files: NAME=VALUE lines beside a manifest."""

from __future__ import annotations

from pathlib import Path

from imagegen.errors import SettingsError


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=VALUE lines of a `.env` file; `export` and quotes allowed, nothing is expanded.
    Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read", "write NAME=VALUE lines in UTF-8") from None
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip() and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found
