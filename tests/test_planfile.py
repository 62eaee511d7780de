"""Plan files: what is written comes back, what was changed is found at its line, nothing is half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import ManifestError, StorageError, UsageError
from imagegen.planfile import FORMAT, PlanFile, is_plan, open_plan, plan_output, writing

HEAD: dict[str, Any] = {"imagegen_plan": FORMAT, "manifest": "shop.yaml", "output": "out/shop"}
ODD = 'tab\t, line\nend\u2028, bidi \u202e, half \ud83d, quote " and ü'


def write(path: Path, count: int = 3) -> list[str]:
    """A plan of `count` pictures; its lines."""
    with writing(path) as writer:
        writer.put(HEAD)
        for n in range(count):
            writer.put({"id": f"p{n}", "sample": 0, "row": {"prompt": ODD}})
        writer.put({"totals": {"rows": count}})
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def refusal(path: Path) -> ManifestError:
    """What is wrong with the plan at `path`."""
    with pytest.raises(ManifestError) as caught:
        open_plan(path)
    return caught.value


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    """Heading, pictures and totals, odd characters included; the offsets lead to the lines."""
    path = tmp_path / "plan.jsonl"
    lines = write(path)
    plan = open_plan(path)
    assert (plan.head["manifest"], plan.totals) == ("shop.yaml", {"rows": 3})
    found = list(plan.lines())
    assert [(line.number, line.said["id"], line.said["row"]["prompt"]) for line in found] == [
        (2, "p0", ODD),
        (3, "p1", ODD),
        (4, "p2", ODD),
    ]
    assert [path.read_bytes()[line.offset :].split(b"\n")[0].decode() + "\n" for line in found] == lines[1:4]
    assert len(lines) == 5, "one line a record, whatever it holds"
    assert all(json.loads(line)["seal"] for line in lines)
    assert "\u202e" not in "".join(lines), "nothing that a terminal obeys"


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (lambda lines: [*lines[:2], lines[2].replace("p1", "p9"), *lines[3:]], 3, "not as it was written"),
        (lambda lines: [*lines[:2], *lines[3:]], 3, "or a line before it is missing"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2, "not as it was written"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3, "not as it was written"),
        (lambda lines: [lines[0].replace("shop", "shoe"), *lines[1:]], 1, "not as it was written"),
        (lambda lines: ['{"imagegen_plan": 1}\n', *lines[1:]], 1, "not as it was written"),
        (lambda lines: lines[:3], 3, "the plan ends here without its totals"),
        (lambda lines: [*lines[:3], lines[3][:40]], 4, "the plan ends within this line"),
        (lambda lines: [lines[0][:30]], 1, "the plan ends within this line"),
        (lambda lines: [*lines, lines[2]], 6, "not as it was written"),
        (lambda lines: [*lines[:4], lines[4].replace("3", "4", 1)], 5, "not as it was written"),
    ],
    ids=[
        "edited",
        "removed",
        "swapped",
        "twice",
        "heading",
        "other-heading",
        "cut",
        "half",
        "head-half",
        "more",
        "sum",
    ],
)
def test_a_change_is_found_at_its_line(tmp_path: Path, change: Any, line: int, what: str) -> None:
    """Edited, removed, moved or cut off: one error with file and line, and what to do."""
    path = tmp_path / "plan.jsonl"
    path.write_text("".join(change(write(path))), encoding="utf-8")
    problem = refusal(path)
    assert (problem.file, problem.line) == (str(path), line)
    assert what in str(problem)
    assert "copy it again, or plan anew: imagegen plan" in problem.todo


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    """A checkout with CRLF and an editor's empty last line change nothing."""
    path = tmp_path / "plan.jsonl"
    path.write_bytes("".join(write(path)).replace("\n", "\r\n").encode() + b"\r\n")
    assert [line.said["id"] for line in open_plan(path).lines()] == ["p0", "p1", "p2"]


def test_lines_after_the_totals_are_none_of_ours(tmp_path: Path) -> None:
    """Two plans in one file, one after the other, are no plan."""
    path = tmp_path / "plan.jsonl"
    with writing(path) as writer:
        for said in (HEAD, {"totals": {}}, {"id": "p", "sample": 0}):
            writer.put(said)
    assert (refusal(path).line, "after the totals" in str(refusal(path))) == (3, True)


def test_a_later_format_is_not_read(tmp_path: Path) -> None:
    """A plan of a format that is not known yet says so."""
    path = tmp_path / "plan.jsonl"
    with writing(path) as writer:
        writer.put(HEAD | {"imagegen_plan": FORMAT + 1})
    assert f"a plan of format {FORMAT + 1}" in str(refusal(path))


def test_only_plans_are_plans(tmp_path: Path) -> None:
    """A table of rows in JSON Lines is a manifest; what is not there or a folder is neither."""
    rows, plan = tmp_path / "rows.jsonl", tmp_path / "plan.jsonl"
    rows.write_text('{"prompt": "a mug", "imagegen_plan": 1}\n')
    write(plan)
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text('\ufeff { "imagegen_plan" : 1}\n')
    assert [is_plan(each) for each in (rows, plan, spaced, tmp_path, tmp_path / "none")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert (plan_output(plan), plan_output(rows)) == (Path("out/shop"), None)
    for path, what in ((rows, "is no plan"), (tmp_path / "none", "is not there")):
        with pytest.raises(UsageError, match=what):
            open_plan(path)


def test_a_plan_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """What fails while planning leaves the earlier plan, and no other file."""
    path = tmp_path / "plan.jsonl"
    before = write(path)

    def begin(problem: Exception) -> None:
        with writing(path) as writer:
            writer.put(HEAD)
            raise problem

    with pytest.raises(ManifestError, match="no prompt"):
        begin(ManifestError("rows.csv", 7, 1, "no prompt"))
    assert path.read_text(encoding="utf-8").splitlines(keepends=True) == before
    assert [each.name for each in tmp_path.iterdir()] == ["plan.jsonl"]


def test_a_link_to_a_plan_stays_a_link(tmp_path: Path) -> None:
    """The file that the link leads to is replaced."""
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "plan.jsonl")
    write(tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert open_plan(tmp_path / "plan.jsonl").totals == {"rows": 3}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("rows.yaml", "a file that is no plan is there"),
        ("folder", "is a folder"),
        ("none/plan.jsonl", "there is no folder"),
    ],
)
def test_only_a_plan_is_replaced(tmp_path: Path, name: str, what: str) -> None:
    """A manifest is not overwritten by a slip of the hand."""
    (tmp_path / "rows.yaml").write_text("imagegen: 1\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=what):
        write(tmp_path / name)
    assert (tmp_path / "rows.yaml").read_text() == "imagegen: 1\n"


def test_an_empty_file_may_become_a_plan(tmp_path: Path) -> None:
    """As mktemp leaves one."""
    (tmp_path / "plan.jsonl").touch()
    assert len(write(tmp_path / "plan.jsonl")) == 5


def test_a_full_disk_is_said_in_a_line() -> None:
    """What cannot be written is a StorageError, and no traceback from closing the file."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    from imagegen.planfile import Writer

    with pytest.raises(StorageError, match="the disk is full"), full.open("wb", buffering=0) as file:
        Writer(file, "/dev").put(HEAD)


def test_the_way_to_a_new_plan(tmp_path: Path) -> None:
    """Errors name the command that makes the plan again."""
    assert PlanFile(tmp_path / "p.jsonl", HEAD, {}).anew == f"plan anew: imagegen plan shop.yaml -o {tmp_path}/p.jsonl"
