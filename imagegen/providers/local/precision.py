"""Which number format a device calculates in. Pure: decisions on names, no torch.

Compute capability 8.0 (Ampere) is the first with fast bfloat16; below it float16 is fast and overflows in
SDXL's VAE unless the weights carry the VAE that was repaired for it (`force_upcast: false` in its config).
"""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.errors import SettingsError

#: Formats by the names that settings and sidecars use.
DTYPES = ("fp32", "bf16", "fp16")
_LONG = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True, slots=True)
class Precision:
    """`dtype` of text encoders and denoiser, `vae` of the VAE: names out of DTYPES."""

    dtype: str
    vae: str


def decide(
    wanted: str, device: str, capability: tuple[int, int] | None = None, *, force_upcast: bool = False
) -> Precision:
    """The formats to use. `wanted`: "auto" or one of DTYPES; `capability`: (major, minor) of a CUDA device;
    `force_upcast`: the VAE's own word that it overflows in float16. Raises SettingsError for other names."""
    if wanted != "auto" and wanted not in DTYPES:
        raise SettingsError(f"dtype {wanted!r} is unknown", f"use auto or one of: {', '.join(DTYPES)}")
    dtype = _automatic(device, capability) if wanted == "auto" else wanted
    return Precision(dtype, "fp32" if dtype == "fp16" and force_upcast else dtype)


def _automatic(device: str, capability: tuple[int, int] | None) -> str:
    if device.startswith("mps"):
        return "fp16"
    if not device.startswith("cuda") or capability is None:
        return "fp32"
    return "bf16" if capability >= (8, 0) else "fp16"


def long_name(dtype: str) -> str:
    """torch's name of one of DTYPES: "float32" for "fp32"."""
    return _LONG[dtype]
