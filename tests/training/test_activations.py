"""What a watch sees of a model's outputs, and that looking changes nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.models.samples import Samples, grey_view, reference_shapes
from tests.training.toy import config, policy, rows, run, same_weights
from torch import Tensor, nn

from bydemo.models.behavior_cloning import TUNED
from bydemo.training import loop
from bydemo.training.activations import ActivationWatch


class Branches(nn.Module):
    """Two stages, one of them called twice, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.idle = nn.Sequential(nn.Identity(), Double()), nn.Linear(1, 1)
        self.pairs = nn.ModuleList([Pair()])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.pairs[0](self.twice(x), self.twice(2 * x))
        return found


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


class Pair(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> dict[str, object]:
        return {"first": a, "rest": (b, [torch.ones(3, dtype=torch.int64)])}


def test_root_mean_square_of_each_stage_by_hand() -> None:
    model, watch, x = Branches(), ActivationWatch(), torch.tensor([[1.0, -3.0], [0.0, 2.0]])
    with watch.on(model):
        model(x)
    calls = torch.cat([2 * x, 4 * x])
    expected = pytest.approx(float(calls.square().mean().sqrt()))
    assert watch.stages() == {"twice": expected, "pairs.0": expected}


def test_a_single_stage_is_opened() -> None:
    model, watch = nn.Sequential(nn.Sequential(Double(), Double())), ActivationWatch()
    with watch.on(model):
        model(torch.ones(2, 3))
    assert watch.stages() == {"0.0": 2.0, "0.1": 4.0}


def test_nothing_remains_after_watching() -> None:
    model, watch = Branches(), ActivationWatch()
    with pytest.raises(RuntimeError), watch.on(model):
        raise RuntimeError
    model(torch.ones(2, 2))
    assert watch.stages() == {}


def test_half_precision_is_summed_in_single() -> None:
    """The squares of 300 overflow float16."""
    model, watch = nn.ModuleList([Double(), Double()]), ActivationWatch()
    with watch.on(model):
        for stage in model:
            stage(torch.full((4,), 300.0, dtype=torch.float16))
    assert watch.stages() == {"0": 600.0, "1": 600.0}


def test_stages_of_the_reference_policy() -> None:
    shapes = reference_shapes()
    model = TUNED.build(replace(shapes, view=grey_view(32)))
    watch = ActivationWatch()
    with watch.on(model):
        model.loss(Samples(model.shapes, 4).batch(), torch.Generator())
    assert list(watch.stages()) == ["convolutions", "image_branch", "observation_branch", "head"]


def test_training_is_the_same_without_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, _ = run(tmp_path / "a", settings=config())
    assert all(row["activations"] for row in rows(tmp_path / "a", "train"))
    monkeypatch.setattr(loop, "ActivationWatch", Blind)
    unwatched, _ = run(tmp_path / "b", policy(), settings=config())
    assert same_weights(watched, unwatched)


class Blind(ActivationWatch):
    """Looks at a module that nobody calls."""

    def on(self, model: nn.Module) -> AbstractContextManager[None]:
        return super().on(nn.Module())
