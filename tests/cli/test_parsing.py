from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import pytest

from bydemo.cli.field_help import field_help, first_paragraph
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.core.errors import InputError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Do a thing.

    source: what to read; it
    must exist.
    """

    source: Positional[Path]
    count: int = 3
    """How many [steps]."""


class Model(Protocol):
    def build(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Net:
    """A net. width: units a layer."""

    width: int = 8

    def build(self) -> int:
        return self.width


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study.

    model: what learns.
    """

    model: Model
    names: tuple[str, ...] = ("a",)
    kind: Literal["x", "y"] = "x"
    limit: float | None = None
    seeds: list[int] = field(default_factory=lambda: [1])


STUDY = Study(model=Net(width=5))


def test_words_become_a_frozen_value():
    assert parse(Arguments, ["in", "--count", "7"], verb="do") == Arguments(
        source=Path("in"), count=7
    )


def test_help_shows_types_defaults_and_both_kinds_of_description(capsys):
    with pytest.raises(SystemExit) as left:
        parse(Arguments, ["--help"], verb="do")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert left.value.code == 0
    for words in ("bydemo do", "Do a thing.", "SOURCE what to read; it must exist. (required)",
                  "--count INT How many [steps]. (default: 3)"):  # fmt: skip
        assert words in said


@pytest.mark.parametrize(
    ("words", "said"),
    [(["in", "--cuont", "3"], "--count"), (["in", "--count", "x"], "--count"), ([], "SOURCE")],
)
def test_mistakes_leave_with_2_and_name_the_option(capsys, words, said):
    with pytest.raises(SystemExit) as left:
        parse(Arguments, words, verb="do")
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_options_of_a_value_are_changed_in_a_copy():
    words = ["in", "--model.width", "9", "--names", "p", "q", "--kind", "y", "--limit", "0.5"]
    given, changed = parse_with(Arguments, STUDY, words, verb="do")
    assert given.source == Path("in")
    assert changed == Study(model=Net(width=9), names=("p", "q"), kind="y", limit=0.5)
    assert changed.model.build() == 9
    assert STUDY.model.width == 5


def test_without_options_the_value_comes_back_equal():
    assert parse_with(Arguments, STUDY, ["in"], verb="do")[1] == STUDY


def test_every_recipe_task_and_format_can_be_parsed_unchanged():
    from bydemo.cli.catalogue import FORMATS, TASKS, formats, tasks
    from bydemo.core.config import load_leaf
    from bydemo.core.jaco_play import jaco_play_spec
    from bydemo.studies.recipes import recipes

    values = [load_leaf(FORMATS, "format", name).Config() for name in formats()]
    values += [load_leaf(TASKS, "task", name).Config() for name in tasks()]
    values += [recipe(jaco_play_spec()) for recipe in recipes().values()]
    for value in values:
        assert parse_with(Arguments, value, ["in"], verb="do")[1] == value


def test_options_of_verbs_and_of_what_they_name_do_not_clash():
    from dataclasses import fields

    from bydemo.cli.catalogue import FORMATS, TASKS, formats, tasks
    from bydemo.cli.verbs import convert, export, record
    from bydemo.core.config import load_leaf
    from bydemo.exports import export_config, export_names

    pairs = [(convert, load_leaf(FORMATS, "format", n).Config) for n in formats()]
    pairs += [(record, load_leaf(TASKS, "task", n).Config) for n in tasks()]
    pairs += [(export, export_config(n)) for n in export_names()]
    for verb, config in pairs:
        assert not {f.name for f in fields(verb.Arguments)} & {f.name for f in fields(config)}


def test_the_subject_comes_first_and_a_typo_is_answered():
    assert subject(["alpha", "x"], "thing", ["alpha"]) == "alpha"
    assert subject([], "thing", ["alpha"]) is None
    assert subject(["--help"], "thing", ["alpha"]) is None
    with pytest.raises(UnknownNameError, match=r"no thing named 'alpa'\. Did you mean 'alpha'"):
        subject(["alpa"], "thing", ["alpha"])


def test_field_descriptions_are_found_wherever_they_are_written():
    assert field_help(Arguments) == {
        "source": "what to read; it must exist.", "count": "How many [steps].",
    }  # fmt: skip
    assert field_help(Net) == {"width": "units a layer."}
    assert first_paragraph(Arguments) == "Do a thing."


@pytest.mark.parametrize("again", [["--names", "b"], ["--names=b"]])
def test_a_repeated_option_is_refused_instead_of_half_forgotten(again):
    message = "field '--names': given more than once; several values follow one another"
    with pytest.raises(InputError, match=f"^{message}$"):
        parse_with(Arguments, STUDY, ["in", "--names", "a", *again], verb="do")
