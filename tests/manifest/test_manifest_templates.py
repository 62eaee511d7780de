"""Templates: what they can say, and that none of them can hang, grow or reach out."""

from typing import Any

import pytest

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.templates import Condition, Template

PLACE = Place("m.yaml", 7, 9)
ROW = {"Title": "Red Mug", "Body (HTML)": "<p>Big<br>mug</p>", "Tags": "a, b", "n": 3, "on": True, "empty": ""}


def render(source: str, **values: Any) -> str:
    """`source` filled in for ROW."""
    return Template(source, PLACE).render({**ROW, "row": ROW, **values})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ row.Title }}", "Red Mug"),
        ("{{ Title | lower }}", "red mug"),
        ("{{ row['Body (HTML)'] | plain }}", "Big mug"),
        ("{{ row.Title | slug }}", "red-mug"),
        ("{{ row.Missing | default('none') }}", "none"),
        ("{{ row.get('Missing', 'none') }}", "none"),
        ("{{ n * 2 + 1 }}", "7"),
        ("{{ on }}", "true"),
        ("{% if empty %}x{% else %}y{% endif %}", "y"),
        ("{% for tag in row.Tags.split(', ') %}<{{ tag }}>{% endfor %}", "<a><b>"),
        ("{% for t in row.Tags.split(', ') %}{{ t }}{% if not loop.last %}+{% endif %}{% endfor %}", "a+b"),
        ("{{ row.Tags.split(', ') | join(' and ') }}", "a and b"),
        ("{{ row.Title | replace('Mug', 'Cup') }}", "Red Cup"),
        ("{{ row.Title[:3] }}", "Red"),
        ("{# nothing #}{{ 'a' ~ 1 }}", "a1"),
        ("{% for key, value in row.items() %}{{ key[0] }}{% endfor %}", "TBTnoe"),
    ],
)
def test_says_what_a_prompt_needs(source: str, text: str) -> None:
    """Values, filters, conditions and one loop are enough for prompts."""
    assert render(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}a{% endfor %}",
        "{% for i in range(1000000000) %}a{% endfor %}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ ['a'] * 1000000000 }}",
        "{{ '%01000000000d' % 1 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ lipsum(1000000) }}",
        "{% set s = 'a' %}{{ s }}",
        "{% with s = 'a' %}{{ s }}{% endwith %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in Title %}{% for b in Title %}x{% endfor %}{% endfor %}",
        "{% for a in row recursive %}{{ loop(row) }}{% endfor %}",
        "{% for a in long %}x{% endfor %}",
        "{{ long | replace('a', long) }}",
        "{{ long | join(long) }}",
        "{{ long ~ long }}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% extends 'x' %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ row.__class__ }}",
        "{{ row['__class__'] }}",
        "{{ (''|attr('__class__')) }}",
        "{{ row.pop('Title') }}",
        "{{ row.update({'a': 1}) }}",
        "{{ self }}",
        "{{ row }}",
        "{{ [1] }}",
        "{{ none }}",
        "{{ row.get('Missing') }}",
        "{{ Title | map('upper') }}",
        "{% for a in Tags %}{{ loop }}{% endfor %}",
        "{{ ''['format'](1) }}",
        "{{ cycler }}",
        "{{ 1 / 0 }}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "-" * 3000 + "1 }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ row.Title | map('pprint') | list }}",
        "x" * 40_000 + "{{ n }}",
    ],
)
def test_refuses_what_could_grow_or_reach_out(source: str) -> None:
    """Bombs, endless loops and ways out of the sandbox end at once in an error at the template's place."""
    with pytest.raises(ManifestError, match=r"^m\.yaml:7:9: the template "):
        render(source, long="a" * 30_000)


@pytest.mark.parametrize(
    ("source", "what", "todo"),
    [
        ("{{ row.Titel }}", "'Titel'", "did you mean Title?"),
        ("{{ row['Titel'] }}", "'Titel'", "did you mean Title?"),
        ("{{ titel }}", "'titel'", "did you mean Title?"),
        ("{{ zzz }}", "'zzz'", "there are Title, Body (HTML), Tags"),
        ('{{ row["it\'s"] }}', '"it\'s"', "there are Title"),
    ],
)
def test_names_what_is_not_there(source: str, what: str, todo: str) -> None:
    """A variable that is not there is never empty text: it is named, with what was meant and the row."""
    with pytest.raises(ManifestError) as caught:
        Template(source, PLACE).render({**ROW, "row": ROW}, Place("t.csv", 5))
    assert f"speaks of {what}, which is not there (for t.csv:5)" in caught.value.what
    assert todo in caught.value.todo


@pytest.mark.parametrize("source", ["{{ empty }}", "empty", "n > 3", "{{ not on }}", "row.Title == ''", "[]", "0"])
def test_a_condition_that_does_not_hold(source: str) -> None:
    """Empty text, zero, false and empty lists do not hold."""
    assert not Condition(source, PLACE).holds({**ROW, "row": ROW})


@pytest.mark.parametrize("source", ["{{ Title }}", " Title ", "n > 2", "{{ on }}", "'Mug' in row.Title", "' '"])
def test_a_condition_that_holds(source: str) -> None:
    """Everything else does, a blank that is not empty too."""
    assert Condition(source, PLACE).holds({**ROW, "row": ROW})


@pytest.mark.parametrize("source", ["missing", "row.Missing", "10 ** 9", "'a' * 10", "a b", "", "{{ a }} and {{ b }}"])
def test_a_condition_that_cannot_be_judged(source: str) -> None:
    """A condition on what is not there, or that is none, is an error."""
    with pytest.raises(ManifestError, match=r"^m\.yaml:7:9: the template "):
        Condition(source, PLACE).holds({**ROW, "row": ROW})
