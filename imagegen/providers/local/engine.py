"""The engine: a batch of Pieces of one bucket in, pictures out. Read this first.

    texts -> latents -> denoise -> decode

A picture depends on its own Piece and on the shape of its batch, never on who else is in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.providers.local import compiling, decode, latents, noise, precision, quantize, schedulers
from imagegen.providers.local.adapters import Adapters
from imagegen.providers.local.bucket import bucket_of
from imagegen.providers.local.control import Controls
from imagegen.providers.local.controlfolder import Control
from imagegen.providers.local.denoise import denoise
from imagegen.providers.local.extras import PLAIN, Extras, check_extras, ready, refuses
from imagegen.providers.local.facts import facts_of
from imagegen.providers.local.machine import capability, pin
from imagegen.providers.local.memoryplan import Means, Stage
from imagegen.providers.local.model import latent_shape, model_of
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import TEXT_ONLY, Flaw, Piece, Pixels, begins_at, strength_of
from imagegen.providers.local.refiner import Refiner, check_refined, in_two
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import MOST_BYTES, Texts
from imagegen.providers.local.weights import Weights

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from torch import Tensor


def silent(_: str) -> None:
    """Tell nobody."""


class Engine:
    """One model on one device. Not for several threads at once.

    `device`: "cpu", "cuda", "cuda:1", "mps". `dtype`: "auto" or one of precision.DTYPES. `compile`: "auto" or one of
    compiling.MODES; `backend`: torch.compile's. `deterministic`: pins what can be pinned, so that a run repeated on
    the same machine gives the same bytes. `cache`: a folder for compiled code. `channels_last`: None for where it
    helps (convolutions on CUDA). `tile_above`: pixels above which the VAE works in tiles. `controls`: "canny", "depth",
    "depth-estimator" -> the net or its folder; `refiner`: the weights that finish what pieces hand over. `extras`:
    opt-in adapters. `tell` gets sentences for people, each once.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        device: str = "cpu",
        dtype: str = "auto",
        compile: str = "auto",
        backend: str = "inductor",
        deterministic: bool = False,
        cache: Path | None = None,
        channels_last: bool | None = None,
        tile_above: int = decode.TILE_ABOVE,
        text_bytes: int = MOST_BYTES,
        controls: Mapping[str, Path | Control] | None = None,
        refiner: Weights | None = None,
        extras: Extras = PLAIN,
        tell: Callable[[str], None] = silent,
    ) -> None:
        upcast = bool(weights.configs["vae"].get("force_upcast", True))
        self.precision = precision.decide(dtype, device, capability(device), force_upcast=upcast)
        self.weights, self.device, self.deterministic = weights, device, deterministic
        self.parts = Parts(weights, self.precision, device, self._finish)
        self.model = model_of(self.parts)
        self.model.steps = Steps(extras.step_cache)
        self.texts = Texts(self._encode, text_bytes)
        self.adapters = Adapters(self.parts)
        check_extras(extras, weights.family.name, capability(device), device, dtype=dtype, compile=compile)
        self.extras, self._tell = extras, tell
        self._wanted, self._backend = extras.compiled(compile, backend)
        self._mode: str | None = None
        self._seconds = float("inf")
        self._tile_above = tile_above
        self._beside: Sequence[Any] = ()
        #: What is done to save memory, and which stage is at work: memory.Frugal sets the one and reads the other.
        self.means, self.stage = Means(), Stage.TEXT
        self._last = device.startswith("cuda") if channels_last is None else channels_last
        self.controls = Controls(controls or {}, self.parts, channels_last=self._last)
        self.refiner = Refiner(refiner, self.precision, device, text_bytes) if refiner else None
        compiling.choose(compile, 0, 0.0)
        if cache is not None:
            compiling.keep_in(cache)
        ready(extras, cache)
        if deterministic:
            pin()

    @property
    def mode(self) -> str:
        """How the denoiser runs now: one of compiling.MODES."""
        return "eager" if self.means.groups else self._mode or "eager"

    @property
    def seconds(self) -> float:
        """Seconds that a picture took, of the quickest batch so far; infinite before the first."""
        return self._seconds

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """Encode every text of `pieces` that is new, so that the encoders may be dropped."""
        import torch

        self.stage = Stage.TEXT
        with torch.inference_mode():
            self.texts.all(piece.prompt for piece in pieces)
            self.texts.all(text for piece in pieces if (text := self.model.negatives(piece)) is not None)
            if self.refiner:
                self.refiner.prepare(pieces)

    def drop_encoders(self) -> None:
        """Free the text encoders' memory. A text that is not kept loads them again."""
        self.parts.drop(*(name for name in self.parts.index if name.startswith("text_encoder")))
        if self.refiner:
            self.refiner.drop_encoders()

    def make(
        self, pieces: Sequence[Piece], padded_to: int | None = None, *, rows_left: int | None = None, graphs: int = 1
    ) -> list[Pixels | Flaw]:
        """The pictures of `pieces`, all of one bucket, in their order.

        `padded_to`: rows of the batch, the last piece repeated to fill it up. `rows_left`: pictures still to make,
        these included, in `graphs` shapes; for compile="auto". Raises SettingsError for pieces that the weights
        cannot make, BadPicture for an input that is no picture, torch.OutOfMemoryError as it is.
        """
        import torch

        batch = list(pieces) + [pieces[-1]] * ((padded_to or 0) - len(pieces))
        self._check(batch)
        with torch.inference_mode():
            self.settle(rows_left, graphs)
            self._dress(batch)
            began = time.monotonic()
            made = self._decoded(batch[0], self._denoised(batch)[: len(pieces)])
            self._seconds = min(self._seconds, (time.monotonic() - began) / len(batch))
        facts = [self.facts(piece, len(batch)) for piece in pieces]
        return [one if isinstance(one, Flaw) else Pixels(one, fact) for one, fact in zip(made, facts, strict=True)]

    def latents_of(self, batch: Sequence[Piece]) -> Tensor:
        """The first half of `make`: finished latents of `batch`, float32 on the device."""
        import torch

        self._check(batch)
        with torch.inference_mode():
            self._dress(batch)
            return self._denoised(batch)

    def pictures_of(self, piece: Piece, finished: Tensor) -> list[NDArray[numpy.uint8] | Flaw]:
        """The second half of `make`: pictures of `finished` latents, all of the size of `piece`."""
        import torch

        with torch.inference_mode():
            return self._decoded(piece, finished)

    def drop_denoiser(self) -> None:
        """Free the denoiser's memory, and that of all that runs beside it. What needs it loads it again."""
        self.model.steps, self._beside = Steps(self.extras.step_cache), ()
        self.parts.drop(self.weights.family.denoiser)
        self.adapters.forget()
        self.controls.drop()
        if self.refiner:
            self.refiner.drop()

    def close(self) -> None:
        """Free all memory. The next `make` loads again."""
        self.drop_denoiser()
        self.parts.drop(*self.parts.index)
        self._mode = None

    @property
    def _flow(self) -> bool:
        return self.weights.family.flow

    def _begin(self, piece: Piece) -> int:
        return begins_at(piece.steps, strength_of(piece), flow=self._flow)

    def _encode(self, text: str) -> Any:
        before, self.stage = self.stage, Stage.TEXT
        made = self.model.encode(text)
        self.stage = before
        return made

    def _dress(self, batch: Sequence[Piece]) -> None:
        self.stage = Stage.DENOISE
        self.adapters.wear(batch[0].loras)

    def _check(self, batch: Sequence[Piece]) -> None:
        first, multiple = batch[0], self.weights.family.multiple
        if len({bucket_of(piece, "", flow=self._flow) for piece in batch}) > 1:
            raise SettingsError("pictures of different buckets stand in one batch", "report this")
        for piece in batch:
            self.controls.check(piece)
            if problem := refuses(self.extras, self.weights.family.name, loras=piece.loras, steps=piece.steps):
                raise SettingsError(problem)
        check_refined(first, self.weights.family.name, self.refiner)
        if first.image is not None and self.weights.family.name in TEXT_ONLY:
            raise SettingsError(
                f"{self.weights.family.title} makes pictures from text only here", "leave out the image"
            )
        if first.width % multiple or first.height % multiple:
            what = f"{first.width}x{first.height} is not a multiple of {multiple}"
            raise SettingsError(what, f"{self.weights.family.title} makes no other sizes")
        if first.steps < 1 or self._begin(first) >= first.steps:
            what = f"{first.steps} steps at strength {strength_of(first):g} leave no step to do"
            raise SettingsError(what, "ask for more steps or more strength")

    def _denoised(self, batch: Sequence[Piece]) -> Tensor:
        """The finished latents of `batch`, float32 on the device."""
        first = batch[0]
        predict = self.controls.predictor(self.model, batch, self.texts, self.mode, self._backend)
        sources = noise.generators([piece.seed for piece in batch])
        timing = self.model.timing(first.width, first.height, first.steps)

        def walk_from(begin: int) -> schedulers.Walk:
            scheduler = schedulers.build(first.scheduler, self.parts.config("scheduler"))
            return schedulers.walk(scheduler, first.steps, begin, self.device, sources, **timing)

        walk, shape = walk_from(self._begin(first)), latent_shape(self.parts, first.width, first.height)
        start = latents.start(batch, sources, lambda: self._vae(first, Stage.ENCODE), walk, shape, self.device)
        self.stage = Stage.DENOISE
        if self.refiner is None or first.refine_at is None:
            return denoise(walk, predict, start)
        refine = self.refiner.predictor(batch, self.mode, self._backend, self._last)
        return in_two(walk, first.refine_at, predict, refine, start, walk_from)

    def _decoded(self, piece: Piece, finished: Tensor) -> list[NDArray[numpy.uint8] | Flaw]:
        self.model.steps.forget()
        return decode.decode(self._vae(piece, Stage.DECODE), finished)

    def _vae(self, piece: Piece, stage: Stage) -> Any:
        """The VAE, its tiles laid for `piece`: what came before must not decide."""
        self.stage, vae = stage, self.parts.get("vae")
        decode.lay_tiles(vae, tiled=self.tiled(piece), small=self.means.tiles, largest=max(piece.width, piece.height))
        return vae

    def tiled(self, piece: Piece) -> bool:
        """Whether the VAE works on `piece` in tiles."""
        return self.means.tiles or piece.width * piece.height > self._tile_above

    def settle(self, rows_left: int | None, graphs: int) -> None:
        """Decide once how the denoiser runs: "auto" after a first eager batch, when a picture's time is known."""
        if self._mode is not None:
            return
        wanted = self._wanted
        if wanted == "auto" and self.deterministic:
            # What time it is must not decide which bytes come out.
            wanted = "eager" if self.device == "cpu" else "regional"
        if wanted == "auto" and (rows_left is None or self._seconds == float("inf") or self.means.staged):
            return
        compiler = self._backend != "inductor" or compiling.has_compiler()
        choice = compiling.choose(wanted, rows_left or 0, self._seconds, graphs=graphs, compiler=compiler)
        self._mode = choice.mode
        pinned = wanted != self._wanted
        self._tell(choice.why.replace("as asked", "because of --deterministic") if pinned else choice.why)
        for name in (self.weights.family.denoiser, "vae"):
            if self.parts.loaded(name):
                self._compile(name, self.parts.get(name))

    def _finish(self, name: str, module: Any) -> None:
        """A component was loaded: channels last for nets that convolve, where asked; quantised, fitted, compiled."""
        import torch

        if self._last and name in ("unet", "vae"):
            module.to(memory_format=torch.channels_last)
        if name == self.weights.family.denoiser:
            quantize.apply(self.extras.quantize, module)
            self._beside = self.model.steps.fit(module)
        self._compile(name, module)

    def _compile(self, name: str, module: Any) -> None:
        if self._mode is None or name in self.parts.in_groups or name not in (self.weights.family.denoiser, "vae"):
            return
        family, how = self.weights.family.name, {"backend": self._backend}
        if name == "vae":
            compiling.apply(self._mode, family, None, module, **how)
        else:
            compiling.apply(self._mode, family, module, None, **how, beside=self._beside)

    def facts(self, piece: Piece, rows: int) -> Mapping[str, Any]:
        """What decided this picture, made in a batch of `rows`, beside its prompt: for its sidecar."""
        cut = self.texts.get(piece.prompt).cut
        return facts_of(self, piece, rows, tiled=self.tiled(piece), prompt_cut=cut)
