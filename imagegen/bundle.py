"""What comes with the package besides code: the examples, and the pages whose tables say what a key means.

In a checkout they are the repository's own folders; a wheel carries a copy of them (see pyproject.toml).
"""

from __future__ import annotations

from pathlib import Path

from imagegen.errors import UsageError

_PACKAGE = Path(__file__).parent


def bundled(name: str, package: Path = _PACKAGE) -> Path:
    """The file or folder `name` ("examples", "docs/manifests.md"). Raises UsageError where it is not."""
    for folder in (package / "bundled", package.parent):
        # Beside an installed package lie other people's folders: only a checkout has a pyproject.toml there.
        if (folder / name).exists() and (folder.name == "bundled" or (folder / "pyproject.toml").exists()):
            return folder / name
    raise UsageError(f"this installation lacks {name}", "install imagegen-batch anew")
