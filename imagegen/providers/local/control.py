"""ControlNet: a picture's shapes, as edges or as depth, hold what SDXL paints in place.

    control image -> map, once per image and size -> net, once a step -> what the UNet adds to its own

Beside guidance the net too is asked once with 2B rows. How strongly it holds is each row's own.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.providers.local import compiling, pictures
from imagegen.providers.local.controlfolder import CONTROLNET, DEPTH_ESTIMATOR, Control, check_fits, look_control
from imagegen.providers.local.denoise import Predict
from imagegen.providers.local.model import Model
from imagegen.providers.local.parts import Parts, empty
from imagegen.providers.local.piece import CONTROLS, Piece, net_of
from imagegen.providers.local.precision import long_name
from imagegen.providers.local.text import Texts

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from imagegen.providers.local.controldepth import Depth

#: Net -> the helper that `imagegen models pull` knows it as.
HELPERS = {"canny": "sdxl-canny", "depth": "sdxl-depth", DEPTH_ESTIMATOR: DEPTH_ESTIMATOR}
#: Bytes of maps kept: 85 of 1024 x 1024. A product before fifty backgrounds is looked at once.
_MOST_BYTES = 256_000_000


class Controls:
    """The nets that may hold one model's pictures: "canny", "depth", and "depth-estimator", which finds the depth.
    Loaded when first used. Raises SettingsError for a folder that is none, or of a net for another model."""

    def __init__(self, given: Mapping[str, Path | Control], parts: Parts, *, channels_last: bool = False) -> None:
        family = parts.family
        if given and family.name != "sdxl":
            raise SettingsError(f"{family.title} takes no ControlNet here", "SDXL does")
        self._given = {name: _looked(name, where) for name, where in given.items()}
        for control in self._given.values():
            if control.kind == CONTROLNET:
                check_fits(control, parts.weights)
        self._parts, self._last = parts, channels_last
        self._nets: dict[str, Any] = {}
        self._compiled: set[str] = set()
        self._depth: Depth | None = None
        self._maps: OrderedDict[tuple[str, str, int, int], NDArray[numpy.uint8]] = OrderedDict()
        #: Maps that were found so far, for tests and figures.
        self.found = 0

    def check(self, piece: Piece) -> None:
        """Refuses a piece that is to be held and cannot be. Raises SettingsError."""
        if not piece.control:
            return
        family = self._parts.family
        if piece.control not in CONTROLS:
            raise SettingsError(f"control {piece.control!r} is unknown", f"use one of: {', '.join(CONTROLS)}")
        if family.name != "sdxl":
            raise SettingsError(f"{family.title} takes no ControlNet here", "leave out the control, or take SDXL")
        if piece.control_image is None:
            raise SettingsError(f"control {piece.control} has no picture to keep to", "give a control image")
        needed = [net_of(piece), *([DEPTH_ESTIMATOR] if piece.control == "depth" else [])]
        for name in needed:
            if name not in self._given:
                what = "a depth model" if name == DEPTH_ESTIMATOR else f"a ControlNet for {name}"
                other = ", or give the map as depth-map" if name == DEPTH_ESTIMATOR else ""
                todo = f"run: imagegen models pull {HELPERS[name]}{other}"
                raise SettingsError(f"control {piece.control} needs {what}, and none is there", todo)

    def predictor(self, model: Model, pieces: Sequence[Piece], texts: Texts, mode: str, backend: str) -> Predict:
        """The denoiser of `model` bound to `pieces`, held by their net where they name one. `mode`, `backend`: how
        the denoiser is compiled, and so the net."""
        from imagegen.providers.local.unet import SDXL

        name = net_of(pieces[0])
        if not name:
            return model.predictor(pieces, texts)
        assert isinstance(model, SDXL), "checked before"
        net = self._net(name, mode, backend)
        return model.predictor(pieces, texts, self._hold(net, pieces))

    def facts(self, piece: Piece) -> dict[str, Any] | None:
        """What held `piece`, for its sidecar."""
        if not piece.control:
            return None
        finder = self._given[DEPTH_ESTIMATOR].digest if piece.control == "depth" else None
        weights = self._given[net_of(piece)].digest
        return {"kind": piece.control, "scale": piece.control_scale, "weights": weights, "depth_weights": finder}

    def drop(self) -> None:
        """Free the nets' memory."""
        self._nets.clear()
        self._compiled.clear()
        self._depth = None
        empty(self._parts.device)

    def map(self, piece: Piece) -> NDArray[numpy.uint8]:
        """What the net is shown of the control image of `piece`: height x width x 3, at the picture's size."""
        import numpy as np

        assert piece.control_image is not None
        key = (hashlib.sha256(piece.control_image).hexdigest(), piece.control, piece.width, piece.height)
        if key in self._maps:
            self._maps.move_to_end(key)
            return self._maps[key]
        image = pictures.fitted(piece.control_image, piece.width, piece.height)
        if piece.control == "canny":
            from imagegen.providers.local.controlcanny import edges

            made = np.repeat(edges(np.asarray(image))[..., None], 3, axis=-1)
        elif piece.control == "depth":
            made = self._finder().of(image)
        else:
            made = np.array(image)
        self.found += 1
        self._maps[key] = made
        while sum(each.nbytes for each in self._maps.values()) > _MOST_BYTES and len(self._maps) > 1:
            self._maps.popitem(last=False)
        return made

    def _finder(self) -> Depth:
        if self._depth is None:
            from imagegen.providers.local.controldepth import Depth

            self._depth = Depth(self._given[DEPTH_ESTIMATOR], self._parts.device)
        return self._depth

    def _hold(self, net: Any, pieces: Sequence[Piece]) -> Any:
        """What the UNet is given beside its own, for rows of `pieces`, twice over where there are twice as many."""
        import numpy as np
        import torch

        shown = torch.from_numpy(np.stack([self.map(piece) for piece in pieces])).permute(0, 3, 1, 2)
        shown = (shown.contiguous().float() / 255.0).to(net.device, net.dtype)
        scales = torch.tensor([piece.control_scale for piece in pieces], dtype=torch.float32)
        scales = scales.view(-1, 1, 1, 1).to(net.device, net.dtype)
        twice = torch.cat([shown, shown]), torch.cat([scales, scales])

        def hold(sample: Any, time: Any, tokens: Any, added: Mapping[str, Any]) -> dict[str, Any]:
            picture, scale = twice if len(sample) > len(pieces) else (shown, scales)
            down, middle = net(
                sample,
                time,
                encoder_hidden_states=tokens,
                controlnet_cond=picture,
                conditioning_scale=scale,
                added_cond_kwargs=added,
                return_dict=False,
            )
            return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}

        return hold

    def _net(self, name: str, mode: str, backend: str) -> Any:
        import torch

        if name not in self._nets:
            net = _loaded(self._given[name], long_name(self._parts.precision.dtype)).to(self._parts.device)
            self._nets[name] = net.to(memory_format=torch.channels_last) if self._last else net
        if name not in self._compiled and mode != "eager":
            compiling.apply(mode, "controlnet", self._nets[name], None, backend=backend)
            self._compiled.add(name)
        return self._nets[name]


def _looked(name: str, where: Path | Control) -> Control:
    if name not in HELPERS:
        raise SettingsError(f"no net is called {name!r}", f"there are {', '.join(HELPERS)}")
    control = where if isinstance(where, Control) else look_control(where)
    wanted = DEPTH_ESTIMATOR if name == DEPTH_ESTIMATOR else CONTROLNET
    if control.kind != wanted:
        raise SettingsError(f"{control.folder} is a {control.title}, named as {name}", f"name {HELPERS[name]}")
    return control


def _loaded(control: Control, dtype: str) -> Any:
    import diffusers
    import torch

    from imagegen.providers.local.parts import quiet

    quiet()
    only: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "variant": control.part.variant}
    made: Any = diffusers.ControlNetModel
    where, number = str(control.folder), getattr(torch, dtype)
    try:
        try:
            net = made.from_pretrained(where, dtype=number, **only)
        except TypeError:  # older diffusers know the word torch_dtype only
            net = made.from_pretrained(where, torch_dtype=number, **only)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        plain = " ".join(str(error).split())[:200]
        raise SettingsError(f"{control.folder} does not load: {plain}", "download it again") from error
    return net.to(dtype=number).eval().requires_grad_(False)
