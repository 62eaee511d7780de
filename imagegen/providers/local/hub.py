"""The layout in which Hugging Face's tools keep models on disk, read without them.

models--OWNER--NAME/refs/main                 the commit that a branch or tag stood at
models--OWNER--NAME/snapshots/COMMIT/...      the files, as links to blobs
"""

from __future__ import annotations

import re
from pathlib import Path

#: A model of the hub: OWNER/NAME, as its web page has it.
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
COMMIT = re.compile("[0-9a-f]{40}")


def model_folder(cache: Path, repository: str) -> Path:
    """Where `cache` keeps all that it has of `repository`."""
    return cache / f"models--{repository.replace('/', '--')}"


def snapshot(cache: Path, repository: str, revision: str | None = None) -> Path | None:
    """The folder of `repository` in `cache` at `revision` (a commit, branch or tag). Without one: where main stood,
    else the latest that has a model in it. None where it is not there."""
    base = model_folder(cache, repository)
    if revision is not None:
        commit = revision if COMMIT.fullmatch(revision) else _ref(base, revision)
        return _there(base, commit)
    main = _there(base, _ref(base, "main"))
    if main is not None:
        return main
    try:
        found = [path for path in (base / "snapshots").iterdir() if _there(base, path.name)]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def _ref(base: Path, name: str) -> str | None:
    path = base / "refs" / name
    if ".." in path.parts:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _there(base: Path, commit: str | None) -> Path | None:
    """The snapshot `commit`, where it has at least begun to be a model."""
    if not commit or not COMMIT.fullmatch(commit):
        return None
    folder = base / "snapshots" / commit
    # Pipelines have the one, ControlNets and depth models the other.
    return folder if any((folder / name).is_file() for name in ("model_index.json", "config.json")) else None
