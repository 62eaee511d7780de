"""Parts: the components of weights on disk, loaded when first needed, dropped when no longer needed.

Only safetensors, only this folder, never code from it: each class is one of diffusers' or transformers' own, and
must be among those that the family allows.
"""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from imagegen.errors import SettingsError
from imagegen.providers.local.outofmemory import ran_out
from imagegen.providers.local.precision import Precision, long_name
from imagegen.providers.local.weights import Weights


class Parts:
    """Components of `weights`, in `precision`, on `device`. `index` is what model_index.json says. `finish` is told
    of each net that was loaded. What is `on_host` stays on the CPU and runs there; what is `in_groups` stays on the
    CPU too, and goes to the device layer by layer while it runs. `loading`: what was being loaded last, until it
    was."""

    def __init__(
        self,
        weights: Weights,
        precision: Precision,
        device: str,
        finish: Callable[[str, Any], None] = lambda name, module: None,
    ) -> None:
        self.weights, self.precision, self.device = weights, precision, device
        self.folder, self.family = weights.folder, weights.family
        self.index: Mapping[str, Any] = weights.configs[""]
        self.on_host: frozenset[str] = frozenset()
        self.in_groups: frozenset[str] = frozenset()
        self.loading = ""
        self._finish = finish
        self._loaded: dict[str, Any] = {}
        #: Seconds that loading took in all.
        self.spent = 0.0

    def __contains__(self, name: str) -> bool:
        """Whether the weights have component `name` at all."""
        said = self.index.get(name)
        return isinstance(said, list) and len(said) == 2 and said[1] is not None

    def config(self, name: str) -> Mapping[str, Any]:
        """The configuration of component `name`, without loading it."""
        return self.weights.configs[name]

    def get(self, name: str) -> Any:
        """Component `name`; loaded on first use. Raises SettingsError when the weights lack it or it does not load."""
        if name not in self._loaded:
            self.loading, began = name, time.monotonic()
            self._loaded[name] = self._load(name)
            self.loading, self.spent = "", self.spent + time.monotonic() - began
        return self._loaded[name]

    def loaded(self, name: str) -> bool:
        """Whether component `name` takes memory now."""
        return name in self._loaded

    def drop(self, *names: str) -> None:
        """Free the memory of components `names`; `get` loads them again."""
        gone = [weakref.ref(self._loaded.pop(name)) for name in names if name in self._loaded]
        if any(each() is not None for each in gone):
            gc.collect()  # it was compiled or has hooks, and refers to itself
        if gone:
            empty(self.device)

    def _load(self, name: str) -> Any:
        if name not in self or self.index[name][1] not in self.family.classes.get(name, ()):
            raise SettingsError(
                f"{self.folder} has no {name} that {self.family.title} takes", "run: imagegen models where"
            )
        library, kind = self.index[name]
        quiet()
        try:
            if name.startswith("tokenizer"):
                return _class(library, kind).from_pretrained(str(self.folder / name), local_files_only=True)
            return self._module(name, library, kind)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            if ran_out(error):
                raise
            plain = " ".join(str(error).split())[:200]
            raise SettingsError(f"{self.folder / name} does not load: {plain}", "download the weights again") from error

    def _module(self, name: str, library: str, kind: str) -> Any:
        import torch

        dtype = getattr(torch, long_name(self.precision.vae if name == "vae" else self.precision.dtype))
        only = {"use_safetensors": True, "local_files_only": True, "variant": self.weights.variant(name)}
        made = _class(library, kind)
        try:
            module = made.from_pretrained(str(self.folder / name), dtype=dtype, **only)
        except TypeError:  # older diffusers know the word torch_dtype only
            module = made.from_pretrained(str(self.folder / name), torch_dtype=dtype, **only)
        grouped = name in self.in_groups
        device = "cpu" if grouped or name in self.on_host else self.device
        module = module.to(device=device, dtype=dtype).eval().requires_grad_(False)
        self._finish(name, module)
        if grouped:
            in_groups(module, self.device)
        return module


def quiet() -> None:
    """No progress bars and no advice on standard error: what matters is said by imagegen."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def in_groups(module: Any, device: str) -> None:
    """Let `module` stay on the CPU, and each of its layers go to `device` while it runs."""
    import torch
    from diffusers.hooks.group_offloading import apply_group_offloading

    apply_group_offloading(
        module,
        onload_device=torch.device(device),
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        # A stream of its own brings the next layer while one runs; only CUDA has them.
        use_stream=device.startswith("cuda"),
    )


def empty(device: str) -> None:
    """Give memory that nothing uses back to `device`."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device.startswith("mps"):
        torch.mps.empty_cache()


def _class(library: str, kind: str) -> Any:
    import diffusers
    import transformers

    return getattr({"diffusers": diffusers, "transformers": transformers}[library], kind)
