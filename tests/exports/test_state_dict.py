"""The dictionary that courses ask for: its keys, that plain lines load it, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.exports.agents import MIXED, STATE, agent, observation

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.images import View
from bydemo.exports import export
from bydemo.nets.fully_connected import FullyConnectedNetwork

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"
UNLIMITED = Spec(
    observation=STATE.observation,
    action=Field.vector(Part(name="torque", size=4)),
    control_rate=20.0,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return export(agent(UNLIMITED), "state-dict", tmp_path / "trained_pusher_policy.pt")


def test_the_keys_are_those_of_the_layout(file: Path) -> None:
    saved = torch.load(file, weights_only=True)
    assert list(saved) == ["net", "hid_size", "num_layers", "X_mean", "X_std", "Y_mean", "Y_std"]
    assert (type(saved["hid_size"]), saved["hid_size"]) == (int, 32)
    assert (type(saved["num_layers"]), saved["num_layers"]) == (int, 2)
    shapes = {name: tuple(saved[name].shape) for name in ("X_mean", "X_std", "Y_mean", "Y_std")}
    assert shapes == {"X_mean": (10,), "X_std": (10,), "Y_mean": (4,), "Y_std": (4,)}
    assert list(saved["net"]) == [f"layers.{i}.{kind}" for i in (0, 2, 4)
                                  for kind in ("weight", "bias")]  # fmt: skip
    tensors = [*saved["net"].values(), *(saved[name] for name in shapes)]
    assert all(type(t) is torch.Tensor and t.dtype == torch.float32 for t in tensors)


@pytest.mark.parametrize("scaling", ["standardise", "minmax", "none"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_lines_of_the_page_give_the_agents_actions(
    tmp_path: Path, scaling: Any, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout, which is nothing when acting, must not shift the layers' numbers."""
    ours = agent(UNLIMITED, scaling=scaling, dropout=dropout)
    export(ours, "state-dict", tmp_path / "trained_pusher_policy.pt")
    text = PAGE.read_text(encoding="utf-8")
    code = next(block for block in text.split("```python\n")[1:] if "weights_only" in block)
    made: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    exec(code.partition("```")[0], made)
    for seed in range(20):
        seen = observation(UNLIMITED, seed)
        told = made["policy"](seen["observation"])
        np.testing.assert_allclose(told, ours.act(seen), rtol=1e-5, atol=1e-5)


def test_a_fully_connected_network_takes_the_weights_strictly(file: Path) -> None:
    saved = torch.load(file, weights_only=True)
    net = FullyConnectedNetwork(10, 4, saved["hid_size"], saved["num_layers"])
    net.load_state_dict(saved["net"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"history": 2}, "it looks back 2 steps (history)"),
        ({"chunk": 4}, "it predicts 4 steps at once (chunk)"),
        ({"layer_norm": True}, "it normalises its layers (layer_norm)"),
        ({"activation": "tanh"}, "its activation is 'tanh', not 'relu'"),
        ({"widths": (32, 16)}, "its hidden layers are [32, 16] wide, expected some of one width"),
        ({"widths": ()}, "its hidden layers are [] wide, expected some of one width"),
        ({"prompt_width": 4}, "it reads the instruction (prompt_width)"),
        ({"spec": MIXED}, "'arm.place' has labels (hand); 'arm.place' has components that it does "
         "not use (time); 'action' has labels (gripper, lamp); 'action' has components that it "
         "does not use (spare)"),
        ({"spec": MIXED, "model": "behavior_cloning", "view": View(cameras=("front",), size=16)},
         "its model is 'behavior_cloning', not 'proprioception'; it sees images (front)"),
    ],
)  # fmt: skip
def test_what_the_layout_cannot_hold_is_named(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        export(agent(**changes), "state-dict", tmp_path / "p.pt")
    head = "field 'format': the layout cannot hold this policy: "
    assert str(caught.value).startswith(head + said)
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_float32_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    """A clock in seconds since 1970: the codec keeps it in float64, the layout cannot."""
    ours = agent(UNLIMITED)
    ours.codec.proprioception.offset[:] = 1.8e9
    with pytest.raises(InputError, match=r"'tolerance': the dictionary's actions differ .*written"):
        export(ours, "state-dict", tmp_path / "p.pt")
    assert list(tmp_path.iterdir()) == []
