"""Checkpoints: a training as it stood after a step, in a folder that is whole or absent. Never a pickle.

    step-000250/  lora.safetensors  optimizer.safetensors  state.json

The LoRA can be used as it is. Of older checkpoints only the LoRA is kept: the optimizer's state takes twice as much.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.files import TEMPORARY, storage_error, sync_folder, temporary_name, write_durably
from imagegen.providers.local.jsonfile import read_json

if TYPE_CHECKING:
    from torch import Tensor

LORA, OPTIMIZER, STATE = "lora.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{6,9})")
_VERSION = 1
#: Checkpoints that training can go on from; older ones keep their LoRA only.
_WHOLE = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One on disk. `settings`: what the numbers depend on, as it was when it was written."""

    folder: Path
    step: int
    settings: Mapping[str, Any]
    losses: tuple[float, ...]

    @property
    def lora(self) -> Path:
        """Its LoRA."""
        return self.folder / LORA


def write(
    folder: Path,
    step: int,
    lora: bytes,
    optimizer: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    losses: tuple[float, ...],
) -> Checkpoint:
    """Write the checkpoint of `step` into `folder`, which is made. `losses`: those of the fixed look so far.
    Raises StorageError."""
    from safetensors.torch import save

    made = folder / f"step-{step:06}"
    state = {"version": _VERSION, "step": step, "settings": dict(settings), "losses": list(losses)}
    try:
        temporary = folder / temporary_name()
        temporary.mkdir(parents=True)
        try:
            write_durably(temporary / LORA, lora)
            write_durably(temporary / OPTIMIZER, save(dict(optimizer)))
            write_durably(temporary / STATE, json.dumps(state, indent=1, sort_keys=True).encode())
            if made.is_dir():
                shutil.rmtree(made)
            os.rename(temporary, made)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(str(folder))
        _thin(folder)
    except OSError as error:
        raise storage_error(error, folder) from None
    return Checkpoint(made, step, settings, losses)


def newest(folder: Path) -> Checkpoint | None:
    """The last one that training can go on from; None where there is none. Raises SettingsError for a damaged one."""
    found = _whole(folder)
    if not found:
        return None
    step, path = found[-1]
    state = read_json(path / STATE)
    settings, losses = state.get("settings"), state.get("losses")
    good = state.get("version") == _VERSION and state.get("step") == step
    if not good or not isinstance(settings, dict) or not isinstance(losses, list):
        raise damaged(path)
    return Checkpoint(path, step, settings, tuple(float(loss) for loss in losses))


def damaged(path: Path) -> SettingsError:
    """That the checkpoint in folder `path` cannot be used."""
    return SettingsError(f"the checkpoint {path} is damaged", "remove it to go on from the one before")


def differs(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> str | None:
    """A sentence where `checkpoint` was trained with other settings than these; None where it was not."""
    for name, value in settings.items():
        there = checkpoint.settings.get(name)
        if there != value:
            said = "" if len(f"{there}{value}") > 60 else f" ({there} there, {value} now)"
            return f"{checkpoint.folder} was trained with another {name.replace('_', ' ')}{said}"
    return None


def _whole(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found if (path / STATE).is_file())


def _thin(folder: Path) -> None:
    for path in folder.glob(f".*{TEMPORARY}"):
        shutil.rmtree(path, ignore_errors=True)  # of a training that was killed while it wrote
    for _, path in _whole(folder)[:-_WHOLE]:
        # The state first: without it nobody takes what is left for something to go on from.
        (path / STATE).unlink()
        (path / OPTIMIZER).unlink(missing_ok=True)
