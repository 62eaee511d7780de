"""The catalogue file beside tiny models: small pictures for nothing, since their own sizes would take minutes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imagegen.files import storage_error, write_whole

#: Tiny model -> the catalogue's model that it stands in for, where the catalogue lets this machine make it.
STANDS_FOR = {
    "sdxl": "sdxl",
    "sd3": "sd-3.5-large",
    "flux": "flux-dev",
    "flux-schnell": "flux-schnell",
    "flux2": "flux-2-klein-4b",
}

_HEAD = """\
# For the tiny models in this folder, which paint noise: name it in a manifest as `catalog: {name}`.
source: "imagegen models tiny"
read_on: 2026-11-23
sizes:
  tiny: {{default: 64x64, step: 16, min_edge: 32, max_edge: 512}}
models:
"""
_MODEL = """\
  {model}:
    offers:
      local: {{sizes: tiny, price: {{image: 0, source: "this machine, random weights"}}}}
"""


def write(folder: Path, families: Iterable[str]) -> Path | None:
    """Write `folder`/catalog.yaml for the tiny models of `families`; the file, None where no model needs it."""
    models = [STANDS_FOR[name] for name in families if name in STANDS_FOR]
    if not models:
        return None
    path = folder / "catalog.yaml"
    text = _HEAD.format(name=path.name) + "".join(_MODEL.format(model=model) for model in models)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise storage_error(error, folder) from None
    return path
