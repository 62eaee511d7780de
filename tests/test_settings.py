"""Settings: five layers, each over the one before, and keys that never show themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.errors import SettingsError
from imagegen.settings import Secret, Settings, home_folder, load, secrets, step_summary


def settings(
    home: Path,
    config: str = "",
    manifest: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    beside: Path | None = None,
    **environ: str,
) -> Settings:
    """Settings of a home whose config.yaml is `config`."""
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text(config, encoding="utf-8")
    return load(manifest, flags, beside=beside, environ={"IMAGEGEN_HOME": str(home), **environ})


#: field of Settings -> its default, then what each layer says and what that means, weakest layer first
LAYERS: dict[str, tuple[Any, list[tuple[Any, Any]]]] = {
    "workers": (None, [("workers: 1", 1), ({"workers": 2}, 2), ({"IMAGEGEN_WORKERS": "3"}, 3), ({"workers": 4}, 4)]),
    "routes": (
        None,
        [("routes: a", "a"), ({"routes": "b"}, "b"), ({"IMAGEGEN_ROUTES": "c"}, "c"), ({"routes": "d"}, "d")],
    ),
    "providers": (
        None,
        [
            ("providers: [a]", ("a",)),
            ({"providers": ("b",)}, ("b",)),
            ({"IMAGEGEN_PROVIDERS": "c, cc"}, ("c", "cc")),
            ({"providers": ["d"]}, ("d",)),
        ],
    ),
    "budgets": (
        {},
        [
            ("budget: 1", {"run": nano(1)}),
            ({"budget": {"run": "2"}}, {"run": nano(2)}),
            ({"IMAGEGEN_BUDGET_RUN": "3.5"}, {"run": nano("3.5")}),
            ({"budget": {"run": "$4"}}, {"run": nano(4)}),
        ],
    ),
    "catalogs": (
        (),
        [
            ("catalog: a.yaml", ("HOME/a.yaml",)),
            ({"catalog": ["/m/b.yaml"]}, ("/m/b.yaml",)),
            ({"IMAGEGEN_CATALOG": "/c.yaml:/cc.yaml"}, ("/c.yaml", "/cc.yaml")),
            ({"catalog": ["/d.yaml"]}, ("/d.yaml",)),
        ],
    ),
    "optimize": (
        "route",
        [("optimize: cost", "cost"), ({"optimize": "route"}, "route"), ({}, "route"), ({"optimize": "cost"}, "cost")],
    ),
}


@pytest.mark.parametrize("field", LAYERS)
@pytest.mark.parametrize("count", range(5))
def test_a_later_layer_wins(home: Path, field: str, count: int) -> None:
    """Default < config.yaml < the manifest's keys < variables < flags, for as many layers as speak."""
    default, layers = LAYERS[field]
    said = [layer for layer, _ in layers[:count]] + [None] * (4 - count)
    found = settings(home, said[0] or "", said[1], said[3], **(said[2] or {}))
    expected = layers[count - 1][1] if count else default
    value = getattr(found, field)
    if field == "catalogs":
        value = tuple(path.as_posix() for path in value)
        expected = tuple(text.replace("HOME", home.as_posix()) for text in expected)
    assert value == expected


def test_mappings_are_joined_layer_by_layer(home: Path) -> None:
    """A budget of one scope leaves the others, one provider's concurrency the others'; what is None says nothing."""
    found = settings(
        home,
        "budget: {day: 10, hour: 2}\nconcurrency: {openai: 3, google: 4}\n",
        {"budget": {"hour": 5, "run": None}, "concurrency": {"openai": 8}},
        {"budget": None, "workers": None},
        IMAGEGEN_BUDGET_MONTH="100",
    )
    assert found.budgets == {"day": nano(10), "hour": nano(5), "month": nano(100)}
    assert found.concurrency == {"openai": 8, "google": 4}
    assert found.workers is None


def test_routes_are_replaced_whole(home: Path) -> None:
    """A mapping of routes is one decision: another layer's does not mix into it."""
    assert settings(home, "routes: {hero: x}", {"routes": {"mug": "y"}}).routes == {"mug": "y"}


def test_the_guard_is_five_dollars_until_config_says_otherwise(home: Path) -> None:
    """Money in config.yaml is read as the text that stands there, never as a float."""
    assert settings(home).guard == nano(5)
    assert settings(home, "guard: 0.1\nbudget: {run: 0.30}\n").guard == 10**8
    assert settings(home, "budget: {run: 0.30}\n").budgets == {"run": 3 * 10**8}


def test_an_empty_home_is_not_created(tmp_path: Path) -> None:
    """Reading settings makes no folder."""
    assert load(environ={"IMAGEGEN_HOME": str(tmp_path / "new")}).home == tmp_path / "new"
    assert not (tmp_path / "new").exists()


def test_the_home_is_the_platforms_data_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """IMAGEGEN_HOME names it, `~` included; without it, it lies in the user's data folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder({"IMAGEGEN_HOME": "~/here"}) == tmp_path / "here"
    assert home_folder({"IMAGEGEN_HOME": "  "}).name == "imagegen"
    assert home_folder({}).name == "imagegen"


KEYS = {
    "openai": ["OPENAI_API_KEY"],
    "google": ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
    "replicate": ["REPLICATE_API_TOKEN"],
    "fal": ["FAL_KEY"],
    "together": ["TOGETHER_API_KEY"],
    "bfl": ["BFL_API_KEY"],
    "stability": ["STABILITY_API_KEY"],
}


@pytest.mark.parametrize(("provider", "variable"), [(name, each) for name, names in KEYS.items() for each in names])
def test_keys_come_from_the_usual_variables(home: Path, provider: str, variable: str) -> None:
    """Each provider's own variable holds its key; white space around it, as of a pasted line, is nothing."""
    found = settings(home, **{variable: " sk-test \n"})
    assert {name: key.reveal() for name, key in found.keys.items()} == {provider: "sk-test"}


def test_an_empty_key_is_no_key(home: Path) -> None:
    """A variable that a shell left empty sets nothing."""
    assert settings(home, OPENAI_API_KEY="  ").keys == {}


def test_a_dotenv_beside_the_manifest_is_weaker_than_the_environment(home: Path, tmp_path: Path) -> None:
    """`.env` gives keys where the environment has none; `export`, quotes and comments are understood, nothing is
    expanded. Whatever else stands in it is left alone: a folder from somewhere must not move a key's address."""
    lines = [
        "# keys",
        "",
        "export OPENAI_API_KEY='sk-dotenv'",
        'FAL_KEY = "fal-$HOME"',
        "#BFL_API_KEY=off",
        "IMAGEGEN_WORKERS=9",
        "OPENAI_BASE_URL=http://elsewhere.test/v1",
        "no equals sign",
    ]
    (tmp_path / ".env").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    found = settings(home, beside=tmp_path)
    assert {name: key.reveal() for name, key in found.keys.items()} == {"openai": "sk-dotenv", "fal": "fal-$HOME"}
    assert (found.workers, found.addresses) == (None, {})
    assert settings(home, beside=tmp_path, OPENAI_API_KEY="sk-env").keys["openai"].reveal() == "sk-env"


def test_a_dotenv_does_not_move_the_home(home: Path, tmp_path: Path) -> None:
    """Where the books are is not a manifest's business."""
    (tmp_path / ".env").write_text("IMAGEGEN_HOME=/elsewhere\n", encoding="utf-8")
    assert settings(home, beside=tmp_path).home == home


def test_a_secret_never_shows_itself(home: Path) -> None:
    """Neither a key's own text nor that of whatever holds it tells the key."""
    found = settings(home, OPENAI_API_KEY="sk-very-secret")
    for text in (repr(found), str(found), f"{found.keys}", str(Secret("sk-very-secret")), repr([*found.keys.values()])):
        assert "sk-very-secret" not in text
    assert found.keys["openai"].reveal() == "sk-very-secret"


def test_secrets_lists_what_a_log_must_not_hold() -> None:
    """Every provider's key is listed for redaction, words too short to be keys are not."""
    environ = {"OPENAI_API_KEY": "sk-long-enough", "FAL_KEY": "abc", "GEMINI_API_KEY": "AIza-long", "PATH": "/usr/bin"}
    assert sorted(secrets(environ)) == ["AIza-long", "sk-long-enough"]


ADDRESSES = [
    ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1/"}, {"openai": "http://127.0.0.1:1/v1"}),
    ({"IMAGEGEN_OPENAI_BASE_URL": "https://a/v1", "OPENAI_BASE_URL": "https://b/v1"}, {"openai": "https://a/v1"}),
    ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, {}),
    ({"OPENAI_BASE_URL": "https://api.openai.com/v1/"}, {}),
    ({"GOOGLE_GEMINI_BASE_URL": "https://g"}, {"google": "https://g"}),
    ({"REPLICATE_BASE_URL": "https://r"}, {"replicate": "https://r"}),
    ({"TOGETHER_BASE_URL": "https://t"}, {"together": "https://t"}),
    ({"IMAGEGEN_FAL_BASE_URL": "https://f"}, {"fal": "https://f"}),
    ({"IMAGEGEN_BFL_BASE_URL": " "}, {}),
]


@pytest.mark.parametrize(("environ", "expected"), ADDRESSES)
def test_every_provider_takes_another_address(home: Path, environ: dict[str, str], expected: dict[str, str]) -> None:
    """From our variable or else the SDK's own; a provider's own address written out is none other."""
    assert settings(home, **environ).addresses == expected


def test_a_variable_is_stronger_than_the_address_in_config(home: Path) -> None:
    """`base_url` in config.yaml names addresses too."""
    config = "base_url: {openai: 'http://a/v1', fal: 'http://f/'}\n"
    assert settings(home, config).addresses == {"openai": "http://a/v1", "fal": "http://f"}
    assert settings(home, config, OPENAI_BASE_URL="http://b/v1").addresses["openai"] == "http://b/v1"


def test_another_address_makes_another_key_unless_it_is_the_same(home: Path) -> None:
    """An address declared `same_as` the original does not enter keys, others do, and home is no address."""
    found = settings(home, "same_as: openai\n", OPENAI_BASE_URL="http://b/v1", IMAGEGEN_FAL_BASE_URL="http://f")
    assert (found.address_of("openai"), found.address_of("fal"), found.address_of("google")) == (None, "http://f", None)
    assert found.addresses["openai"] == "http://b/v1"


WRONG = [
    ({"config": "- a\n"}, "holds no mapping; write `name: value` lines"),
    ({"config": "guard: [1\n"}, "config.yaml:2:1: not YAML"),
    ({"config": "guard: 1\nguard: 2\n"}, "config.yaml:2:1: guard stands here twice"),
    ({"config": "api_key: x\n"}, "unknown key api_key; there are base_url, budget"),
    ({"config": "concurrency: 5\n"}, "concurrency is not what it should be; write a mapping"),
    ({"config": "providers: {openai: 1}\n"}, "providers is not what it should be; write a list"),
    ({"config": "workers: [1]\n"}, "workers is not what it should be; write one value"),
    ({"config": "workers: 0\n"}, "workers is '0'; give a whole number from 1"),
    ({"config": "concurrency: {openai: 2.5}\n"}, "concurrency.openai is '2.5'"),
    ({"config": "optimize: speed\n"}, "optimize is 'speed'; write route or cost"),
    ({"config": "base_url: {openai: 'localhost:8080'}\n"}, "the address of openai is not a URL: localhost:8080"),
    ({"config": "budget: {week: 1}\n"}, "budget.week is not a budget; there are run, hour, day, month"),
    ({"config": "budget: {run: 0.0000000001}\n"}, "budget.run: finer than a nanodollar"),
    ({"config": "guard: -1\n"}, "guard is negative; give US dollars"),
    ({"flags": {"budget": {"run": "ten"}}}, "budget.run: not an amount of money: 'ten'; give US dollars"),
    ({"flags": {"budget": {"run": "nan"}}}, "budget.run: "),
    ({"IMAGEGEN_WORKERS": "many"}, "workers is 'many'"),
    ({"IMAGEGEN_FAL_BASE_URL": "ftp://f"}, "the address of fal is not a URL"),
]


@pytest.mark.parametrize(("said", "says"), WRONG)
def test_what_is_wrong_is_said_with_what_to_do(home: Path, said: dict[str, Any], says: str) -> None:
    """A setting that cannot be is an error that names it, on one line."""
    with pytest.raises(SettingsError) as caught:
        settings(home, **said)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dotenv_that_is_no_text_is_an_error_without_its_content(home: Path, tmp_path: Path) -> None:
    """The message names the file and none of the bytes in it."""
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=sk-\xff-secret\n")
    with pytest.raises(SettingsError, match=r"\.env cannot be read; write NAME=VALUE lines in UTF-8") as caught:
        settings(home, beside=tmp_path)
    assert "secret" not in str(caught.value)


def test_a_ci_jobs_summary_page_is_named_by_its_variable() -> None:
    """GITHUB_STEP_SUMMARY names the file; without it there is none."""
    assert step_summary({"GITHUB_STEP_SUMMARY": "/tmp/page.md"}) == Path("/tmp/page.md")
    assert step_summary({}) is None
