"""What every module of the package must keep to; a new one is found by being there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bydemo

SOURCE = Path(bydemo.__file__).parent
SOURCES = sorted(SOURCE.rglob("*.py"))
RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
"""Modules whose files can run code when they are read."""
ASKED_FOR = {
    "exports/state_dict.py": {"torch.save"},
    "data/formats/_tensors_file.py": {"np.load"},
    "data/formats/_tensors_torch.py": {"pickle"},
}
"""Layouts that others use: tensors and numbers alone are written and read, without pickles or by
an unpickler that can make nothing else; the tests of these files show it."""
RUNS_CODE_CALLS = {"torch.load", "torch.save", "np.load", "numpy.load", "pd.read_pickle"}


def used(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(name, line) of every import, and of every attribute as it is written (`torch.load`)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.lineno
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node), node.lineno


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_no_file_that_it_reads_or_writes_can_run_code(source: Path) -> None:
    allowed = ASKED_FOR.get(source.relative_to(SOURCE).as_posix(), set())
    found = [(n, line) for n, line in used(ast.parse(source.read_text()))
             if n in (RUNS_CODE | RUNS_CODE_CALLS) - allowed]  # fmt: skip
    assert found == []


def test_the_rule_notices() -> None:
    code = "import pickle\nfrom joblib import load\ntorch.load('x')\nimport pandas as pd"
    assert {n for n, _ in used(ast.parse(code))} & (RUNS_CODE | RUNS_CODE_CALLS) == {
        "pickle", "joblib", "torch.load"}  # fmt: skip
