"""What is wrong is said in one line, with the right exit code, before anything is spent or made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Books, Imagegen, Ran, Write, files, manifest

GOOD = manifest("id: mug, prompt: A mug")
CSV = "id,prompt\nmug,A mug\n"

#: name -> (file name, what stands in it, what the line says, place included)
FILES: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "empty YAML": ("m.yaml", "", ("m.yaml:1:1: the manifest is empty",)),
    "empty CSV": ("m.csv", "", ("m.csv", "empty")),
    "no heading": ("m.yaml", "- {prompt: A mug}\n", ("m.yaml:1:1",)),
    "no version": ("m.yaml", "rows: []\n", ("`imagegen` is missing",)),
    "future version": ("m.yaml", "imagegen: 7\nrows: []\n", ("m.yaml:1:11", "only version 1")),
    "broken YAML": ("m.yaml", "imagegen: 1\nrows:\n  - {id: mug, prompt: [A mug\n", ("m.yaml:4",)),
    "tab": ("m.yaml", "imagegen: 1\nrows:\n\t- {prompt: A}\n", ("m.yaml:3:1",)),
    "duplicate key": ("m.yaml", "imagegen: 1\nrows: []\nrows: []\n", ("m.yaml:3:1", "rows")),
    "misspelt key": ("m.yaml", GOOD + "budgte: 5\n", ("m.yaml:4:1", "budgte", "did you mean budget?")),
    "misspelt field": ("m.yaml", manifest("promt: A mug"), ("m.yaml:3:6", "promt", "did you mean prompt?")),
    "code in YAML": ("m.yaml", GOOD + "lane: !!python/object/apply:os.system [touch owned]\n", ("m.yaml:4",)),
    "billion laughs": (
        "m.yaml",
        "imagegen: 1\ndefaults:\n  tags: &a [x, x]\nrows:\n"
        + "".join(f"  - &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        ("m.yaml",),
    ),
    "deep nesting": ("m.yaml", "imagegen: 1\nrows: " + "[" * 5000, ("m.yaml:2",)),
    "binary": ("m.yaml", b"\x89PNG\r\n\x1a\n\0\0\0", ("m.yaml",)),
    "not UTF-8": ("m.csv", "id,prompt\nmug,Caf\xe9\n".encode("latin-1"), ("m.csv:2", "UTF-8")),
    "no prompt column": ("m.csv", "id,text of it\nmug,A mug\n", ("m.csv:1", "prompt")),
    "column twice": ("m.csv", "id,prompt,prompt\nmug,A,B\n", ("m.csv:1", "prompt")),
    "too many cells": ("m.csv", CSV + "cup,A cup,and more\n", ("m.csv:3",)),
    "open quote": ("m.csv", CSV + 'cup,"A cup\n', ("m.csv:3",)),
    "no JSON": ("m.jsonl", '{"id": "mug", "prompt": "A mug"}\n{"id":\n', ("m.jsonl:2",)),
    "prompt empty": ("m.csv", "id,prompt\nmug,  \n", ("m.csv:2", "prompt")),
    "id twice": ("m.csv", CSV + "cup,A cup\nmug,Another mug\n", ("m.csv:4", "mug", "m.csv:2")),
    "one file by case": (
        "m.yaml",
        manifest("id: Mug, prompt: A", "id: mug, prompt: B"),
        ("m.yaml:4", "'mug'", "would be saved as", "m.yaml:3"),
    ),
    "one file by name": (
        "m.yaml",
        manifest("id: a, prompt: A", "id: b, prompt: B", head="output: {name: 'same'}"),
        ("m.yaml:5", "would be saved as 'same'", "m.yaml:4"),
    ),
    "unknown use case": ("m.yaml", manifest("prompt: A, use_case: thumbnial"), ("m.yaml:3", "thumbnail")),
    "unknown model": ("m.yaml", manifest("prompt: A, model: dalle-3"), ("m.yaml:3", "dalle-3", "dall-e-3")),
    "unknown provider": ("m.yaml", manifest("prompt: A, provider: opneai"), ("m.yaml:3", "opneai", "openai")),
    "size that is none": ("m.yaml", manifest("prompt: A, size: big"), ("m.yaml:3", "WIDTHxHEIGHT")),
    "n": ("m.yaml", manifest("prompt: A, n: 0"), ("m.yaml:3", "n")),
    "budget": ("m.yaml", GOOD + "budget: much\n", ("m.yaml:4", "budget")),
    "budget below 0": ("m.yaml", GOOD + "budget: {run: -1}\n", ("m.yaml:4", "budget")),
    "unknown budget": ("m.yaml", GOOD + "budget: {week: 1}\n", ("m.yaml:4", "week")),
    "no such source": ("m.yaml", "imagegen: 1\nsource: {file: gone.csv}\n", ("gone.csv",)),
    "template": (
        "m.yaml",
        "imagegen: 1\nsource: {file: t.csv, each: {prompt: '{{ row.Titel }}'}}\n",
        ("Titel", "Title"),
    ),
    "hostile template": (
        "m.yaml",
        "imagegen: 1\nsource: {file: t.csv, each: {prompt: \"{{ ''.__class__.__mro__[1].__subclasses__() }}\"}}\n",
        ("m.yaml:2:38", "t.csv:2", "'__class__'", "unsafe"),
    ),
    "unknown ending": ("m.docx", "words", ("m.docx", ".yaml")),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_manifest(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, books: Books, case: str) -> None:
    """One line names the file, the place and what to do; exit 2; nothing is asked, and no file appears."""
    name, content, says = FILES[case]
    write(name, content)
    write("t.csv", "Title\nA mug\n")
    before = tree(tmp_path)
    ran = paid("run", name)
    refused(ran, 2, *says)
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before


#: name -> (a row, what the line about it says)
REFUSED = {
    "size": ("model: gpt-image-1-mini, size: 4000x300", ("gpt-image-1-mini", "4000x300")),
    "quality": ("model: gpt-image-1-mini, quality: hd", ("has no quality hd", "low, medium, high")),
    "no adapter": ("model: flux-schnell", ("flux-schnell",)),
    "long prompt": (f"model: gpt-image-1-mini, prompt: '{'x' * 40_000}'", ("40,000 characters", "32,000")),
    "dear": ("model: gpt-image-1-mini, max_price: 0.0001", ("max_price of $0.0001", "raise max_price")),
    "seed": ("model: gpt-image-1-mini, seed: 3", ("seed",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_row_that_nothing_can_make(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, books: Books, case: str
) -> None:
    """A line for the row with its place, a line that says how to go on, exit 2; nothing is asked or left behind."""
    row, says = REFUSED[case]
    write("m.yaml", manifest("id: good, prompt: A mug, model: gpt-image-1-mini", f"id: bad, {_prompted(row)}"))
    before = tree(tmp_path)
    ran = paid("run", "m.yaml")
    assert ran.code == 2
    assert ran.errors == [
        "error: 1 of 2 pictures cannot be made as planned; mend the rows, or add --skip-refused to make the rest"
    ]
    about, _ = ran.err.splitlines()
    assert about.startswith("m.yaml:4:")
    assert all(words in about for words in says), about
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before


def test_a_retired_model(imagegen: Imagegen, write: Write, books: Books) -> None:
    """At its own address a model that was shut down is refused, with the day, the model to use instead and the flag
    for those who know a server that runs it."""
    write("m.yaml", manifest("id: mug, prompt: A mug, model: dall-e-3"))
    ran = imagegen("run", "m.yaml", OPENAI_API_KEY="sk-test", HTTPS_PROXY="http://127.0.0.1:9")
    assert ran.code == 2
    about, error = ran.err.splitlines()
    assert about.startswith("m.yaml:3:")
    assert "dall-e-3 was shut down on 2026-05-12; use gpt-image-2.5-flare instead" in about
    assert "--allow-retired" in about
    assert error.startswith("error: 1 of 1 picture cannot be made")
    assert books.ask("SELECT COUNT(*) FROM attempts") == 0


def _prompted(row: str) -> str:
    return row if "prompt:" in row else f"prompt: A mug, {row}"


def test_skip_refused_makes_the_rest(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """With --skip-refused what can be made is made, refused.csv has the others ready to mend, exit 3; mended and run,
    they join."""
    good = "id: good, prompt: A mug, model: gpt-image-1-mini, quality: low"
    write("m.yaml", manifest(good, "id: bad, prompt: =A cup, model: gpt-image-1-mini, quality: hd"))
    ran = paid("run", "m.yaml", "--skip-refused", "--json")
    assert ran.code == ran.summary["exit_code"] == 3
    assert ran.states == {"good": "made", "bad": "refused"}
    table = tmp_path / "out" / "m" / "refused.csv"
    write("mended.csv", table.read_text(encoding="utf-8").replace(",hd", ",low"))
    ran = paid("run", "mended.csv", "-o", "out/m", "--json")
    assert (ran.code, ran.states) == (0, {"bad": "made"}), ran.err
    assert cloud.requests[-1].prompt == "=A cup"
    assert files(tmp_path / "out" / "m") == {"good.png", "bad.png"}
    assert not table.exists()


def test_a_bad_last_row_stops_it_before_the_first_cent(
    paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, books: Books
) -> None:
    """Row 1,201 is wrong: 1,200 good ones before it are not bought, and no work list and no file stays behind."""
    rows = "".join(f"r{n},Prompt {n},\n" for n in range(1200))
    write("m.csv", f"id,prompt,use_case\n{rows}last,Prompt,thumbnial\n")
    before = tree(tmp_path)
    ran = paid("run", "m.csv", "--yes")
    refused(ran, 2, "m.csv:1202", "thumbnial", "thumbnail")
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before
    write("m.csv", f"id,prompt,use_case\n{rows}R7,Prompt,\n")
    refused(paid("run", "m.csv", "--yes"), 2, "m.csv:1202", "R7", "m.csv:9")
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before


#: name -> (arguments, variables, exit code, what the line says)
CALLS: dict[str, tuple[list[str], dict[str, str], int, tuple[str, ...]]] = {
    "missing file": (["gone.yaml"], {}, 2, ("gone.yaml", "is not there")),
    "a folder": (["folder.yaml"], {}, 2, ("folder.yaml", "folder")),
    "no manifest": ([], {}, 2, ("manifest", "--help")),
    "unknown flag": (["m.yaml", "--bugdet", "5"], {}, 2, ("--bugdet", "--help")),
    "flag without value": (["m.yaml", "--budget"], {}, 2, ("--budget",)),
    "bad budget": (["m.yaml", "--budget", "lots"], {}, 2, ("budget", "US dollars")),
    "budget below 0": (["m.yaml", "--budget", "-3"], {}, 2, ("budget", "negative")),
    "budget too fine": (["m.yaml", "--budget", "0.00000000001"], {}, 2, ("budget",)),
    "workers": (["m.yaml", "--workers", "0"], {}, 2, ("--workers",)),
    "optimize": (["m.yaml", "--optimize", "speed"], {}, 2, ("optimize", "cost")),
    "routes": (["m.yaml", "--routes", "gide"], {}, 2, ("gide", "guide")),
    "model": (["m.yaml", "--model", "dalle-3"], {}, 2, ("dalle-3", "dall-e-3")),
    "provider": (["m.yaml", "--provider", "opneai"], {}, 2, ("opneai", "openai")),
    "redo": (["m.yaml", "--redo", "mgu"], {}, 2, ("--redo", "mgu")),
    "no catalogue": (["m.yaml", "--catalog", "gone.yaml"], {}, 2, ("gone.yaml",)),
    "bad catalogue": (["m.yaml", "--catalog", "bad.yaml"], {}, 2, ("bad.yaml", "pirce", "price")),
    "no key": (["m.yaml"], {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, 2, ("no key is set", "OPENAI_API_KEY")),
    "bad address": (["m.yaml"], {"OPENAI_BASE_URL": "localhost:1"}, 2, ("openai", "localhost:1", "https://")),
    "bad key": (["m.yaml"], {"OPENAI_API_KEY": "sk two"}, 2, ("key", "openai")),
    "variable": (["m.yaml"], {"IMAGEGEN_WORKERS": "many"}, 2, ("workers", "many")),
    "home": (["m.yaml"], {"IMAGEGEN_HOME": "m.yaml/home"}, 7, ("m.yaml/home",)),
    "output": (["m.yaml", "-o", "m.yaml/out"], {}, 7, ("m.yaml/out", "--output")),
    "output is a file": (["m.yaml", "-o", "m.yaml"], {}, 7, ("m.yaml", "--output")),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_bad_call(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, books: Books, case: str) -> None:
    """One line, the right exit code; nothing is asked, and no file appears."""
    arguments, env, code, says = CALLS[case]
    write("m.yaml", manifest("id: mug, prompt: A mug, use_case: product_shot"))
    write("bad.yaml", "models: {dall-e-3: {offers: {openai: {pirce: 1}}}}\n")
    (tmp_path / "folder.yaml").mkdir()
    before = tree(tmp_path)
    refused(paid("run", *arguments, **env), code, *says)
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before


#: name -> (config.yaml, what the line says)
CONFIGS = {
    "broken": ("budget: {run: 1", ("config.yaml",)),
    "no mapping": ("- budget\n", ("config.yaml", "mapping")),
    "unknown key": ("api_key: sk-secret-123456\n", ("config.yaml", "unknown key api_key")),
    "twice": ("guard: 1\nguard: 100\n", ("config.yaml", "guard")),
    "money": ("guard: a lot\n", ("guard", "US dollars")),
    "concurrency": ("concurrency: {openai: none}\n", ("concurrency.openai",)),
    "concurrency no mapping": ("concurrency: 8\n", ("concurrency",)),
    "base_url no mapping": ("base_url: http://127.0.0.1:1\n", ("base_url",)),
    "providers": ("providers: {openai: yes}\n", ("providers",)),
    "unknown provider": ("providers: [opneai]\n", ("opneai",)),
    "optimize": ("optimize: speed\n", ("optimize",)),
    "same_as": ("same_as: opneai\n", ("opneai",)),
    "routes": ("routes: 7\n", ("7",)),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_bad_config(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path, books: Books, case: str) -> None:
    """What is wrong with the home's config.yaml is one line and exit 2, and no secret in it is shown."""
    content, says = CONFIGS[case]
    write("home/config.yaml", content)
    write("m.yaml", GOOD)
    before = tree(tmp_path)
    ran = paid("run", "m.yaml")
    refused(ran, 2, *says)
    assert "sk-secret" not in ran.err
    nothing_happened(cloud, books)
    assert tree(tmp_path) == before


def test_a_price_nobody_knows(paid: Imagegen, cloud: Cloud, write: Write, books: Books) -> None:
    """Unknown is not $0: the row is refused with what to do about it."""
    write("own.yaml", "models: {gpt-image-1-mini: {offers: {openai: {price: unknown}}}}\n")
    write("m.yaml", manifest("id: mug, prompt: A mug, model: gpt-image-1-mini"))
    ran = paid("run", "m.yaml", "--catalog", "own.yaml")
    assert ran.code == 2
    assert "no known price" in ran.err
    assert "declare a price in a catalogue file" in ran.err
    nothing_happened(cloud, books)


def test_a_stated_price_of_nothing_is_a_price(paid: Imagegen, cloud: Cloud, write: Write, books: Books) -> None:
    """Whoever states that a server of his own costs nothing may use it without a budget."""
    write("own.yaml", "source: mine\nread_on: 2026-11-22\nmodels: {gpt-image-1-mini: {offers: {openai: {price: 0}}}}\n")
    write("m.yaml", manifest("id: mug, prompt: A mug, model: gpt-image-1-mini"))
    ran = paid("run", "m.yaml", "--catalog", "own.yaml", "--json", "--budget", "0")
    assert (ran.code, ran.states, ran.summary["spent_usd"]) == (0, {"mug": "made"}, "0"), ran.err
    assert len(cloud.requests) == 1
    cloud.book.total = 0


def test_a_placeholder_that_no_model_could_be_is_refused_for_its_own_reason(imagegen: Imagegen, write: Write) -> None:
    """Without a key a placeholder row is refused for what is wrong with it, not for the key."""
    write("m.yaml", manifest("id: a, prompt: A mug, model: dall-e-3, size: 9000x100, provider: placeholder"))
    ran = imagegen("run", "m.yaml")
    assert ran.code == 2
    assert "no key" not in ran.err
    assert "9000x100" in ran.err


def test_a_second_run_in_the_same_folder_is_told_who_works_there(
    imagegen: Imagegen, write: Write, tmp_path: Path, home: Path
) -> None:
    """While a folder is locked another run ends with 8 and says who holds it."""
    from imagegen.ledger.runs import FolderLock
    from imagegen.output import OutputFolder

    write("m.yaml", GOOD)
    folder = OutputFolder(tmp_path / "out" / "m")
    folder.prepare()
    lock = FolderLock(folder.ours)
    try:
        ran = imagegen("run", "m.yaml", "--provider", "placeholder")
    finally:
        lock.drop()
    refused(ran, 8, "another run is at work in", f"process {os.getpid()}")
    assert files(tmp_path / "out" / "m") == set()


def test_output_can_be_cut_off(imagegen: Imagegen, write: Write, home: Path, tmp_path: Path) -> None:
    """A reader of stdout that goes away (`| head -1`) is no error to speak of."""
    from tests.e2e.conftest import PROGRAM, environment

    write("m.csv", "id,prompt,provider,size\n" + "".join(f"r{n},P {n},placeholder,256x256\n" for n in range(30)))
    line = f"set -o pipefail; {PROGRAM} run m.csv --json | head -1"
    done = subprocess.run(
        ["bash", "-c", line], env=environment(home), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
    assert done.stdout.count("\n") == 1


def refused(ran: Ran, code: int, *says: str) -> None:
    """The run ended with `code` and one line of error that says all of `says`; nothing on stdout."""
    assert ran.code == code, ran.err
    assert len(ran.errors) == 1, ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert all(words in ran.err for words in says), ran.err
    assert ran.out == ""


def nothing_happened(cloud: Cloud, books: Books) -> None:
    """No request, no attempt, no work list."""
    assert cloud.requests == []
    if books.there:
        assert books.ask("SELECT COUNT(*) FROM jobs") == books.ask("SELECT COUNT(*) FROM attempts") == 0


def tree(folder: Path) -> set[str]:
    """Every file and folder, the home left out."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.relative_to(folder).parts[0] != "home"}
