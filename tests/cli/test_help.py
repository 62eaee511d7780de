"""Help: every command is listed, and each says what it does and takes."""

from __future__ import annotations

import pytest

from imagegen import __version__
from imagegen.cli import COMMANDS
from tests.cli.conftest import Imagegen


def test_help_lists_every_command(imagegen: Imagegen) -> None:
    """Without a word, with -h and with --help: the commands in order, each with its line; on stdout, exit 0."""
    long = imagegen("--help", COLUMNS="160")
    assert (long.returncode, long.stderr) == (0, "")
    assert imagegen("-h", COLUMNS="160").stdout == long.stdout
    listed = [line.split(maxsplit=1) for line in long.stdout.partition("Commands:")[2].splitlines() if line]
    assert [name for name, _ in listed] == list(COMMANDS)
    for name, about in listed:
        assert COMMANDS[name][1].startswith(about.removesuffix("..."))
    bare = imagegen(COLUMNS="160")
    assert bare.stdout == long.stdout
    assert "Traceback" not in bare.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(imagegen: Imagegen, command: str) -> None:
    """Its own help says what it takes, in words for every option, and never a switch to leave something off."""
    said = imagegen(command, "--help", COLUMNS="200")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith(f"Usage: imagegen {command} ")
    names = {text for text in said.stdout.split() if text.startswith("--")}
    assert names >= {"--help"}
    assert not [name for name in names if name.startswith("--no-") and f"--{name[5:]}" in names]
    options = said.stdout.partition("Options:")[2].partition("Commands:")[0].split("\n  -")[1:]
    assert all(len(option.split("  ", 1)[1].split()) > 1 for option in options), options


def test_the_version_is_said(imagegen: Imagegen) -> None:
    """One line on stdout."""
    said = imagegen("--version")
    assert (said.returncode, said.stdout, said.stderr) == (0, f"imagegen {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runn"], "runn"),
        (["--verison"], "--verison"),
        (["run", "a.yaml", "b.yaml"], "b.yaml"),
        (["plan"], "manifest"),
        (["cache", "stat"], "stat"),
        (["settle", "x", "--charged", "--not-charged"], "charged"),
    ],
)
def test_what_is_no_command_is_one_line_and_exit_2(imagegen: Imagegen, words: list[str], says: str) -> None:
    """A misspelt command or option, or one word too many or too few, is a line that repeats it."""
    said = imagegen(*words)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert said.stderr.startswith("error: ")
    assert said.stderr.count("\n") == 1
    assert says in said.stderr
