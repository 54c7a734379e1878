"""YAML as values with places, without its traps."""

from __future__ import annotations

import pytest

from edge_runtime.config.yaml_source import parse, parse_value
from edge_runtime.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml")
    return str(caught.value)


def test_every_key_and_every_value_knows_its_line_and_column() -> None:
    document = parse("a:\n  b: [10, {c: x}]\n", "f.yaml")
    key, value, deep = (
        document.place(("a", "b"), key=True), document.place(("a", "b", 0)), document.place(("a", "b", 1, "c"))
    )  # fmt: skip
    assert (key.line, key.column) == (2, 3)
    assert (value.line, value.column, value.width) == (2, 7, 2)
    assert (deep.line, deep.column, deep.file) == (2, 15, "f.yaml")


def test_a_key_that_is_absent_has_the_place_of_the_block_it_would_be_in() -> None:
    place = parse("a:\n  b: {c: 1}\n", "f.yaml").place(("a", "b", "x", "y"))
    assert (place.line, place.column) == (2, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("NO", "NO"), ("true", True), ("12:30", "12:30"), ("010", 10),
        ("2024-01-01", "2024-01-01"), ("1e-3", 0.001), ("1_000", "1_000"), ("0x10", 16), ("~", None), ("", None),
        ("'5'", "5"), ("=", "="), ("!!str 5", "5"), ("[1, a]", [1, "a"]), ("{city: 15}", {"city": 15}),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_on_and_yes_are_texts_as_keys_and_as_values() -> None:
    assert parse("on: yes\n1: no\ntrue: x\n", "f.yaml").data == {"on": "yes", 1: "no", "true": "x"}


def test_aliases_and_merge_keys_work_and_own_keys_win_over_merged_ones() -> None:
    document = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {x: 5, z: 6}]}\nd: *a\n", "f.yaml")
    assert document.data["b"] == {"y": 3, "x": 1}
    assert document.data["c"] == {"x": 1, "y": 2, "z": 6}
    assert document.data["d"] == {"x": 1, "y": 2}
    assert not document.problems
    assert document.place(("b", "x")).line == 1


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"])
def test_a_block_that_contains_itself_is_a_problem(text: str) -> None:
    assert "contains itself" in str(parse(text, "f.yaml").problems[0])


def test_a_key_written_twice_is_a_problem_that_names_both_lines() -> None:
    problem = parse("a: 1\nb: 2\na: 3\n", "f.yaml").problems[0]
    assert (problem.where, problem.line, problem.what) == ("a", 3, "key is written twice, first in line 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: the file is empty"),
        ("# only a comment\n", "f.yaml: the file is empty"),
        ("- a\n", "f.yaml:1:1: the file holds a list instead of keys"),
        ("hello\n", "f.yaml:1:1: the file holds a single value instead of keys"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: a tab"),
        ("a: *x\n", "f.yaml:1:4: an alias (*) of an anchor that is not above it"),
        ("a: 'it's'\n", "f.yaml:1:8: text after the end of a value"),
        ("a: 1\n  b: 2\n", "f.yaml:2:4: a `:` where no key can be"),
        ("a: \x01\n", "f.yaml:1:4: character U+0001 cannot be in a YAML file"),
        ("[" * 5000, "f.yaml: blocks inside blocks, too deep to read"),
    ],
)
def test_what_is_no_pipeline_file_is_refused_with_its_place(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


def test_aliases_that_multiply_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 100000 values" in refusal("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: !foo 1", "the tag !foo means nothing here"), ("a: !!int x", "not a number"), ("~: 5", "`:`")],
)
def test_tags_and_empty_keys_are_problems(text: str, said: str) -> None:
    problems = parse(text, "f.yaml").problems
    assert said in problems[0].what
