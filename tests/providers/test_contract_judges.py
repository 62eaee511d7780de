"""Vision models that judge keep the contract, whoever serves them; what they make is JSON."""

from __future__ import annotations

from tests.providers.contract import WireContract
from tests.providers.judged import ask, google, openai, own, vertex

GEMINI = "gemini-3.1-flash-lite"


class TestOpenAIJudges(WireContract):
    """Chat completions."""

    connect = staticmethod(openai)
    asked = ask()
    wrong = ask(model="gpt-4")
    media = "application/json"


class TestOwnJudges(WireContract):
    """The same dialect at a server of the user's own."""

    connect = staticmethod(own)
    asked = ask("lab", "house-judge")
    wrong = ask("lab", "house-judge", images=("a" * 64,))
    media = "application/json"


class TestGoogleJudges(WireContract):
    """Gemini with a key."""

    connect = staticmethod(google)
    asked = ask("google", GEMINI)
    wrong = ask("google", GEMINI, kind="image")
    media = "application/json"


class TestVertexJudges(WireContract):
    """Gemini with a project at Google Cloud."""

    connect = staticmethod(vertex)
    asked = ask("vertex", GEMINI)
    wrong = ask("vertex", GEMINI, images=tuple(f"{n:064}" for n in range(17)))
    media = "application/json"
