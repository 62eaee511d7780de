"""The CI example: its workflow, step by step, against the local server, with the home carried from run to run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.ciworkflow import Job, Service
from e2e.conftest import ROOT, Books
from tests.cloud import Cloud

EXAMPLE = ROOT / "examples" / "ci-catalogue"
WORKFLOW = EXAMPLE / ".github/workflows/catalogue.yml"
KEY = "sk-test-ci-catalogue"
FIVE = {"K-101.webp", "K-102.webp", "K-103.webp", "B-201.webp", "B-202.webp"}

#: A first run, and one without the look at the models, which takes its time.
NEW = {"new-home": True}
QUICK = {"Models": "true"}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the service runs steps in bash")


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server."""
    with Cloud() as cloud:
        yield cloud


@pytest.fixture
def service(tmp_path: Path, cloud: Cloud) -> Service:
    """A repository with the example in it, whose jobs reach the local server in OpenAI's place."""
    return Service(tmp_path, EXAMPLE, {"OPENAI_API_KEY": KEY}, {"OPENAI_BASE_URL": cloud.base_url})


def published(job: Job) -> set[str]:
    """The pictures that a job published."""
    return {name for name in job.artifacts.get("pictures", ()) if name.endswith(".webp")}


def books(service: Service) -> Books:
    """The ledger of the home that was kept last."""
    return Books(next(reversed(service.caches.values())) / "ledger.db")


def change(folder: Path, old: str, new: str) -> None:
    """Edit the product table of a branch."""
    text = (folder / "products.csv").read_text()
    assert old in text
    (folder / "products.csv").write_text(text.replace(old, new))


def test_the_second_run_has_everything_and_buys_nothing(service: Service, cloud: Cloud) -> None:
    """The first run is begun by hand; the next, in an empty workspace, publishes the same pictures for nothing; a
    new product is bought alone."""
    first = service.dispatch("workflow_dispatch", **NEW)
    assert first.green, first.printed
    assert (published(first), len(cloud.charges)) == (FIVE, 5)
    assert "imagegen: catalogue" in first.summary
    assert "catalogue.yaml on 20" in first.summary, "the models are told too"
    assert KEY not in first.printed + first.summary + first.asked

    again = service.dispatch("schedule")
    assert again.green, again.printed
    assert (published(again), len(cloud.charges)) == (FIVE, 5)

    change(service.main, "clear,Kitchen,draft", "clear,Kitchen,active")
    more = service.dispatch("push")
    assert (published(more), len(cloud.charges)) == (FIVE | {"K-104.webp"}, 6)
    assert books(service).spent == cloud.bill


def test_a_step_that_fails_in_the_middle_loses_nothing(service: Service, cloud: Cloud) -> None:
    """What was bought before a failure is kept, and the next run does not buy it again."""
    broken = service.dispatch("workflow_dispatch", QUICK | {"Make": MAKE_AND_FAIL}, **NEW)
    assert not broken.green
    assert broken.steps["Make"].outcome == "failure"
    assert broken.steps["Publish"].outcome == "skipped"
    assert (len(cloud.charges), books(service).spent) == (5, cloud.bill)
    after = service.dispatch("schedule", QUICK)
    assert after.green, after.printed
    assert (published(after), len(cloud.charges)) == (FIVE, 5)


MAKE_AND_FAIL = 'imagegen run "$MANIFEST" --output out/catalogue && exit 1\n'


def test_a_provider_that_stops_is_waited_for(service: Service, cloud: Cloud) -> None:
    """Exit 5: what was bought is kept and published, the job is green, and the next run makes the rest."""
    cloud.faults.script([{"kind": "bad_key", "prompt": "Blanket", "times": 1}])
    job = service.dispatch("workflow_dispatch", QUICK, **NEW)
    assert job.green, job.printed
    assert job.steps["Make"].outputs == {"code": "5", "publish": "true"}
    assert len(published(job)) == len(cloud.charges) < 5
    after = service.dispatch("schedule", QUICK)
    assert (published(after), len(cloud.charges)) == (FIVE, 5)
    assert books(service).spent == cloud.bill


def test_a_budget_that_is_used_up_is_no_failure(service: Service, cloud: Cloud) -> None:
    """Exit 4: what is made is published, and the job is green."""
    service.runner["IMAGEGEN_BUDGET_RUN"] = "0.04"
    job = service.dispatch("workflow_dispatch", QUICK, **NEW)
    assert job.green, job.printed
    assert job.steps["Make"].outputs == {"code": "4", "publish": "true"}
    assert 0 < len(published(job)) == len(cloud.charges) < 5


def test_unknown_charges_raise_an_alarm(service: Service, cloud: Cloud) -> None:
    """Exit 6: the rest is published, an issue says which picture it is, the job is red, nothing is bought twice."""
    cloud.faults.script([{"kind": "cut_accepted", "prompt": "Blanket", "times": 1}])
    job = service.dispatch("workflow_dispatch", QUICK, **NEW)
    assert not job.green
    assert job.steps["Make"].outputs["code"] == "6"
    assert published(job) == FIVE - {"B-201.webp"}
    assert "gh issue create --title Pictures that may have been charged and never arrived" in job.asked
    assert "B-201" in job.asked
    assert KEY not in job.printed + job.summary + job.asked
    service.dispatch("schedule", QUICK)
    assert len(cloud.charges) == 5


def test_nothing_is_bought_without_the_books(service: Service, cloud: Cloud) -> None:
    """No home is found and nobody asked for a new one: the job stops before it buys."""
    job = service.dispatch("push")
    assert not job.green
    assert "::error::No home was found" in job.printed
    assert job.steps["Make"].outcome == "skipped"
    assert not cloud.requests


def test_a_pull_request_is_told_what_it_changes(service: Service, cloud: Cloud) -> None:
    """The rows that change, what they cost and nothing else, as a comment and on the summary; made rows cost nothing;
    no key, no request, no home written."""
    service.dispatch("workflow_dispatch", QUICK, **NEW)
    change(service.head, "two deep pockets", "three deep pockets")
    change(service.head, "clear,Kitchen,draft", "clear,Kitchen,active")
    requests, kept = len(cloud.requests), list(service.caches)
    job = service.dispatch("pull_request")
    assert job.green, job.printed
    assert job.asked.startswith("gh pr comment 7 --edit-last --create-if-none --body-file changes.md\n")
    rows = re.findall(r"^\| (added|changed|gone|\w+) \| ([A-Z]-\d+)", job.asked, re.M)
    assert sorted(rows) == [("added", "K-104"), ("changed", "K-101")]
    assert "three deep pockets" in job.summary
    assert (len(cloud.requests), list(service.caches)) == (requests, kept)
    assert all(step.environment.get("OPENAI_API_KEY") in (None, "none") for step in job.steps.values())


def test_a_pull_request_with_a_retired_model_is_red(service: Service) -> None:
    """The comment is made all the same."""
    manifest = service.head / "catalogue.yaml"
    manifest.write_text(manifest.read_text().replace("use_case: product_shot", "model: dall-e-3"))
    job = service.dispatch("pull_request")
    assert [name for name, step in job.steps.items() if step.outcome == "failure"] == ["Models"]
    assert "dall-e-3" in job.steps["Models"].printed
    assert "use gpt-image-2.5-flare" in " ".join(job.steps["Models"].printed.split())
    assert "gh pr comment" in job.asked


def test_a_first_pull_request_is_told_the_price(service: Service) -> None:
    """Where the branch has no catalogue yet, the comment is the estimate."""
    (service.main / "catalogue.yaml").unlink()
    job = service.dispatch("pull_request")
    assert job.green, job.printed
    assert "for 5 pictures" in job.asked


@pytest.mark.parametrize(
    ("code", "word", "publishes", "green"),
    [
        (0, "notice", True, True),
        (1, "error", False, False),
        (2, "error", False, False),
        (3, "warning", True, True),
        (4, "notice", True, True),
        (5, "warning", True, True),
        (6, "error", True, True),  # the step that raises the alarm fails the job
        (7, "error", False, False),
        (8, "error", False, False),
        (9, "notice", True, True),
        (130, "warning", False, False),
        (143, "warning", False, False),
    ],
)
def test_exit_codes_are_told_apart(tmp_path: Path, code: int, word: str, publishes: bool, green: bool) -> None:
    """Every exit code has its own ending."""
    (tmp_path / "imagegen").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "imagegen").chmod(0o755)
    (make,) = [step for step in steps() if step["name"] == "Make"]
    done = subprocess.run(
        ["bash", "-e", "-c", make["run"]],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(tmp_path / "output"), "MANIFEST": "m"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.startswith(f"::{word}::"), done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == f"code={code}\n" + ("publish=true\n" if publishes else "")
    assert done.returncode == (0 if green else code)


def workflow() -> dict[Any, Any]:
    """The workflow; YAML 1.1 reads its `on` as true."""
    return yaml.safe_load(WORKFLOW.read_text())


def steps() -> list[dict[str, Any]]:
    """The steps of all jobs."""
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def test_the_workflow_is_of_the_services_form() -> None:
    """The schema that editors use accepts it."""
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", "vendor.github-workflows", WORKFLOW], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_workflow_is_careful() -> None:
    """Actions are pinned to commits, jobs may do what they need and no more, the key reaches only steps that need it,
    the home is kept whatever happens, and no two runs of a branch overlap."""
    said = workflow()
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps() if "uses" in step)
    assert said["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in said["jobs"].items()} == {
        "plan": {"contents": "read", "pull-requests": "write"},
        "make": {"contents": "read", "issues": "write"},
    }
    assert said["concurrency"] == {"group": "catalogue-${{ github.ref }}", "cancel-in-progress": False}
    keyed = {step["name"] for step in steps() if "secrets." in str(step)}
    assert keyed == {"Make", "Models"}
    assert "secrets." not in str(said["jobs"]["plan"])
    (keep,) = [step for step in steps() if "cache/save" in step.get("uses", "")]
    assert keep["if"].startswith("always()")
    assert all("${{" not in step.get("run", "") for step in steps()), "an expression in a script is an injection"
    assert all(not step["with"]["persist-credentials"] for step in steps() if "checkout" in step.get("uses", ""))
