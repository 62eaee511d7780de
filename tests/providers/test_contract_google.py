"""Google's providers keep the contract: the Gemini API, Vertex, and Imagen where Vertex is asked as it was."""

from __future__ import annotations

from tests.providers.contract import WireContract
from tests.providers.googles import ask, google, vertex


class TestGoogle(WireContract):
    """Gemini image models with a key."""

    connect = staticmethod(google)
    asked = ask()
    wrong = ask(seed=7)


class TestVertex(WireContract):
    """The same models with a project at Google Cloud."""

    connect = staticmethod(vertex)
    asked = ask(provider="vertex")
    wrong = ask(provider="vertex", aspect_ratio="7:5")


class TestImagen(WireContract):
    """Imagen at an address that still serves it."""

    connect = staticmethod(vertex)
    asked = ask(provider="vertex", model="imagen-3", resolution=None)
    wrong = ask(provider="vertex", model="imagen-3", resolution=None, safety="OFF")
