"""Recipes: functions from a dataset's spec to a whole experiment, one file a study.

A public function of a file here is a recipe; its full name is `<file>.<function>`, and the
function's name alone will do while it is unique.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from bydemo.core.config import load_leaf, names_in
from bydemo.core.errors import UnknownNameError
from bydemo.core.fields import Spec
from bydemo.studies.experiment import Experiment

Recipe = Callable[[Spec], Experiment]


def recipes() -> dict[str, Recipe]:
    """Full name -> recipe, of every file in this folder."""
    found: dict[str, Recipe] = {}
    for study in names_in(__name__):
        module = load_leaf(__name__, "study", study)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[f"{study}.{name}"] = function
    return found


def load(name: str) -> tuple[str, Recipe]:
    """The full name and the recipe; an unknown or ambiguous name lists the valid ones."""
    found = recipes()
    if name in found:
        return name, found[name]
    short = [full for full in found if full.split(".")[1] == name]
    if len(short) == 1:
        return short[0], found[short[0]]
    raise UnknownNameError("recipe", name, short or found)
