"""What the pages say is so: every command on them is run, every option, key and exit code stands on them.

A ```console block holds commands after "$ " and below each what it prints, where … or ... stands for anything
(on a line of its own: for any lines). The blocks of a page are one session: one folder with the repository's
manifests and examples in it, one home, an empty environment. A fenced block with `title=NAME` is the file NAME.
A page that exports OPENAI_API_KEY asks the local server of tests/cloud. A command that fails is followed by
`$ echo $?`. `python -m tests.test_docs PAGE` prints PAGE with what its commands print now.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from imagegen.cli import COMMANDS, model_tiny
from imagegen.domain.row import Accept, Lora, Row
from imagegen.errors import Exit
from imagegen.manifest.header import Budget, Header, ImportTable, Output, RenditionSpec, Source
from tests.cloud import Cloud
from tests.forked import Forker

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
EXAMPLES = sorted((ROOT / "examples").rglob("README.md"))
PAGES = [ROOT / "README.md", *DOCS, *EXAMPLES]
ALL = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]
MANIFESTS = [path for folder in ("manifests", "examples") for path in sorted((ROOT / folder).rglob("*.yaml"))]

#: What goes wrong at the server while a page's commands run.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "docs/money.md": [{"kind": "cut_accepted", "prompt": "bowl", "times": 1}],
    "docs/errors.md": [{"kind": "moderation", "prompt": "battle"}],
}
#: Tables that shipped manifests speak of and that are not part of the project: a few rows of our own.
TABLES = {
    "PartiPrompts.tsv": "Prompt\tCategory\tChallenge\nA kettle on a stove\tArtifacts\tBasic\n",
    "shopify-apparel.csv": "Handle,Title,Body (HTML),Tags\nhat,Hat,<p>A <b>warm</b> hat</p>,wool\nhat,,,\n",
}
#: What differs from one run to the next.
VOLATILE = (
    (re.compile(r"\bin \d+(\.\d+)? s\b"), "in # s"),
    (re.compile(r'"seconds": [\d.]+'), '"seconds": #'),
    (re.compile(r'"run": "[0-9a-f]+"'), '"run": "#"'),
    (re.compile(r"\b[0-9a-f]{64}\b"), "#key"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "#attempt"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "#time"),
)
ANYTHING = re.compile(r"\\?…|\\\.\\\.\\\.")
FENCE = re.compile(r"^```(\w*)(?: title=(\S+))?\s*$")
EXPORT = re.compile(r"export (\w+)=(\S*)")
#: The program alone, with nothing for a shell to do but to take its words apart.
PLAIN = re.compile(r"imagegen [^|&;<>$`()*?#~!\[\]{}\\\n]*")


@dataclass
class Block:
    """A fenced block: its language, the file it is (or ""), the page's line it begins at, and its lines."""

    language: str
    title: str
    line: int
    lines: list[str] = field(default_factory=list)

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command and what stands below it."""
        parts = re.split(r"^\$ ", "\n".join(self.lines) + "\n", flags=re.M)
        assert not parts[0].strip(), f"line {self.line}: a console block begins with a command"
        for part in parts[1:]:
            command, _, below = part.partition("\n")
            yield command, below


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    block: Block | None = None
    for number, line in enumerate(page.splitlines(), 1):
        if block is None:
            match = FENCE.match(line)
            if match:
                block = Block(match[1], match[2] or "", number)
        elif line == "```":
            yield block
            block = None
        else:
            block.lines.append(line)
    assert block is None, f"the block of line {block.line} is never closed"


class Session:
    """One page's folder, home and environment; commands run in a shell of their own, in order."""

    def __init__(self, folder: Path, server: str, forker: Forker) -> None:
        self.folder, self.server, self.forker, self.status = folder, server, forker, 0
        for name in ("manifests", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        home = str(folder.with_name("home"))
        self.environment = {"PATH": path, "HOME": home, "IMAGEGEN_HOME": home, "LANG": "C.UTF-8"}
        self.environment["HTTPS_PROXY"] = "http://127.0.0.1:9"  # nothing leaves the machine

    def write(self, block: Block) -> None:
        """The block as the file it names."""
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(block.lines) + "\n", encoding="utf-8")

    def run(self, command: str) -> str:
        """What `command` prints, errors included."""
        export = EXPORT.fullmatch(command)
        if export:
            self.environment[export[1]] = export[2]
            if export[1] == "OPENAI_API_KEY":
                self.environment["OPENAI_BASE_URL"] = self.server
            return ""
        assert self.status == 0 or command == "echo $?", f"`{command}` follows a failure that nobody looks at"
        if PLAIN.fullmatch(command):
            # What a shell without LANG makes of it is what it makes of this one.
            env = {name: value for name, value in self.environment.items() if name != "LANG"}
            done = self.forker.run(shlex.split(command)[1:], env=env, cwd=self.folder, timeout=60, merged=True)
            self.status = done.returncode
            return done.stdout
        process = subprocess.Popen(
            ["sh", "-c", f"(exit {self.status}); {command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the shell alone would leave the program behind
            raise
        self.status = process.returncode
        return printed


def same(said: str, printed: str) -> bool:
    """Whether a command printed what the page says, but for what differs from run to run."""
    for pattern, name in VOLATILE:
        said, printed = pattern.sub(name, said), pattern.sub(name, printed)
    pattern_text = ""
    for line in said.strip("\n").splitlines():
        whole = line.strip() in ("…", "...")
        pattern_text += r"(?:[^\n]*\n)*?" if whole else ANYTHING.sub("[^\\\\n]*", re.escape(line.rstrip())) + r" *\n"
    return re.fullmatch(pattern_text, printed.strip("\n") + "\n" if printed.strip() else "") is not None


@pytest.mark.parametrize(
    ("said", "printed", "agree"),
    [
        ("3 made in 0.5 s", "3 made in 12.0 s\n", True),
        ("3 made in 0.5 s", "4 made in 0.5 s\n", False),
        ("In …/cache\n2 pictures", "In /home/me/cache\n2 pictures\n", True),
        ("In …/cache", "In /home/me\nIn /cache\n", False),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…", "a\n", True),
        ("a", "a\nb\n", False),
        ("", "", True),
        ("", "warning: something\n", False),
    ],
)
def test_outputs_are_compared(said: str, printed: str, agree: bool) -> None:
    """Seconds may differ and … stands for anything within a line, or alone for any lines; all else counts."""
    assert same(said, printed) is agree


def opened(page: Path, folder: Path, cloud: Cloud, forker: Forker) -> Iterator[tuple[Block, str, str, Session]]:
    """Every command of a page with what stands below it, files written on the way; the caller runs it."""
    cloud.faults.script(FAULTS.get(page.relative_to(ROOT).as_posix(), []))
    session = Session(folder, cloud.base_url, forker)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.title:
            session.write(block)
        elif block.language == "console":
            for command, below in block.commands():
                yield block, command, below, session


def name_of(path: Path) -> str:
    """A page's name in the list of tests."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_print_what_the_page_says(page: Path, tmp_path: Path, forker: Forker) -> None:
    """Every command on every page works and prints what stands below it."""
    with Cloud() as cloud:
        session = None
        for block, command, below, session in opened(page, tmp_path / "work", cloud, forker):
            printed = session.run(command)
            if not same(below, printed):
                difference = "\n".join(difflib.ndiff(below.strip().splitlines(), printed.strip().splitlines()))
                pytest.fail(f"{name_of(page)}, block of line {block.line}: $ {command}\n{difference}")
        assert session is None or session.status == 0, "the page ends with a failure that nobody looks at"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the program, groups opened: ("models list", the command)."""
    for name, (module, _) in COMMANDS.items():
        found: Any = typer.main.get_command(import_module(f"imagegen.cli.{module}").app)
        inner = getattr(found, "commands", None)
        if inner is None:
            yield name, found
        else:
            yield from ((f"{name} {each}", command) for each, command in inner.items())


def section(page: str, heading: str) -> str:
    """What stands below `heading` until the next heading."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page, re.M | re.S)
    assert match, f"no heading {heading!r}"
    return match[1]


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_option_is_documented(name: str, command: Any) -> None:
    """docs/commands.md has a section for each command, with its options and no others."""
    told = section((ROOT / "docs/commands.md").read_text(encoding="utf-8"), f"imagegen {name}")
    options = {opt for each in command.params for opt in each.opts if opt.startswith("-")} - {"--help", "-h"}
    assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", " ".join(re.findall(r"`([^`]+)`", told)))) == options


def test_every_exit_code_is_documented() -> None:
    """docs/money.md has a line for each."""
    told = (ROOT / "docs/money.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", section(told, "Exit codes"), re.M) == [str(int(code)) for code in Exit]


def named(*models: Any, **parts: Any) -> set[str]:
    """The names of fields, those of `parts` with a dot."""
    names = {name for model in models for name in model.model_fields}
    return names | {f"{name}.{key}" for name, part in parts.items() for key in part.model_fields}


def test_every_field_and_key_is_documented() -> None:
    """docs/manifests.md has a line in a table for each, and for nothing else."""
    told = (ROOT / "docs/manifests.md").read_text(encoding="utf-8")

    def told_in(heading: str) -> set[str]:
        return set(re.findall(r"^\| `([\w.]+)` \|", section(told, heading), re.M))

    parts = {"budget": Budget, "output": Output, "source": Source, "output.renditions": RenditionSpec}
    parts["output.table"] = ImportTable
    assert told_in("Keys of the heading") == {"rows"} | named(Header, **parts)
    assert told_in("Row fields") == named(Row, lora=Lora, accept=Accept)


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture is there, its anchor too."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for link in links:
        if re.match(r"https?://|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        found = page.parent / target if target else page
        assert found.exists(), link
        assert not anchor or anchor in slugs(found), link


def test_the_readme_lists_every_page() -> None:
    """Whoever reads the README finds every page of docs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((docs/[\w/-]+\.md)\)", text)) == {name_of(page) for page in DOCS}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=name_of)
def test_shipped_manifests_validate_and_plan(manifest: Path, tmp_path: Path, forker: Forker) -> None:
    """Every manifest of ours is well-formed, and no row of it is refused."""
    folder = tmp_path / "work"
    shutil.copytree(manifest.parent, folder)
    for name, text in TABLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    if "tiny/catalog.yaml" in manifest.read_text(encoding="utf-8"):
        model_tiny.write(folder / "tiny", ["sdxl", "sd3", "flux", "flux2"], True, True)
    for command in ("validate", "plan"):
        env = {"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(tmp_path / "home")}
        done = forker.run([command, manifest.name], env=env, cwd=folder)
        assert (done.returncode, "refused" in done.stdout.lower()) == (0, False), done.stdout + done.stderr


def refreshed(page: Path) -> str:
    """The page with what its commands print now. Lines that are … alone are lost where a command prints otherwise."""
    text, place = page.read_text(encoding="utf-8"), 0
    with tempfile.TemporaryDirectory() as folder, Cloud() as cloud, closing(Forker()) as forker:
        for _, command, below, session in opened(page, Path(folder) / "work", cloud, forker):
            printed = session.run(command)
            place = text.index(f"$ {command}\n{below}", place) + len(f"$ {command}\n")
            if not same(below, printed):
                old = below.splitlines()
                kept = (next((one for one in old if same(one, line)), line.rstrip()) for line in printed.splitlines())
                lines = "".join(f"{line}\n" for line in kept)
                text = text[:place] + lines + text[place + len(below) :]
    return text


if __name__ == "__main__":
    for each in sys.argv[1:]:
        sys.stdout.write(refreshed(Path(each).resolve()))
