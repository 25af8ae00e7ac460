"""A plan that contradicts itself is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.studies.small_study import Config, Trick, plan

from bydemo.core.errors import BydemoError
from bydemo.studies.plan import Arm, Question, StudyPlan

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
    ({"floor": "a"}, "a score needs both a floor and a ceiling"),
    ({"floor": "a", "ceiling": "b"}, "'a' is trained; a score is measured between"),
])  # fmt: skip
def test_contradictions_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BydemoError) as raised:
        replace(GOOD, **change).check()
    assert said in str(raised.value)
