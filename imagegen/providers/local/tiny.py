"""Tiny models: whole pipelines with random weights, made offline in seconds, for trying out and for tests.

They have the real classes and the real geometry (a picture is eight times its latents), a few megabytes, and no
training: what they paint is noise. The same torch version writes the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError, UsageError
from imagegen.files import storage_error, write_whole
from imagegen.providers.local import tinycontrol, tinylora
from imagegen.providers.local import tinyparts as parts
from imagegen.providers.local.extra import LOCAL
from imagegen.providers.local.weights import glance

#: What can be written, in this order when nobody says which.
FAMILIES = ("sdxl", "sdxl-refiner", "sd3", "flux", "flux-schnell", "flux2")
#: As an owner of models would have them: SDXL, SD 3.5, FLUX.1 dev and FLUX.2 klein.
USUAL = ("sdxl", "sd3", "flux", "flux2")

#: The file that tells a folder of random weights from a real model's.
MARK = "random-weights.txt"
_SEED = 20_261_122


def write(folder: Path, families: Iterable[str] = USUAL) -> dict[str, Path]:
    """Write the tiny model of each family to `folder`/<family>: name -> folder. What stands there is replaced.
    Raises UsageError for an unknown family, SettingsError where the extra is not installed."""
    chosen = list(dict.fromkeys(families))
    for name in chosen:
        if name not in FAMILIES:
            raise UsageError(f"no tiny model is called {name!r}", f"there are {', '.join(FAMILIES)}")
    return {name: _written(folder / name, _MAKERS[name]) for name in chosen}


def mid(folder: Path) -> Path:
    """Write the mid-size SDXL (89 million parameters in the UNet, 0.4 GB) to `folder`: for measuring shares of time,
    since the tiny one is all overhead."""
    return _written(folder, parts.mid_sdxl)


def write_lora(folder: Path, family: str = "sdxl", rank: int = 4, kohya: bool = False, seed: int = 0) -> Path:
    """Write a random LoRA for the tiny model that `write` put into `folder`/<family>; its file. It changes every
    attention that can be changed in both formats, and the same `seed` gives the same change in either."""
    name = f"lora-{family}-{rank}{'-kohya' if kohya else ''}{f'-{seed}' if seed else ''}.safetensors"
    data = tinylora.make(glance(folder / family), rank, kohya, seed)
    try:
        write_whole(folder / name, data)
    except OSError as error:
        raise storage_error(error, folder) from None
    return folder / name


def write_control(folder: Path, name: str = "sdxl-canny") -> Path:
    """Write to `folder`/<name> a random ControlNet for the tiny SDXL that `write` put into `folder`/sdxl, or, as
    "depth-estimator", a random model that finds depth; its folder. Raises UsageError for a name not in
    tinycontrol.NAMES."""
    if name not in tinycontrol.NAMES:
        raise UsageError(f"no tiny net is called {name!r}", f"there are {', '.join(tinycontrol.NAMES)}")
    if name not in tinycontrol.NETS:
        return _written(folder / name, tinycontrol.DepthEstimator)
    unet = glance(folder / "sdxl").configs["unet"]
    return _written(folder / name, lambda: tinycontrol.net(name, unet))


def _written(folder: Path, maker: Callable[[], Any]) -> Path:
    missing = LOCAL.missing()
    if missing:
        raise SettingsError(missing)
    try:
        _claim(folder)
        with _quiet():
            torch: Any = import_module("torch")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_SEED)
                pipeline = maker()
            pipeline.save_pretrained(folder, safe_serialization=True)
    except OSError as error:
        raise storage_error(error, folder) from None
    return folder


def _claim(folder: Path) -> None:
    """Make the folder; one that holds something else than random weights is left alone."""
    if folder.exists() and not (folder / MARK).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already and holds no random weights", "name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(
        "Random weights, written by `imagegen models tiny`: they paint noise.\n", encoding="utf-8"
    )


_MAKERS: dict[str, Callable[[], Any]] = {
    "sdxl": parts.tiny_sdxl,
    "sdxl-refiner": parts.tiny_refiner,
    "sd3": parts.tiny_sd3,
    "flux": parts.tiny_flux,
    "flux-schnell": parts.tiny_schnell,
    "flux2": parts.tiny_klein,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' remarks on what is not installed, and without their progress bars."""
    libraries: list[Any] = [import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    before = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()
