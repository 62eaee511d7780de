"""The YAML reader: places, and that the fallback reads the same."""

from typing import Any

import pytest
import yaml
from bad_yaml import BAD_YAML
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import ManifestError
from imagegen.manifest.values import find, native, scalar
from imagegen.manifest.yamlfile import parse

PLAIN = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


def test_every_value_knows_its_place() -> None:
    """Keys and values, in blocks and in braces, are found at the line and column where they stand."""
    root = parse("a: 1\nb:\n  - {c: x, 'd': [y, z]}\n", "m.yaml")
    assert find(root, ("a",)) == (1, 4)
    assert find(root, ("b", 0, "d"), key=True) == (3, 12)
    assert find(root, ("b", 0, "d", 1)) == (3, 21)
    assert find(root, ("b", 0, "gone")) == (3, 5)


@pytest.mark.parametrize(
    ("text", "native_value", "scalar_value"),
    [
        ("true", True, True),
        ("True", "True", "True"),
        ("yes", "yes", "yes"),
        ("12", 12, 12),
        ("-0", 0, 0),
        ("1.5", 1.5, 1.5),
        ("1.10", 1.1, "1.10"),
        ("1e3", 1000.0, "1e3"),
        ("010", "010", "010"),
        ("00", "00", "00"),
        ("0x1F", "0x1F", "0x1F"),
        ("+1", "+1", "+1"),
        (".5", ".5", ".5"),
        ("1e999", "1e999", "1e999"),
        ("'12'", "12", "12"),
        ("16:9", "16:9", "16:9"),
        ("2026-11-22", "2026-11-22", "2026-11-22"),
    ],
)
def test_only_plain_numbers_and_booleans_change_type(text: str, native_value: Any, scalar_value: Any) -> None:
    """What is not spelt as JSON would spell it stays text; what must print as written does."""
    (value,) = parse(f"[{text}]", "m.yaml")
    assert (native(value), type(native(value))) == (native_value, type(native_value))
    assert (scalar(value), type(scalar(value))) == (scalar_value, type(scalar_value))


@given(
    st.recursive(
        PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3), max_leaves=12
    )
)
def test_reads_what_yaml_writes(value: Any) -> None:
    """Any document within the limits comes back as its texts."""

    def texts(node: Any) -> Any:
        if isinstance(node, dict):
            return {str(key): texts(item) for key, item in node.items()}
        return [texts(item) for item in node] if isinstance(node, list) else node

    assert texts(parse(yaml.safe_dump(value, default_style='"'), "m.yaml")) == value


@pytest.mark.parametrize("text", [case[0] for case in BAD_YAML.values() if isinstance(case[0], str)], ids=str)
def test_the_fallback_reads_the_same(text: str) -> None:
    """Without the C parser the same documents are read, and the same refused."""

    def read(loader: Any) -> Any:
        try:
            return parse(text, "m.yaml", loader)
        except ManifestError as error:
            return error.line

    assert read(yaml.SafeLoader) == read(yaml.CSafeLoader)


def test_a_bomb_is_refused_unread() -> None:
    """Aliases that would grow a thousandfold are refused at the first anchor."""
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    with pytest.raises(ManifestError, match=r"^m\.yaml:1:5: anchors"):
        parse("\n".join(lines), "m.yaml")


@pytest.mark.parametrize("piece", ["[", "{", "{a: ", "- ", "? ", "a: [", "[{"])
@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_depth_never_hurts(piece: str, loader: Any) -> None:
    """A hundred thousand levels are refused without a crash."""
    with pytest.raises(ManifestError):
        parse(piece * 100_000, "m.yaml", loader)
