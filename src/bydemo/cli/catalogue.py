"""What can be named on the command line, read off the source files without importing them."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from bydemo.core.errors import BydemoError, UnknownNameError

VERBS = "bydemo.cli.verbs"
FORMATS = "bydemo.data.formats"
RECIPES = "bydemo.studies.recipes"
TASKS = "bydemo.sim.tasks"
MODELS = "bydemo.models"
EXPORTS = "bydemo.exports"
STUDIES = "bydemo.studies.plans"


def verbs() -> dict[str, str]:
    """Verb -> what it does, in a line."""
    return _leaves(VERBS)


def formats() -> dict[str, str]:
    """Format -> what it is, in a line."""
    return _leaves(FORMATS)


def tasks() -> dict[str, str]:
    """Task -> what it is, in a line."""
    return _leaves(TASKS)


def models() -> dict[str, str]:
    """Model -> what it is, in a line."""
    from bydemo.models import model_names

    return {name: summary(_tree(MODELS, name)) for name in model_names()}


def exports() -> dict[str, str]:
    """Export format, as it is typed -> what it is, in a line."""
    return {name.replace("_", "-"): text for name, text in _leaves(EXPORTS).items()}


def studies() -> dict[str, str]:
    """Study -> what it asks, in a line."""
    return _leaves(STUDIES)


def recipes() -> dict[str, str]:
    """`<study>.<recipe>` -> what it trains, in a line."""
    return {
        f"{study}.{function.name}": summary(function)
        for study in _names(RECIPES)
        for function in _functions(_tree(RECIPES, study))
    }


def recipe_named(name: str) -> str:
    """The full name of a recipe, which may be given without its study while that is unique."""
    known = recipes()
    if name in known:
        return name
    short = [full for full in known if full.partition(".")[2] == name]
    if len(short) > 1:
        raise BydemoError(f"the recipe '{name}' is ambiguous: say {' or '.join(short)}")
    if not short:
        raise UnknownNameError("recipe", name, [full.partition(".")[2] for full in known])
    return short[0]


def summary(node: ast.Module | ast.FunctionDef) -> str:
    """The first sentence-like line of a docstring."""
    text = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(text.split())


def _leaves(package: str) -> dict[str, str]:
    return {name: summary(_tree(package, name)) for name in _names(package)}


def _names(package: str) -> list[str]:
    """As `core.config.names_in`, which imports the package: some import torch in turn."""
    found = pkgutil.iter_modules([str(_folder(package))])
    return sorted(module.name for module in found if not module.name.startswith("_"))


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise BydemoError(f"the package {package} is not installed completely")
    return Path(next(iter(found.submodule_search_locations)))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def _tree(package: str, name: str) -> ast.Module:
    file = _folder(package) / f"{name}.py"
    if not file.exists():
        file = _folder(package) / name / "__init__.py"
    return ast.parse(file.read_text(encoding="utf-8"))
