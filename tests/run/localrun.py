"""Runs on this machine: a place with tiny weights, and children that have torch imported already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen.stores.disk import DiskStore
from tests.run.cloudrun import ROOT, Books, Driver, Ended

#: What a run here imports late, as far as forked children may share it.
TORCH = (
    "torch",
    "torch._dynamo",
    "imagegen.providers.local.engine",
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.models.autoencoders.autoencoder_kl",
    "diffusers.models.transformers.transformer_flux",
    "diffusers.models.transformers.transformer_sd3",
    "diffusers.schedulers",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "transformers.models.t5.modeling_t5",
)
DEMO = ROOT / "manifests" / "local-demo.yaml"


@dataclass
class LocalPlace:
    """A folder with the demo's manifest, its input pictures and the tiny models; `keys` are
    variables that a run sees, `lived` the seconds that one took."""

    folder: Path
    models: Path
    driver: Driver
    keys: dict[str, str] = field(default_factory=dict)
    lived: float = 0.0

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.home = self.folder / "home"
        shutil.copytree(ROOT / "manifests" / "inputs", self.folder / "inputs", dirs_exist_ok=True)
        (self.folder / "tiny").symlink_to(self.models, target_is_directory=True)
        self.home.mkdir()
        self.configure({})

    @property
    def books(self) -> Books:
        return Books(self.home)

    @property
    def env(self) -> dict[str, str]:
        """All that a run sees."""
        paths = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "IMAGEGEN_HOME": str(self.home)}
        return {**paths, "OMP_NUM_THREADS": "1", **self.keys}

    def call(self, *arguments: str) -> Ended:
        """The program, from its start to its end."""
        return self.driver.call(self, *arguments)[0]

    def timed(self, *arguments: str) -> float:
        """The same, well ended; the seconds that it took."""
        ended, lived = self.driver.call(self, *arguments)
        assert ended.code == 0, ended.err
        return lived

    def configure(self, local: Mapping[str, Any]) -> None:
        """Say in config.yaml how this machine makes pictures."""
        (self.home / "config.yaml").write_text(json.dumps({"local": {"device": "cpu", **local}}))

    def manifest(self, rows: list[dict[str, Any]], name: str = "m.yaml", **keys: Any) -> Path:
        """A manifest of `rows` for tiny SDXL."""
        heading: dict[str, Any] = {
            "imagegen": 1,
            "catalog": "tiny/catalog.yaml",
            "weights": {"sdxl": "tiny/sdxl", "flux-dev": "tiny/flux", "sd-3.5-large": "tiny/sd3"},
            "lane": "local",
            "defaults": {"model": "sdxl", "steps": 2},
        }
        path = self.folder / name
        path.write_text(json.dumps(heading | keys | {"rows": rows}))
        return path

    def run(self, manifest: Path, *more: str, out: str = "out") -> Ended:
        """`imagegen run`, from its start to its end."""
        return self.call(*self.arguments(manifest, *more, out=out))

    def arguments(self, manifest: Path, *more: str, out: str = "out") -> list[str]:
        return ["run", str(manifest), "-o", str(self.folder / out), "--json", *more]

    def pictures(self, out: str = "out") -> dict[str, bytes]:
        """The files of an output folder, by name."""
        return {path.name: path.read_bytes() for path in (self.folder / out).glob("*.png")}

    def results(self, out: str = "out") -> dict[str, dict[str, Any]]:
        """What results.jsonl says of each row."""
        lines = (self.folder / out / "results.jsonl").read_text(encoding="utf-8").splitlines()
        return {line["id"]: line for line in map(json.loads, lines)}

    def facts(self, row: str, out: str = "out") -> dict[str, Any]:
        """The sidecar of a row's picture in the cache."""
        with closing(DiskStore(self.home / "cache")) as store:
            held = store.get(self.results(out)[row]["key"])
        assert held is not None
        return dict(held.facts)
