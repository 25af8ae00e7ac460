"""What each field of a dataclass is for, read from where its author wrote it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import textwrap
from collections.abc import Sequence


def field_help(kind: type) -> dict[str, str]:
    """Field -> its description, from a docstring under the field, or from `name: text` in the
    docstring of the class."""
    out: dict[str, str] = {}
    names = [field.name for field in dataclasses.fields(kind)]
    for owner in reversed(kind.__mro__):
        if dataclasses.is_dataclass(owner):
            out |= _from_docstring(owner, names) | _from_source(owner)
    return {name: text for name, text in out.items() if name in names}


def _from_docstring(kind: type, names: Sequence[str]) -> dict[str, str]:
    text = kind.__doc__ or ""
    listed = "|".join(map(re.escape, names))
    pattern = rf"(?:(?<=\s)|^)({listed}): (.*?)(?=\s(?:{listed}): |\n\s*\n|\Z)"
    return {m.group(1): " ".join(m.group(2).split()) for m in re.finditer(pattern, text, re.S)}


def _from_source(kind: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return {}  # made at run time: it has no source
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    out = {}
    for before, node in itertools.pairwise(body):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            out[before.target.id] = " ".join(str(node.value.value).split())
    return out


def first_paragraph(kind: type) -> str:
    """The first paragraph of a dataclass's docstring, without the descriptions of its fields."""
    text = (kind.__doc__ or "").strip().partition("\n\n")[0]
    names = "|".join(field.name for field in dataclasses.fields(kind)) or "$^"
    return " ".join(re.split(rf"(?m)^\s*(?:{names}): ", text)[0].split())
