"""A plan that contradicts itself is refused before anything runs."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.studies.small_study import Config, Trick, plan

from bydemo.core.errors import BydemoError
from bydemo.studies.plan import Arm, Chapter, Curve, Question, StudyPlan

QUESTION = Question(title="q", varies="v", why="w", decides="training.loss", control="a",
                    arms=("b",))  # fmt: skip
GOOD = StudyPlan(name="s", title="S", questions=(QUESTION,),
                 arms=(Arm(name="a", work=Trick(), seeds=(1, 2)),
                       Arm(name="b", work=Trick(), seeds=(2,), after="a")))  # fmt: skip


def arm(name: str, **more: Any) -> Arm:
    return Arm(name=name, work=Trick(), **more)


def test_a_good_plan_is_accepted() -> None:
    GOOD.check()
    plan(Config()).check()


@pytest.mark.parametrize(("change", "said"), [
    ({"arms": (arm("a"), arm("b"), arm("a"))}, "field 'arms': 'a' comes 2 times"),
    ({"arms": (arm("a"), arm("b"), arm("../c"))}, "'../c' is no name for a folder"),
    ({"arms": (arm("a"),)}, "no arm of the study named 'b'"),
    ({"arms": (arm("a", dataset="x"), arm("b"))},
     "no dataset (in arms.a) named 'x'. Valid: none"),
    ({"arms": (arm("a", seeds=(1, 1)), arm("b"))}, "field 'arms.a.seeds': [1, 1]: a seed comes"),
    ({"arms": (arm("a", after="b"), arm("b", after="a"))}, "a after b after a: goes round"),
    ({"arms": (arm("a", seeds=(1,)), arm("b", seeds=(2,), after="a"))},
     "field 'arms.b.after': 'a' has no run with seed 2"),
    ({"questions": (replace(QUESTION, arms=("a",)),)}, "'a' is compared to itself in 'q'"),
    ({"chapters": (Chapter(title="One"),), "questions": (replace(QUESTION, chapter="Two"),)},
     "no chapter (of 'q') named 'Two'. Valid: One"),
    ({"floor": "a"}, "a score needs both a floor and a ceiling"),
    ({"floor": "a", "ceiling": "b"}, "'a' is trained; a score is measured between"),
])  # fmt: skip
def test_contradictions_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BydemoError) as raised:
        replace(GOOD, **change).check()
    assert said in str(raised.value)


def test_a_curve_may_show_arms_that_are_not_compared_but_none_that_are_unknown() -> None:
    drawn = Curve(x_label="episodes", series={"plain": {"a": 10, "b": 50}})
    replace(GOOD, questions=(replace(QUESTION, curve=drawn),)).check()
    wrong = replace(drawn, series={"plain": {"c": 10}})
    with pytest.raises(BydemoError, match="no arm of the study named 'c'"):
        replace(GOOD, questions=(replace(QUESTION, curve=wrong),)).check()


def test_the_plan_of_the_page_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "adding_a_study.md"
    code = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    made = types.ModuleType("adding_a_study")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile("\n".join(code), str(page), "exec"), made.__dict__)
    asked = made.plan(made.Config())
    replace(asked, searches=(made.search,)).check()
    assert list(asked.every_task) == ["push"]
    assert asked.datasets["pushes"].episodes == 250
    given = made.plan(made.Config(data=Path("mine"), seeds=(1,)))
    assert given.datasets["pushes"].path == Path("mine")
    assert given.arms[2].seeds == (1,)
