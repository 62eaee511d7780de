"""`imagegen init`: the starter, the examples, and that nothing is overwritten; from a checkout and from a wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imagegen import start
from imagegen.bundle import bundled
from imagegen.errors import UsageError
from tests.cli.conftest import Imagegen

ROOT = Path(__file__).parents[2]
#: Examples that are there.
NAMES = [name for name, folder in start.EXAMPLES.items() if (ROOT / "examples" / folder).exists()]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def next_commands(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.startswith("  imagegen ")]


def test_the_starter_runs_as_it_says(imagegen: Imagegen, tmp_path: Path) -> None:
    """It says what it wrote and two commands, and both work as they stand, without a key."""
    said = imagegen("init", "new folder")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[0] == "written: new folder/pictures.yaml"
    commands = next_commands(said.stdout)
    assert [command.split()[1] for command in commands] == ["cost-estimate", "run"]
    for command in commands:
        done = subprocess.run(
            command.replace("imagegen", str(Path(sys.executable).with_name("imagegen")), 1),
            shell=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(tmp_path / "home")},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "3 made" in done.stderr


def test_its_comments_are_right(tmp_path: Path) -> None:
    """What stands in comments can be taken out of them: with those lines it is a manifest of five rows."""
    from imagegen.manifest import check, open_manifest

    (tmp_path / "products.csv").write_text("Handle,Title,Body (HTML)\nbowl,Bowl,<p>Blue</p>\n")
    path = tmp_path / "m.yaml"
    text = start.STARTER.read_text(encoding="utf-8").partition("\nimagegen: 1\n")[2]
    path.write_text("imagegen: 1\n" + re.sub(r"^( *)# (?=[a-z -])", r"\1", text, flags=re.M), encoding="utf-8")
    manifest = open_manifest(path)
    assert check(manifest) == 5
    assert manifest.header.provider == "placeholder"
    assert manifest.header.source is not None


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_copied_whole(name: str, imagegen: Imagegen, tmp_path: Path) -> None:
    """Every file of it, byte for byte, into a folder of its name; it can be planned where it lies. Only a page's
    links that would lead nowhere are left out."""
    folder = start.EXAMPLES[name]
    said = imagegen("init", "--example", name)
    assert (said.returncode, said.stderr) == (0, "")
    copied, ours = tree(tmp_path / folder), tree(ROOT / "examples" / folder)
    pages = {path for path in ours if path.endswith(".md")}
    assert {path: copied[path] for path in copied if path not in pages} == {
        path: ours[path] for path in ours if path not in pages
    }
    for page in pages:
        assert "](../" not in (tmp_path / folder / page).read_text(encoding="utf-8")
        assert len(copied[page]) > len(ours[page]) - 100
    assert {line.partition(": ")[2] for line in said.stdout.splitlines() if line.startswith("written: ")} == {
        f"{folder}/{path}" for path in tree(tmp_path / folder)
    }
    manifest = next_commands(said.stdout)[1].split()[2]
    planned = imagegen("plan", manifest, "--provider", "placeholder")
    assert planned.returncode == 0, planned.stderr
    assert "Refused" not in planned.stdout


def test_nothing_is_overwritten(imagegen: Imagegen, tmp_path: Path) -> None:
    """One file that is there, a link to nowhere, a file in the place of the folder: one line, exit 2, and nothing
    has been written."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "shop.yaml").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "pictures.yaml").symlink_to("nowhere")
    before = tree(tmp_path)
    for words in (["--example", "shop"], ["file"], ["file", "--example", "shop"], ["link"]):
        said = imagegen("init", *words)
        assert (said.returncode, said.stdout) == (2, ""), words
        assert said.stderr.startswith("error: ")
        assert said.stderr.count("\n") == 1
        assert "there" in said.stderr
    assert tree(tmp_path) == before


def test_a_folder_that_cannot_be_made(imagegen: Imagegen) -> None:
    """The system's reason in one line, and the exit code of storage."""
    said = imagegen("init", "a" * 300)
    assert (said.returncode, said.stderr.count("\n")) == (7, 1)
    assert "file name too long" in said.stderr


def test_what_a_run_left_in_an_example_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone ran the checkout's example in its own folder: its pictures are no part of it."""
    source = tmp_path / "examples" / "shop"
    (source / "out" / "shop").mkdir(parents=True)
    (source / "out" / "shop" / "a.webp").write_bytes(b"x")
    (source / ".github").mkdir()
    (source / ".github" / "job.yml").write_text("x")
    (source / "shop.yaml").write_text("imagegen: 1\n")
    monkeypatch.setattr(start, "bundled", lambda name: tmp_path / name)
    written = start.example("shop", tmp_path / "new")
    assert set(tree(tmp_path / "new")) == {"shop.yaml", ".github/job.yml"}
    assert written.manifest == tmp_path / "new" / "shop.yaml"


def test_an_installation_without_examples_says_so(tmp_path: Path) -> None:
    """A folder called examples that lies beside an installed package is somebody else's."""
    (tmp_path / "imagegen").mkdir()
    (tmp_path / "examples" / "shop").mkdir(parents=True)
    with pytest.raises(UsageError, match="lacks examples/shop"):
        bundled("examples/shop", tmp_path / "imagegen")
    (tmp_path / "imagegen" / "bundled" / "examples" / "shop").mkdir(parents=True)
    assert bundled("examples/shop", tmp_path / "imagegen") == tmp_path / "imagegen/bundled/examples/shop"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_has_all_of_it(wheel: Path, tmp_path: Path) -> None:
    """The examples of the repository, and the schemas with their words, without the repository."""
    mine = {path: data for path, data in tree(ROOT / "examples").items() if "__pycache__" not in path}
    assert tree(wheel / "imagegen" / "bundled" / "examples") == mine
    program = "import imagegen.cli, imagegen, sys; print(imagegen.__file__); imagegen.cli.main()"

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=tmp_path,
            env={"PYTHONPATH": str(wheel), "IMAGEGEN_HOME": str(tmp_path / "home")},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0].startswith(str(wheel))
        return done.stdout

    assert "written: shop/shop.yaml" in run("init", "--example", "shop")
    assert set(tree(tmp_path / "shop")) == set(tree(ROOT / "examples" / "shop"))
    assert "written: pictures.yaml" in run("init")
    assert "what is to be seen" in run("schema", "manifest")
