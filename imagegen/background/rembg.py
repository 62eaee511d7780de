"""rembg (MIT) with the weights of U²-Net (Apache 2.0, by its authors' word), which the user fetches. Its default ones,
RMBG-2.0, want a paid agreement for commercial use."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

#: The weights by their name in rembg.
WEIGHTS = "u2net"


class Rembg:
    """Its session is loaded with the first picture."""

    name = "rembg"

    def __init__(self) -> None:
        self.version = f"{version('rembg')} {WEIGHTS}"

    def refuses(self) -> str | None:
        """Without its weights rembg would fetch 176 MB by itself."""
        try:
            from rembg.sessions.u2net import U2netSession

            found = U2netSession.resolve_existing(f"{WEIGHTS}.onnx")
        except Exception as error:  # noqa: BLE001  somebody else's code, and a library of its own beneath it
            return f'rembg cannot be loaded ({type(error).__name__}: {error}); pip install -U "rembg[cpu,cli]"'
        return None if found else f"rembg has no weights here; fetch them once with `rembg d {WEIGHTS}`"

    def alpha(self, image: Image) -> Image:
        """What U²-Net takes for the subject."""
        found: Image = self._session.predict(image)[0].convert("L")
        return found

    @cached_property
    def _session(self) -> Any:
        from rembg import new_session

        return new_session(WEIGHTS)
