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
from imagegen.providers.local import compiling, decode, latents, noise, precision, schedulers
from imagegen.providers.local.adapters import Adapters
from imagegen.providers.local.bucket import bucket_of
from imagegen.providers.local.denoise import denoise
from imagegen.providers.local.machine import capability, machine, pin
from imagegen.providers.local.model import latent_shape, model_of
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import TEXT_ONLY, Flaw, Piece, Pixels, begins_at, kind_of, strength_of
from imagegen.providers.local.text import MOST_BYTES, Texts
from imagegen.providers.local.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


def silent(_: str) -> None:
    """Tell nobody."""


class Engine:
    """One model on one device. Not for several threads at once.

    `device`: "cpu", "cuda", "cuda:1", "mps". `dtype`: "auto" or one of precision.DTYPES. `compile`: "auto" or one of
    compiling.MODES; `backend`: torch.compile's. `deterministic`: pins what can be pinned, so that a run repeated on
    the same machine gives the same bytes. `cache`: a folder for compiled code. `channels_last`: None for where it
    helps (convolutions on CUDA). `tile_above`: pixels above which the VAE works in tiles. `tell` gets sentences for
    people, each once.
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
        tell: Callable[[str], None] = silent,
    ) -> None:
        upcast = bool(weights.configs["vae"].get("force_upcast", True))
        self.precision = precision.decide(dtype, device, capability(device), force_upcast=upcast)
        self.weights, self.device, self.deterministic = weights, device, deterministic
        self.parts = Parts(weights, self.precision, device)
        self.model = model_of(self.parts)
        self.texts = Texts(self._encode, text_bytes)
        self.adapters = Adapters(self.parts)
        self._wanted, self._backend, self._tell = compile, backend, tell
        self._mode: str | None = None
        self._seconds = float("inf")
        self._tile_above = tile_above
        self._last = device.startswith("cuda") if channels_last is None else channels_last
        compiling.choose(compile, 0, 0.0)
        if cache is not None:
            compiling.keep_in(cache)
        if deterministic:
            pin()

    @property
    def mode(self) -> str:
        """How the denoiser runs now: one of compiling.MODES."""
        return self._mode or "eager"

    @property
    def seconds(self) -> float:
        """Seconds that a picture took, of the quickest batch so far; infinite before the first."""
        return self._seconds

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """Encode every text of `pieces` that is new, so that the encoders may be dropped."""
        import torch

        with torch.inference_mode():
            self.texts.all(piece.prompt for piece in pieces)
            self.texts.all(text for piece in pieces if (text := self.model.negatives(piece)) is not None)

    def drop_encoders(self) -> None:
        """Free the text encoders' memory. A text that is not kept loads them again."""
        self.parts.drop(*(name for name in self.parts.index if name.startswith("text_encoder")))

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
            self._settle(rows_left, graphs)
            self.adapters.wear(batch[0].loras)
            began = time.monotonic()
            made = self._decoded(batch, self._denoised(batch)[: len(pieces)])
            self._seconds = min(self._seconds, (time.monotonic() - began) / len(batch))
        facts = [self._facts(piece, batch) for piece in pieces]
        return [one if isinstance(one, Flaw) else Pixels(one, fact) for one, fact in zip(made, facts, strict=True)]

    def close(self) -> None:
        """Free all memory. The next `make` loads again."""
        self.parts.drop(*self.parts.index)
        self.adapters.forget()
        self._mode = None

    @property
    def _flow(self) -> bool:
        return self.weights.family.flow

    def _begin(self, piece: Piece) -> int:
        return begins_at(piece.steps, strength_of(piece), flow=self._flow)

    def _encode(self, text: str) -> Any:
        return self.model.encode(text)

    def _check(self, batch: Sequence[Piece]) -> None:
        first, multiple = batch[0], self.weights.family.multiple
        if len({bucket_of(piece, "", flow=self._flow) for piece in batch}) > 1:
            raise SettingsError("pictures of different buckets stand in one batch", "report this")
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
        predict = self.model.predictor(batch, self.texts)
        sources = noise.generators([piece.seed for piece in batch])
        scheduler = schedulers.build(first.scheduler, self.parts.config("scheduler"))
        walk = schedulers.walk(
            scheduler,
            first.steps,
            self._begin(first),
            self.device,
            sources,
            **self.model.timing(first.width, first.height, first.steps),
        )
        shape = latent_shape(self.parts, first.width, first.height)
        start = latents.start(batch, sources, self.parts.get("vae"), walk, shape)
        return denoise(walk, predict, start)

    def _decoded(self, batch: Sequence[Piece], finished: Tensor) -> list[Any]:
        return decode.decode(self.parts.get("vae"), finished, tiled=self._tiled(batch[0]))

    def _tiled(self, piece: Piece) -> bool:
        return piece.width * piece.height > self._tile_above

    def _settle(self, rows_left: int | None, graphs: int) -> None:
        """Decide once how the denoiser runs: "auto" after a first eager batch, when a picture's time is known."""
        if self._mode is not None:
            return
        self._lay_out()
        wanted = self._wanted
        if wanted == "auto" and self.deterministic:
            # What time it is must not decide which bytes come out.
            wanted = "eager" if self.device == "cpu" else "regional"
        if wanted == "auto" and (rows_left is None or self._seconds == float("inf")):
            return
        compiler = self._backend != "inductor" or compiling.has_compiler()
        choice = compiling.choose(wanted, rows_left or 0, self._seconds, graphs=graphs, compiler=compiler)
        self._mode = choice.mode
        self._tell(choice.why)
        denoiser, vae = self.parts.get(self.weights.family.denoiser), self.parts.get("vae")
        compiling.apply(choice.mode, self.weights.family.name, denoiser, vae, backend=self._backend)

    def _lay_out(self) -> None:
        """Channels last, where asked: for the nets that convolve."""
        import torch

        if not self._last:
            return
        self.parts.get("vae").to(memory_format=torch.channels_last)
        if self.weights.family.denoiser == "unet":
            self.parts.get("unet").to(memory_format=torch.channels_last)

    def _facts(self, piece: Piece, batch: Sequence[Piece]) -> Mapping[str, Any]:
        """What decided this picture beside its prompt, for its sidecar."""
        cut = self.texts.get(piece.prompt).cut
        return {
            "model": self.weights.family.name,
            "weights": self.weights.digest,
            "revision": self.weights.revision,
            "kind": kind_of(piece),
            "seed": piece.seed,
            "steps": piece.steps,
            "guidance": piece.guidance,
            "scheduler": piece.scheduler or self.parts.config("scheduler").get("_class_name"),
            "strength": strength_of(piece) if piece.image is not None else None,
            "batch": [len(batch), piece.height, piece.width],
            "dtype": self.precision.dtype,
            "vae_dtype": self.precision.vae,
            "loras": [[Path(path).name, self.adapters.digest(path), weight] for path, weight in piece.loras],
            "tiled": self._tiled(piece),
            "compile": self.mode,
            "deterministic": self.deterministic,
            "prompt_cut": cut,
            **machine(self.device),
        }
