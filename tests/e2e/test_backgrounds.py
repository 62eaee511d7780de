"""Backgrounds taken away after the purchase, and masks made before it, by a library that the user installs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.background_package import install
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import Imagegen, Write, files, manifest

FLARE = "model: gpt-image-2.5-flare, quality: low, size: 1024x640"
MUG = picture("mug", 640, 480)


def alpha(path: Path) -> tuple[int, int]:
    """How much can be seen at the corner and in the middle."""
    with Image.open(path) as image:
        band = image.convert("RGBA").getchannel("A")
        corner, middle = band.getpixel((0, 0)), band.getpixel((image.width // 2, image.height // 2))
    assert isinstance(corner, int)
    assert isinstance(middle, int)
    return corner, middle


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages, one of them such a library."""
    return install(tmp_path / "site")


def test_a_background_is_taken_away_after_the_purchase(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, site: Path
) -> None:
    """The Key is the same, so the picture is bought once for both; renditions are cut out too; JPEG is white."""
    write(
        "m.yaml",
        manifest(
            f"id: plain, prompt: A mug, {FLARE}",
            f"id: bare, prompt: A mug, background: remove, {FLARE}",
            f"id: webp, prompt: A mug, background: remove, format: webp, {FLARE}",
            head="output: {renditions: {card: 512x320, jpg: {size: 256x160, format: jpeg}}}",
        ),
    )
    ran = paid("run", "m.yaml", "--json", PYTHONPATH=str(site))
    assert (ran.code, len(cloud.charges)) == (0, 1), ran.err
    out = tmp_path / "out/m"
    assert alpha(out / "plain.png") == (255, 255)
    assert alpha(out / "bare.png") == alpha(out / "webp.webp") == alpha(out / "card/bare.png") == (0, 255)
    with Image.open(out / "jpg/bare.jpg") as image:
        assert image.getpixel((0, 0)) == (255, 255, 255)
    assert set(paid("run", "m.yaml", "--json", PYTHONPATH=str(site)).states.values()) == {"kept"}


def test_another_version_finishes_anew_for_nothing(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, site: Path
) -> None:
    write("m.yaml", manifest(f"id: bare, prompt: A mug, background: remove, {FLARE}"))
    assert paid("run", "m.yaml", PYTHONPATH=str(site)).code == 0
    shutil.rmtree(site)
    install(site, version="2.0", answer='return Image.new("L", image.size, 255)')
    assert paid("run", "m.yaml", PYTHONPATH=str(site)).code == 0
    assert alpha(tmp_path / "out/m/bare.png") == (255, 255)
    shutil.rmtree(site)  # a picture that is there stays there, library or not
    assert paid("run", "m.yaml", "--json").states == {"bare": "kept"}
    assert len(cloud.charges) == 1


def test_without_a_library_it_is_refused_before_the_purchase(
    paid: Imagegen, cloud: Cloud, write: Write, site: Path
) -> None:
    """With what to do; an estimate is made all the same, and a placeholder has no background."""
    write("mug.png", MUG)
    write(
        "m.yaml",
        manifest(
            f"id: bare, prompt: A mug, background: remove, {FLARE}",
            "id: edit, prompt: A mug, image: mug.png, mask: auto, model: gpt-image-2.5-flare, quality: low",
            f"id: jpeg, prompt: A mug, background: remove, format: jpeg, {FLARE}",
        ),
    )
    ran = paid("run", "m.yaml")
    assert ran.code == 2
    assert 'background: remove: no library for it is installed; pip install "rembg[cpu,cli]"' in ran.err
    assert "mask: auto: no library for it is installed" in ran.err
    assert "png, webp or avif, not jpeg" in ran.err
    shutil.rmtree(site)
    install(site, refuses="it has no weights; fetch them")
    assert "background: remove: it has no weights; fetch them" in paid("run", "m.yaml", PYTHONPATH=str(site)).err
    assert paid("cost-estimate", "m.yaml").code == 0
    assert paid("run", "m.yaml", "--provider", "placeholder").code == 0
    assert not cloud.requests


def test_packages_that_cannot_be_used_are_named(paid: Imagegen, cloud: Cloud, write: Write, site: Path) -> None:
    write("m.yaml", manifest(f"id: bare, prompt: A mug, background: remove, {FLARE}"))
    install(site, "other")
    assert "ellipse-package 1.2 and other-package 1.2 both" in paid("run", "m.yaml", PYTHONPATH=str(site)).err
    shutil.rmtree(site)
    install(site)
    (site / "ellipse_package.py").write_text("raise RuntimeError('no CUDA here')")
    said = paid("run", "m.yaml", PYTHONPATH=str(site)).err
    assert "ellipse-package 1.2 cannot be used for backgrounds: RuntimeError: no CUDA here" in said
    assert not cloud.requests


def test_what_fails_after_the_purchase_is_finished_later(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, site: Path
) -> None:
    """The original is kept: once the library does its work the picture is there, and nothing is bought again."""
    write("m.yaml", manifest(f"id: bare, prompt: A mug, background: remove, {FLARE}"))
    install(site, answer="raise RuntimeError('out of memory')")
    ran = paid("run", "m.yaml", PYTHONPATH=str(site))
    assert ran.code == 3
    assert "its background cannot be told: RuntimeError: out of memory" in ran.err
    install(site, answer='return Image.new("L", image.size, 3)')
    assert "no subject was found in it" in paid("run", "m.yaml", PYTHONPATH=str(site)).err
    install(site)
    assert paid("run", "m.yaml", "--json", PYTHONPATH=str(site)).states == {"bare": "cached"}
    assert files(tmp_path / "out/m") == {"bare.png"}
    assert len(cloud.charges) == 1


def test_a_mask_is_made_before_the_purchase(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, home: Path, site: Path
) -> None:
    """Once for a picture; it is part of the Key, so another library makes another picture."""
    write("mug.png", MUG)
    rows = [f"id: r{n}, prompt: On {each}, image: mug.png, mask: auto, {FLARE}" for n, each in enumerate("ab")]
    write("m.yaml", manifest(*rows))
    assert paid("plan", "m.yaml", PYTHONPATH=str(site)).code == 0
    ran = paid("run", "m.yaml", "--json", PYTHONPATH=str(site))
    assert ran.code == 0, ran.err
    [digest] = {each.body["mask"][0] for each in cloud.requests}
    mask = home / "inputs" / digest
    with Image.open(mask) as image:
        assert (image.size, image.format) == ((640, 480), "PNG")
    assert alpha(mask) == (0, 255)
    assert set(paid("run", "m.yaml", "--json", PYTHONPATH=str(site)).states.values()) == {"kept"}
    assert set(paid("run", "m.yaml", "--json", "-o", "else", PYTHONPATH=str(site)).states.values()) == {"cached"}
    assert len(cloud.charges) == 2
    shutil.rmtree(site)
    install(
        site,
        version="2.0",
        answer='image = image.resize((640, 480)); return Image.linear_gradient("L").resize(image.size)',
    )
    assert set(paid("run", "m.yaml", "--json", "-o", "third", PYTHONPATH=str(site)).states.values()) == {"made"}
    assert len(cloud.charges) == 4


def test_a_picture_without_a_subject_is_not_bought(paid: Imagegen, cloud: Cloud, write: Write, site: Path) -> None:
    write("mug.png", MUG)
    write("m.yaml", manifest(f"id: a, prompt: On a table, image: mug.png, mask: auto, {FLARE}"))
    install(site, answer='return Image.new("L", image.size, 255)')
    ran = paid("run", "m.yaml", PYTHONPATH=str(site))
    assert ran.code == 3
    assert "no mask can be made of 'mug.png': its subject cannot be told from its background" in ran.err
    one = paid(
        "edit", "mug.png", "On a table", "--mask", "auto", "--model", "gpt-image-2.5-flare", PYTHONPATH=str(site)
    )
    assert one.code == 3
    assert not cloud.requests
