"""`imagegen doctor`: what it says of a sound machine and of broken ones, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from imagegen.doctor import books, places, services, software
from imagegen.ledger import schema
from imagegen.settings import KEY_VARIABLES
from tests.cli.conftest import Imagegen
from tests.cloud import Cloud

KEY = "sk-test-of-the-doctor"
MANIFEST = "imagegen: 1\nrows: [{id: mug, prompt: A mug, use_case: product_shot}]\n"


@dataclass(frozen=True)
class Seen:
    """What came of one call with --json."""

    code: int
    findings: list[dict[str, Any]]

    def of(self, about: str, state: str | None = None) -> list[str]:
        """The texts about one thing."""
        return [
            f"{each['text']}; {each['mend']}" if each["mend"] else each["text"]
            for each in self.findings
            if each["about"] == about and state in (None, each["state"])
        ]

    @property
    def problems(self) -> set[str]:
        """What has a problem."""
        return {each["about"] for each in self.findings if each["state"] == "problem"}


Doctor = Callable[..., Seen]


@pytest.fixture
def doctor(imagegen: Imagegen) -> Doctor:
    """`imagegen doctor --json`; its last line adds the others up, and no key is in what it says."""

    def run(*words: str | Path, **env: str) -> Seen:
        said = imagegen("doctor", *words, "--json", **env)
        assert said.stderr == ""
        assert KEY not in said.stdout
        *findings, last = [json.loads(line) for line in said.stdout.splitlines()]
        states = [each["state"] for each in findings]
        assert last == {
            "event": "doctor",
            "exit_code": said.returncode,
            "notes": states.count("note"),
            "problems": states.count("problem"),
        }
        assert all(each["mend"] for each in findings if each["state"] == "problem")
        assert said.returncode == (2 if "problem" in states else 0)
        return Seen(said.returncode, findings)

    return run


def test_a_sound_machine(doctor: Doctor, tmp_path: Path, home: Path) -> None:
    """With a key there is nothing to mend, and nothing was made: no home, no output, no file."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    before = sorted(tmp_path.rglob("*"))
    seen = doctor("m.yaml", OPENAI_API_KEY=KEY)
    assert (seen.code, seen.problems) == (0, set())
    assert seen.of("keys") == ["openai: OPENAI_API_KEY"]
    assert seen.of("providers", "ok") == ["openai: can be called"]
    assert seen.of("manifest") == ["m.yaml: 1 row, all can be made"]
    assert seen.of("ledger") == ["none yet: the first run makes it"]
    assert seen.of("home")[0].startswith(f"{home} (the first run makes it), ")
    assert seen.of("online") == []
    assert sorted(tmp_path.rglob("*")) == before


def test_for_people(imagegen: Imagegen) -> None:
    """A line for each finding: its state, what it is about, what was seen and what mends it; last the verdict."""
    said = imagegen("doctor")
    assert (said.returncode, said.stderr) == (2, "")
    *lines, gap, verdict = said.stdout.splitlines()
    assert (gap, verdict) == ("", "1 problem to mend before a run can work.")
    assert {line[:9].strip() for line in lines} == {"ok", "note", "problem"}
    (wrong,) = [line for line in lines if line.startswith("problem")]
    assert wrong[9:20].strip() == "providers"
    assert "OPENAI_API_KEY" in wrong
    assert imagegen("doctor", OPENAI_API_KEY=KEY).stdout.endswith("\n\nNothing stands in the way of a run.\n")


def test_keys_and_where_they_stand(doctor: Doctor, tmp_path: Path) -> None:
    """Names only: from the environment or the file beside the manifest; which of two counts; a misspelt one."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.yaml").write_text(MANIFEST)
    (tmp_path / "sub" / ".env").write_text(f"OPENAI_API_KEY={KEY}\nFAL_KEYS={KEY}\n")
    seen = doctor("sub/m.yaml", GOOGLE_API_KEY=KEY, GEMINI_API_KEY=KEY, OPEN_AI_API_KEY=KEY, OPENWEATHER_API_KEY=KEY)
    assert seen.of("keys", "ok") == [
        f"openai: OPENAI_API_KEY (in {tmp_path / 'sub' / '.env'})",
        "google: GOOGLE_API_KEY; not used: GEMINI_API_KEY",
    ]
    assert seen.of("keys", "note") == [
        "FAL_KEYS is set, and nobody reads it; did you mean FAL_KEY?",
        "OPEN_AI_API_KEY is set, and nobody reads it; did you mean OPENAI_API_KEY?",
    ]
    assert seen.code == 0
    spaced = doctor(OPENAI_API_KEY=f"{KEY} and more")
    assert spaced.problems == {"keys"}
    assert "holds a space" in spaced.of("keys", "problem")[0]


def test_why_a_provider_is_left_out(doctor: Doctor, tmp_path: Path) -> None:
    """Not listed, no key, not known to this version; and an address of one's own, without what stands before @."""
    (tmp_path / "m.yaml").write_text(f"{MANIFEST}providers: [fal]\n")
    seen = doctor("m.yaml", OPENAI_API_KEY=KEY)
    assert any("openai" in text and "not listed under providers" in text for text in seen.of("providers", "note"))
    assert {"providers", "manifest"} <= seen.problems
    seen = doctor(OPENAI_BASE_URL=f"http://me:{KEY}@127.0.0.1:9/v1")
    assert seen.of("providers", "ok") == ["openai: can be called, asked at 127.0.0.1:9"]


def test_placeholders_need_nothing(doctor: Doctor, tmp_path: Path) -> None:
    """A manifest that asks for placeholders can be run without a key."""
    (tmp_path / "m.yaml").write_text(f"{MANIFEST}provider: placeholder\n")
    seen = doctor("m.yaml")
    assert (seen.code, seen.of("manifest")) == (0, ["m.yaml: 1 row, all can be made"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "imagegen: 1\nrows: [{prompt: A, usecase: x}]\n",
            "m.yaml:2:20: unknown field usecase; did you mean use_case?",
        ),
        ("imagegen: 1\nrows: [{prompt: A, model: flux-dev}]\n", "1 of its pictures cannot be made"),
        ("imagegen: 1\nrows: [{prompt: A, use_case: heroo}]\n", "unknown use case 'heroo'"),
    ],
)
def test_a_manifest_that_cannot_be_run(text: str, says: str, doctor: Doctor, tmp_path: Path) -> None:
    """Its first error with its place, or how many pictures cannot be made; the rest is looked at all the same."""
    (tmp_path / "m.yaml").write_text(text)
    seen = doctor("m.yaml", OPENAI_API_KEY=KEY)
    assert seen.problems == {"manifest"}
    assert says in seen.of("manifest")[0]
    assert seen.of("ledger")
    assert doctor("nowhere.yaml", OPENAI_API_KEY=KEY).problems == {"manifest"}


def test_settings_that_are_wrong(doctor: Doctor, home: Path) -> None:
    """The settings' own error, and the rest is looked at with what is built in."""
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("workerz: 3\n")
    seen = doctor(OPENAI_API_KEY=KEY)
    assert "unknown key workerz" in seen.of("settings")[0]
    assert "settings" in seen.problems
    assert seen.of("ledger")


def test_certificates(doctor: Doctor, tmp_path: Path) -> None:
    """Which file counts; one that is not there, and one that holds none; the proxy, without its password."""
    seen = doctor(OPENAI_API_KEY=KEY, SSL_CERT_FILE="/nowhere/ca.pem")
    assert seen.of("trust", "problem")[0].startswith("SSL_CERT_FILE names /nowhere/ca.pem, which is not there")
    (tmp_path / "ca.pem").write_text("not one")
    assert doctor(OPENAI_API_KEY=KEY, SSL_CERT_FILE=str(tmp_path / "ca.pem")).problems == {"trust"}
    seen = doctor(OPENAI_API_KEY=KEY, HTTPS_PROXY=f"http://me:{KEY}@proxy.example:3128")
    assert seen.of("trust", "note") == ["calls go through the proxy proxy.example:3128 (HTTPS_PROXY)"]


def test_places_that_cannot_be_used(doctor: Doctor, tmp_path: Path, home: Path) -> None:
    """A file where a folder is wanted."""
    home.write_text("a file")
    (tmp_path / "out").write_text("a file")
    seen = doctor(OPENAI_API_KEY=KEY)
    assert {"home", "output"} <= seen.problems
    assert "cannot be a folder" in seen.of("home", "problem")[0]


def test_a_home_open_to_others(doctor: Doctor, home: Path) -> None:
    """Said, with the command; the next run does it."""
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    assert doctor(OPENAI_API_KEY=KEY).of("home", "note") == [
        f"{home} is open to others; the next run closes it; chmod 700 {home}"
    ]


def test_the_file_system_is_told(tmp_path: Path) -> None:
    """The longest mount that holds the folder; spaces in names are written \\040."""
    mounts = tmp_path / "mounts"
    work = tmp_path / "my work"
    (work / "home").mkdir(parents=True)
    place = str(work).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {place} nfs4 rw 0 0\nshort line\n")
    assert places.file_system(work / "home", str(mounts)) == "nfs4"
    assert places.file_system(tmp_path, str(mounts)) == "ext4"
    assert places.file_system(tmp_path, str(tmp_path / "none")) == ""


def test_writing_and_locking_are_tried(tmp_path: Path) -> None:
    """Without leaving a file; a folder that may not be written to is told."""
    before = os.stat(tmp_path).st_mtime_ns
    assert places.tried(tmp_path) == ""
    assert (list(tmp_path.iterdir()), os.stat(tmp_path).st_mtime_ns) == ([], before)
    if Path("/proc/self").exists():
        assert places.tried(Path("/proc/self")) != ""


@pytest.fixture
def ledger(home: Path) -> Path:
    """A ledger with one run, two settled calls, one unknown and one open; nobody has it open."""
    home.mkdir(mode=0o700)
    path = home / "ledger.db"
    with closing(schema.connect(path)) as connection:
        now = time.time()
        connection.execute(
            "INSERT INTO runs VALUES ('r', 'c', 'm.yaml', '{}', 'over', ?, ?, 0, 1, 'here', NULL)", (now - 60, now)
        )
        for number, state in enumerate(("done", "free", "unknown", "sent")):
            connection.execute(
                "INSERT INTO attempts (id, run, collection, provider, model, state, number, images, reserved, estimate,"
                " minute, day, opened) VALUES (?, 'r', 'c', 'openai', 'm', ?, 1, 1, 5, 5, 0, '2026-11-22', ?)",
                (str(number), state, now),
            )
    return path


def test_the_ledger_and_what_it_has_open(doctor: Doctor, ledger: Path) -> None:
    """Counted, with the commands for it; SQLite's own files are not made by looking."""
    before = {path.name: path.stat().st_mtime_ns for path in ledger.parent.iterdir()}
    seen = doctor(OPENAI_API_KEY=KEY)
    assert (seen.code, seen.of("ledger", "ok")) == (0, [f"{ledger}: 1 run, 2 settled calls"])
    assert seen.of("ledger", "note") == [
        "1 call may have been charged and nobody knows; `imagegen unknown` lists them",
        "1 call is open: of a run at work, or left by one that died; `imagegen resume` goes on where it stopped",
    ]
    assert {path.name: path.stat().st_mtime_ns for path in ledger.parent.iterdir()} == before


def test_a_ledger_that_somebody_writes(ledger: Path, doctor: Doctor) -> None:
    """Read beside the writer, and what it has committed counts."""
    with closing(schema.connect(ledger)) as writer:
        writer.execute("UPDATE attempts SET state = 'done' WHERE state = 'unknown'")
        assert doctor(OPENAI_API_KEY=KEY).of("ledger", "ok") == [f"{ledger}: 1 run, 3 settled calls"]


def test_ledgers_that_cannot_be_used(doctor: Doctor, ledger: Path) -> None:
    """A newer one, and a file that is none: one line each, and what to do."""
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA user_version=99")
    seen = doctor(OPENAI_API_KEY=KEY)
    assert seen.problems == {"ledger"}
    assert "newer imagegen (version 99" in seen.of("ledger")[0]
    ledger.write_bytes(b"no database at all" * 100)
    seen = doctor(OPENAI_API_KEY=KEY)
    assert seen.problems == {"ledger"}
    assert "cannot be used" in seen.of("ledger")[0]


def test_a_clock_that_is_behind(doctor: Doctor, ledger: Path) -> None:
    """Behind the ledger's last use, or the day that the prices were read."""
    future = time.time() + 3 * 86400
    os.utime(ledger, (future, future))
    seen = doctor(OPENAI_API_KEY=KEY)
    assert seen.problems == {"clock"}
    assert "but the ledger was last used on" in seen.of("clock")[0]
    early = books.clock(ledger.parent / "none", date(2026, 11, 22), now=1_500_000_000.0)
    assert (early.state, "prices were read on 2026-11-22" in early.text) == ("problem", True)
    assert books.clock(ledger.parent / "none", date(2026, 11, 22), now=1_900_000_000.0).state == "ok"


def test_packages_come_from_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each needed one with its version; a missing one is a problem with the command that mends it; extras are not
    missed."""
    (found,) = software.packages()
    assert found.state == "ok"
    assert "typer " in found.text
    assert "torch" not in found.text
    needs = ["typer>=0.29", "nosuchthing[x]>=2,<3", "torch>=2; extra == 'local'"]
    monkeypatch.setattr(software.metadata, "requires", lambda name: needs)
    wrong, rest = software.packages()
    assert (wrong.state, wrong.text) == ("problem", "missing: nosuchthing >=2,<3")
    assert wrong.mend.endswith("-m pip install nosuchthing")
    assert rest.text.startswith("typer ")


def test_a_gpu_is_listed(tmp_path: Path, doctor: Doctor) -> None:
    """As nvidia-smi tells; a driver that fails is no GPU."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034 MiB, 570.1'\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert doctor(PATH=path, OPENAI_API_KEY=KEY).of("gpu")[0].startswith("NVIDIA L4, 23034 MiB, 570.1; ")
    program.write_text("#!/bin/sh\necho 'no driver'\nexit 9\n")
    assert doctor(PATH=path, OPENAI_API_KEY=KEY).of("gpu")[0].startswith("none found")


def test_asking_costs_nothing(doctor: Doctor) -> None:
    """One question to the provider that can be called, and no charge."""
    with Cloud() as cloud:
        seen = doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=cloud.base_url)
        assert (seen.code, cloud.bill, len(cloud.requests)) == (0, 0, 0)
    (said,) = seen.of("online", "ok")
    assert said.startswith("openai: 127.0.0.1 answers in ")
    assert said.endswith("and takes the key")


@contextmanager
def server(status: int, when: float | None = None) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every GET with `status`, its clock showing `when`; its address, and what was asked."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response_only(status)
            self.send_header("Date", formatdate(when, usegmt=True))
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{found.server_port}/v1", asked
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


@pytest.mark.parametrize(
    ("status", "state", "says"),
    [
        (401, "problem", "refuses the key (401); check OPENAI_API_KEY"),
        (429, "note", "asks for patience"),
        (503, "note", "is in trouble (503)"),
        (404, "note", "has no list of models (404)"),
        (302, "note", "has no list of models (302)"),
    ],
)
def test_what_a_provider_answers(status: int, state: str, says: str, doctor: Doctor) -> None:
    """A bad key is a problem; limits and outages pass. A redirection is not followed: the key stays here."""
    with server(status) as (address, asked):
        seen = doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address)
    assert asked == [f"/v1/models Bearer {KEY}"]
    (said,) = seen.of("online", state)
    assert says in said


def test_a_provider_that_is_not_there(doctor: Doctor) -> None:
    """Nobody listens; somebody who speaks no TLS. Each one line that names the host."""
    gone = doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert gone.problems == {"online"}
    assert gone.of("online")[0].startswith("openai: 127.0.0.1 cannot be reached: ")
    with server(200) as (address, _):
        plain = doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address.replace("http:", "https:"))
    assert plain.problems == {"online"}


def test_a_clock_that_differs_from_the_providers(doctor: Doctor) -> None:
    """By an hour is a problem, by some seconds is none."""
    with server(200, time.time() + 3600) as (address, _):
        seen = doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address)
    assert seen.of("clock", "problem")[0].startswith("it is 60 minutes behind that of 127.0.0.1")
    with server(200, time.time() - 20) as (address, _):
        assert doctor("--online", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address).code == 0


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("OPENAI_API_TOKEN", "OPENAI_API_KEY"),
        ("BFL_KEY", "BFL_API_KEY"),
        ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
        ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
        ("OPENWEATHER_API_KEY", None),
        ("OPENROUTER_API_KEY", None),
        ("OPENAI_ORG_ID", None),
        ("KEY", None),
    ],
)
def test_what_a_variable_was_meant_to_be(name: str, meant: str | None) -> None:
    """The same company by another name; never another company."""
    known = {each for names in KEY_VARIABLES.values() for each in names}
    assert services._meant(name, known) == meant


def test_hosts_are_shown_without_passwords() -> None:
    """Whatever is written as an address."""
    assert services._host("http://me:secret@proxy.example:3128/x") == "proxy.example:3128"
    assert services._host("proxy.example:3128") == "proxy.example:3128"
    assert services._host("http://proxy.example:port") == "proxy.example"
