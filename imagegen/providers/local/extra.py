"""The extra that this folder needs: whether it is installed, and the sentence where it is not. Imports none of it."""

from __future__ import annotations

from imagegen.choose.extras import Extra

LOCAL = Extra(
    "local",
    ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors"),
    "making pictures on this machine",
)
