import pytest

from bydemo.cli import catalogue
from bydemo.core.errors import BydemoError, UnknownNameError


def test_recipes_read_off_the_source_are_those_that_can_be_loaded():
    from bydemo.studies.recipes import load, recipes

    assert set(catalogue.recipes()) == set(recipes())
    for name in catalogue.recipes():
        assert load(catalogue.recipe_named(name))[0] == name


def test_everything_that_can_be_named_says_what_it_is():
    for found in (catalogue.verbs(), catalogue.formats(), catalogue.tasks(), catalogue.models(),
                  catalogue.recipes(), catalogue.exports()):  # fmt: skip
        assert found
        assert all(len(text) > 10 for text in found.values()), found


def test_verbs_are_the_documented_ones():
    expected = {"doctor", "list", "record", "convert", "inspect", "train", "evaluate", "report",
                "demo", "export"}  # fmt: skip
    assert expected <= set(catalogue.verbs())


def test_a_recipe_needs_no_study_while_it_is_unique(monkeypatch):
    monkeypatch.setattr(catalogue, "recipes", lambda: {"a.one": "", "a.two": "", "b.two": ""})
    assert catalogue.recipe_named("one") == "a.one"
    assert catalogue.recipe_named("b.two") == "b.two"
    with pytest.raises(BydemoError, match=r"'two' is ambiguous: say a\.two or b\.two"):
        catalogue.recipe_named("two")
    with pytest.raises(UnknownNameError, match=r"no recipe named 'oen'\. Did you mean 'one'"):
        catalogue.recipe_named("oen")
