"""The project at Google Cloud that Vertex is asked through, from the variables that Google's own tools read."""

from __future__ import annotations

from collections.abc import Mapping

#: What turns Vertex on: a project alone is set on many machines that nobody means to buy pictures with.
SWITCHES = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE")
ADDRESSES = ("IMAGEGEN_VERTEX_BASE_URL", "GOOGLE_VERTEX_BASE_URL")
PROJECT, LOCATION = "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"
#: Where a request goes that names no region.
ANYWHERE = "global"


def account(environ: Mapping[str, str]) -> str:
    """ "PROJECT/LOCATION" where Vertex is turned on, or another address for it is set; else "". The project is empty
    where none is named."""
    on = any(environ.get(name, "").strip().lower() in ("1", "true") for name in SWITCHES)
    if not on and not any(environ.get(name, "").strip() for name in ADDRESSES):
        return ""
    return f"{environ.get(PROJECT, '').strip()}/{environ.get(LOCATION, '').strip() or ANYWHERE}"


def parts(account: str) -> tuple[str, str]:
    """Project and location of an `account`, as `account` says them; the project is "" where there is none."""
    project, _, location = account.partition("/")
    return project, location or ANYWHERE
