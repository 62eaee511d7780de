"""A folder of downloads: its pictures, each read, checked and asked for the prompt that it carries.

What is no picture to take says so and hurts nobody else. The folder is only read, its subfolders are not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from imagegen import finish as finishing
from imagegen.errors import UsageError
from imagegen.handoff.carried import prompts
from imagegen.handoff.matching import File
from imagegen.inputs import BadInput, local
from imagegen.picture import BadPicture

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})


def files(folder: Path) -> Iterator[File]:
    """Every file of `folder` that is called like a picture. Raises UsageError for what is no folder."""
    try:
        found = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except NotADirectoryError:
        todo = "unpack it and give the folder" if folder.suffix.lower() == ".zip" else "give the folder of the pictures"
        raise UsageError(f"{folder} is no folder", todo) from None
    except OSError as problem:
        raise UsageError(f"{folder} cannot be read: {problem.strerror}", "give the folder of the pictures") from None
    for name in found:
        if os.path.splitext(name)[1].lower() in SUFFIXES and not (folder / name).is_dir():
            yield file(folder / name)


def file(path: Path) -> File:
    """What is to know about one file; never raises for what it holds."""
    try:
        data, stamp = local.read(path)
        if len(data) > local.MOST_BYTES:
            return File(path.name, trouble=f"it is larger than {local.MOST_BYTES // 10**6} MB")
        picture = finishing.inspect(data)
        trouble = finishing.verify(picture, width=None, height=None, formats=(), alpha_wanted=False)
    except BadInput as problem:
        return File(path.name, trouble=f"it {problem.what}")
    except BadPicture as problem:
        return File(path.name, trouble=problem.reason)
    except MemoryError:
        return File(path.name, trouble="there is not enough memory to decode it")
    found = tuple(prompts(data))
    return File(
        path.name, hashlib.sha256(data).hexdigest(), picture.width, picture.height, stamp[1], found, trouble or ""
    )
