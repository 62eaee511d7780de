"""The example's web service, in this process, with placeholders."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the package fastapi is not installed")

APP = Path(__file__).parents[2] / "examples" / "service" / "app.py"


@pytest.fixture
def example() -> Any:
    spec = importlib.util.spec_from_file_location("example_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_picture_is_made_served_and_kept(example: Any, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    wanted = {"prompt": "A mug", "use_case": "product_shot", "priority": 1}
    with TestClient(example.create("pictures", provider="placeholder")) as client:
        made = client.post("/pictures", json=wanted)
        assert made.status_code == 200, made.text
        assert made.json()["state"] == "made"
        shown = client.get(made.json()["url"])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
        assert shown.content.startswith(b"\x89PNG")
        assert client.post("/pictures", json=wanted).json() == made.json() | {"state": "kept"}
    assert (tmp_path / "pictures" / "report.html").exists()


def test_what_cannot_be_is_answered(example: Any) -> None:
    """And nothing but pictures leaves the folder."""
    from starlette.testclient import TestClient

    with TestClient(example.create("pictures", provider="placeholder")) as client:
        assert client.post("/pictures", json={"prompt": ""}).status_code == 422
        assert client.post("/pictures", json={"prompt": "A", "priority": 9}).status_code == 422
        misspelt = client.post("/pictures", json={"prompt": "A", "use_case": "heros"})
        assert (misspelt.status_code, "unknown use case 'heros'" in misspelt.text) == (422, True)
        for name in ("nothing.png", "results.csv", "..%2Fapp.py", ".imagegen%2Fcollection.json"):
            assert client.get(f"/pictures/{name}").status_code == 404


def test_who_cannot_pay_is_told_to_come_again(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    from tests.cloud import Cloud

    with Cloud() as cloud:
        cloud.faults.add("quota", prompt="mug")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", cloud.base_url)
        with TestClient(example.create("pictures")) as client:
            stopped = client.post("/pictures", json={"prompt": "A mug"})
        assert (stopped.status_code, stopped.headers["retry-after"]) == (503, "3600")
        assert not cloud.charges
