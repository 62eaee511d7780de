"""`imagegen resume`: the same manifest, the same flags, from wherever one stands."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cloud import Cloud
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Write, environment, files, manifest, pictures


def test_resume_repeats_the_manifest_and_its_flags(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, home: Path, books: Books
) -> None:
    """From another folder the latest run goes on in its own: model, budget, output and catalogue are those that were
    said, and the new run can be resumed in its turn."""
    write("own.yaml", "models: {dall-e-3: {title: Mine}}\n")
    rows = [f"id: p{n}, prompt: Picture {n}" for n in range(5)]
    write("shop/rows.yaml", manifest(*rows))
    flags = ["--model", "dall-e-3", "--budget", "0.09", "-o", "there", "--catalog", "own.yaml", "--workers", "2"]
    first = paid("run", "shop/rows.yaml", *flags, "--json")
    assert (first.code, first.summary["made"]) == (4, 2)
    (tmp_path / "elsewhere").mkdir()
    env = environment(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=cloud.base_url)
    done = subprocess.run(
        [PROGRAM, "resume", "--json"], env=env, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["kept"], summary["made"], summary["skipped"]) == (2, 2, 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    last = paid("resume", summary["run"][:6], "--json")
    assert (last.code, last.summary["kept"], last.summary["made"]) == (0, 4, 1), last.err
    assert files(tmp_path / "there") == {f"p{n}.png" for n in range(5)}
    assert {charge.model for charge in cloud.charges} == {"dall-e-3"}
    assert len(cloud.charges) == 5
    assert books.ask("SELECT COUNT(DISTINCT flags) FROM runs") == 1


def test_resume_by_id_takes_that_run(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Another run in between does not matter, and --redo is not repeated: what was made anew stays made."""
    write("one.yaml", manifest(*pictures(2)))
    write("two.yaml", manifest("id: cup, prompt: A cup, provider: placeholder"))
    assert paid("run", "one.yaml").code == 0
    again = paid("run", "one.yaml", "--redo", "p0", "--json")
    assert again.states == {"p0": "made", "p1": "kept"}
    assert paid("run", "two.yaml").code == 0
    resumed = paid("resume", again.summary["run"], "--json")
    assert (resumed.code, resumed.states) == (0, {"p0": "kept", "p1": "kept"})
    assert len(cloud.charges) == 3
    assert paid("resume", "--json").summary["output"].endswith("one"), "the latest run is the resumed one"


def test_what_cannot_be_resumed_is_said_in_a_line(imagegen: Imagegen, write: Write, tmp_path: Path, home: Path) -> None:
    """No run at all, no such run, and a manifest that is gone: exit 2; an empty home stays empty."""
    ran = imagegen("resume")
    assert (ran.code, ran.errors) == (
        2,
        ["error: there is no run to resume in this home; imagegen run MANIFEST starts one"],
    )
    assert not home.exists()
    write("rows.yaml", manifest("id: mug, prompt: A mug, provider: placeholder"))
    assert imagegen("run", "rows.yaml").code == 0
    ran = imagegen("resume", "no-such-run")
    assert ran.code == 2
    assert ran.errors == ["error: no run is called 'no-such-run', or several begin so; give its whole id"]
    (tmp_path / "rows.yaml").unlink()
    ran = imagegen("resume")
    assert ran.code == 2
    assert len(ran.errors) == 1
    assert "rows.yaml" in ran.err
