"""Scorers of installed packages: really installed ones, with metadata on the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen.choose import BUILT_IN, Candidate, Chosen, Wish, choose, names, notes, scorer
from imagegen.errors import SettingsError
from tests.choose.drawing import poster

SCORER = """
from imagegen.choose import Score

class LastOne:
    name, version = "{name}", "3"

    def refuses(self, wish):
        return None if "mug" in wish.prompt else "only mugs"

    def score(self, candidates, wish, given=None):
        return [Score(each.index / 10, ("later is better",)) for each in candidates]

def broken():
    raise RuntimeError("no weights here\\nand more lines")

def nothing():
    return object()
"""


class Packages:
    """Installs packages into a folder of the path, as pip would lay them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, scorers: dict[str, str], code: str = SCORER) -> None:
        """`scorers`: entry points by name. `code` is the package's only module."""
        (self.folder / f"{package}.py").write_text(code.replace("{name}", next(iter(scorers))))
        info = self.folder / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{name} = {package}:{made}" for name, made in scorers.items()]
        (info / "entry_points.txt").write_text("\n".join(["[imagegen.scorers]", *lines, ""]))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return Packages(folder)


def test_an_installed_scorer_is_found_and_chooses(packages: Packages) -> None:
    """By the name its package registered; it is listed behind the built-in ones."""
    packages.install("plug_last", {"last": "LastOne"})
    assert names() == (*BUILT_IN, "last")
    mine = scorer("last")
    assert (mine.name, mine.version) == ("last", "3")
    assert (mine.refuses(Wish("a mug")), mine.refuses(Wish("a bowl"))) == (None, "only mugs")
    found = choose([Candidate(index, b"") for index in range(3)], Wish("a mug"), mine)
    assert isinstance(found, Chosen)
    assert (found.index, found.scorer, found.version) == (2, "last", "3")


def test_built_in_names_cannot_be_taken(packages: Packages) -> None:
    """The package's code is not even loaded for them, and a note says so."""
    packages.install("plug_thief", {"auto": "LastOne", "first": "LastOne"}, "raise SystemExit('loaded')")
    assert type(scorer("auto")).__module__ == "imagegen.choose.auto"
    assert type(scorer("first")).__module__ == "imagegen.choose.auto"
    assert names() == BUILT_IN
    said = 'the package plug_thief 1.2 registers a scorer "auto": that name is built in, so it is not used'
    assert said in notes()
    assert len(notes()) == 2


@pytest.mark.parametrize(
    ("made", "code", "says"),
    [
        ("LastOne", "import not_installed_anywhere", "does not load: ModuleNotFoundError: No module named 'not_inst"),
        ("LastOne", "def (", "does not load: SyntaxError: "),
        ("Gone", SCORER, "does not load: AttributeError: "),
        ("broken", SCORER, "does not load: RuntimeError: no weights here;"),
        ("nothing", SCORER, "has no name;"),
        ("LastOne", SCORER.replace('"{name}", "3"', '"{name}", 3'), "has a version that is no text;"),
        ("LastOne", SCORER.replace("{name}", "other"), "calls itself 'other';"),
    ],
)
def test_a_broken_package_is_one_line(packages: Packages, made: str, code: str, says: str) -> None:
    """It names the scorer and the package, only when that scorer is asked for."""
    package = f"plug_broken_{made.lower()}_{len(code)}"
    packages.install(package, {"bad": made}, code)
    assert choose([Candidate(0, poster())], Wish("a"), scorer("auto"))
    with pytest.raises(SettingsError) as problem:
        scorer("bad")
    said = str(problem.value)
    assert said.startswith(f'the scorer "bad" of the package {package} 1.2 {says}')
    assert said.endswith("; update or uninstall that package")
    assert "\n" not in said


def test_two_packages_with_one_name_are_told(packages: Packages) -> None:
    """Neither is taken in silence."""
    packages.install("plug_one", {"mine": "LastOne"})
    packages.install("plug_two", {"mine": "LastOne"})
    with pytest.raises(SettingsError) as problem:
        scorer("mine")
    said = 'the package plug_one 1.2 and the package plug_two 1.2 both register a scorer "mine"; uninstall one of them'
    assert str(problem.value) == said


def test_a_tagger_becomes_a_part_of_auto(packages: Packages) -> None:
    """A package that registers `tags` is asked by auto, and only then."""
    packages.install("plug_tags", {"tags": "LastOne"})
    auto = scorer("auto")
    assert auto.refuses(Wish("a bowl")) == "only mugs"
    found = choose([Candidate(0, poster()), Candidate(4, poster())], Wish("a mug"), auto)
    assert isinstance(found, Chosen)
    assert found.index == 4
    assert found.scores[1].parts["tags"] == 0.4
    assert "tags: later is better" in found.scores[1].reasons


@pytest.mark.parametrize(
    ("name", "todo"), [("atuo", "did you mean auto?"), ("x", "there are auto, first, llm, person")]
)
def test_an_unknown_name_gets_a_suggestion(name: str, todo: str) -> None:
    """Or the list."""
    with pytest.raises(SettingsError) as problem:
        scorer(name)
    assert str(problem.value) == f'no scorer is called "{name}"; {todo}'
