"""As much of a GitHub Actions runner as the example's workflow needs: jobs, steps, conditions, caches, artifacts.

`run:` steps are run by bash in a workspace, as the service does; the actions that it uses are acted out on folders.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

#: Stands in for `gh`: notes what it is asked and the body it is given.
GH = """#!/bin/sh
printf 'gh %s\\n' "$*" >> "$GH_LOG"
while [ $# -gt 0 ]; do [ "$1" = --body-file ] && cat "$2" >> "$GH_LOG"; shift; done
exit 0
"""
#: Stands in for the Python of the runner, which is asked to install what is here already.
PYTHON = """#!/bin/sh
[ "$*" = "-m pip install --quiet imagegen-batch==0.1.0" ]
"""
#: What the service says of the one pull request there is.
PULL_REQUEST = {"number": 7, "base": {"sha": "main"}, "head": {"repo": {"full_name": "us/shop"}}}
_WORD = re.compile(r"'[^']*'|[A-Za-z_][\w.-]*(?:\(\))?")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


@dataclass
class Step:
    """What became of a step: success, failure or skipped."""

    name: str
    outcome: str
    printed: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """What became of a job."""

    steps: dict[str, Step]
    summary: str
    asked: str
    artifacts: dict[str, set[str]]

    @property
    def green(self) -> bool:
        """Whether the service would show it as passed."""
        return all(step.outcome != "failure" for step in self.steps.values())

    @property
    def printed(self) -> str:
        """Everything that its steps printed."""
        return "".join(step.printed for step in self.steps.values())


class Service:
    """A repository's workflow, its caches, and the files of its branches: `main` and, for pull requests, `head`."""

    def __init__(self, folder: Path, example: Path, secrets: Mapping[str, str], runner: Mapping[str, str]) -> None:
        self.folder, self.secrets, self.runner = folder, secrets, dict(runner)
        self.main, self.head = folder / "main", folder / "head"
        shutil.copytree(example, self.main)
        shutil.copytree(example, self.head)
        self.caches: dict[str, Path] = {}
        self.runs = 0
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name, script in (("gh", GH), ("python", PYTHON)):
            (self.tools / name).write_text(script)
            (self.tools / name).chmod(0o755)

    @property
    def workflow(self) -> dict[str, Any]:
        """The workflow as it stands on `main`."""
        return yaml.safe_load((self.main / ".github/workflows/catalogue.yml").read_text())

    def dispatch(self, event: str, broken: Mapping[str, str] | None = None, **inputs: bool) -> Job:
        """Run the one job that is for `event`. `broken`: step -> script to run in place of its own."""
        self.runs += 1
        github = {
            "event_name": event,
            "ref": "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main",
            "run_id": str(self.runs),
            "run_attempt": "1",
            "repository": "us/shop",
            "server_url": "https://github.example",
            "workspace": str(self.folder / "workspace"),
            "token": "gh-token",
            "event": {
                "pull_request": {"number": 7, "base": {"sha": "main"}, "head": {"repo": {"full_name": "us/shop"}}}
            },
        }
        context = {"github": github, "inputs": inputs, "secrets": self.secrets, "steps": {}}
        (job,) = [job for job in self.workflow["jobs"].values() if _holds(job["if"], context, True)]
        return _Run(self, job, context, broken or {}).run()


class _Run:
    """One run of one job in an empty workspace, which has the same path every time."""

    def __init__(self, service: Service, job: Any, context: dict[str, Any], broken: Mapping[str, str]) -> None:
        self.service, self.job, self.context, self.broken = service, job, context, broken
        self.space, self.temp = service.folder / "workspace", service.folder / "temp"
        for folder in (self.space, self.temp):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        self.artifacts: dict[str, set[str]] = {}
        self.green = True

    def run(self) -> Job:
        steps = {}
        for step in self.job["steps"]:
            done = steps[step["name"]] = self.step(step)
            self.green &= done.outcome != "failure"
            if "id" in step:
                self.context["steps"][step["id"]] = {"outcome": done.outcome, "outputs": done.outputs}
        return Job(steps, self.read("summary"), self.read("gh"), self.artifacts)

    def step(self, step: dict[str, Any]) -> Step:
        if not _holds(step.get("if", "success()"), self.context, self.green):
            return Step(step["name"], "skipped")
        if "uses" in step:
            return self.action(step)
        return self.script(step)

    def script(self, step: dict[str, Any]) -> Step:
        assert "${{" not in step["run"], "what stands in an expression must not become shell"
        output = self.temp / "output"
        output.write_text("")
        (self.temp / "script.sh").write_text(self.broken.get(step["name"], step["run"]))
        said = [self.service.workflow["env"], self.job.get("env", {}), step.get("env", {})]
        environment = self.environment() | {name: self.filled(value) for part in said for name, value in part.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", self.temp / "script.sh"],
            cwd=self.space,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return Step(step["name"], "failure" if done.returncode else "success", done.stdout, outputs, environment)

    def environment(self) -> dict[str, str]:
        bins = [str(self.service.tools), str(Path(sys.executable).parent), os.environ["PATH"]]
        return {
            "PATH": os.pathsep.join(bins),
            "HOME": str(self.service.folder),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_WORKSPACE": str(self.space),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "GH_LOG": str(self.temp / "gh"),
        } | self.service.runner

    def action(self, step: dict[str, Any]) -> Step:
        name, given = step["uses"].partition("@")[0], step.get("with", {})
        given = {key: self.filled(value) for key, value in given.items()}
        outputs: dict[str, str] = {}
        if name == "actions/checkout":
            branch = self.service.main if self.branch(given) == "main" else self.service.head
            shutil.copytree(branch, self.space / given.get("path", "."), dirs_exist_ok=True)
        elif name == "actions/cache/restore":
            outputs = self.restore(given)
        elif name == "actions/cache/save":
            self.save(given)
        elif name == "actions/upload-artifact":
            found = self.space / given["path"]
            self.artifacts[given["name"]] = {
                str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()
            }
        else:
            assert name == "actions/setup-python", f"nobody here knows {name}"
        return Step(step["name"], "success", outputs=outputs)

    def branch(self, given: Mapping[str, str]) -> str:
        return given.get("ref") or ("head" if self.context["github"]["event_name"] == "pull_request" else "main")

    def restore(self, given: Mapping[str, str]) -> dict[str, str]:
        caches = self.service.caches
        newest = [key for key in reversed(caches) if key.startswith(given["restore-keys"].strip())]
        key = given["key"] if given["key"] in caches else next(iter(newest), "")
        if key:
            shutil.copytree(caches[key], self.space / given["path"])
        return {"cache-matched-key": key}

    def save(self, given: Mapping[str, str]) -> None:
        key = given["key"]
        assert key not in self.service.caches, "a cache is never written twice"
        if (self.space / given["path"]).exists():
            self.service.caches[key] = self.service.folder / "caches" / key
            shutil.copytree(self.space / given["path"], self.service.caches[key])

    def filled(self, value: Any) -> str:
        """`value` with its expressions evaluated."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return _EXPRESSION.sub(lambda found: _text(_value(found[1], self.context, self.green)), text)

    def read(self, name: str) -> str:
        path = self.temp / name
        return path.read_text() if path.exists() else ""


def _holds(condition: str, context: Mapping[str, Any], green: bool) -> bool:
    """A condition as the service reads it: one that asks for no status holds only while all went well."""
    asks = re.search(r"\b(always|failure|success|cancelled)\(\)", condition)
    return bool(_value(condition, context, green)) and (asks is not None or green)


def _value(expression: str, context: Mapping[str, Any], green: bool) -> Any:
    """The value of an expression made of names, texts, ==, !=, && and ||."""
    status = {"always()": True, "success()": green, "failure()": not green}

    def word(found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith("'"):
            return repr(text[1:-1])
        return repr(status[text] if text in status else _looked_up(text, context))

    python = _WORD.sub(word, expression.strip()).replace("&&", " and ").replace("||", " or ")
    return eval(python, {"__builtins__": {}})  # texts, names looked up and operators only


def _looked_up(name: str, context: Any) -> Any:
    for part in name.split("."):
        context = context.get(part) if isinstance(context, Mapping) else None
    return "" if context is None else context


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
