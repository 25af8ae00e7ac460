"""A policy as courses hand it in: one dictionary of a network's weights and the normalisation.

    {"net": state dict, "hid_size": int, "num_layers": int,
     "X_mean": (P,), "X_std": (P,), "Y_mean": (A,), "Y_std": (A,)}

`net` belongs to a fully connected network of `num_layers` hidden layers of `hid_size` units with
ReLU, built as `FullyConnectedNetwork(input_dim, output_dim, hid_size, num_layers)` of
nets/fully_connected.py, with the keys `layers.0.weight`, `layers.0.bias`, `layers.2.weight`, ...
The action, not clipped, is net((x - X_mean) / X_std) * Y_std + Y_mean, where x holds the vector
fields of the observation one after another. All tensors are float32 on the CPU.

This is the one place that writes PyTorch's zipped pickle, because that layout is asked for. It
holds tensors and whole numbers alone and loads with `torch.load(path, weights_only=True)`, which
runs no code.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bydemo.core.codec import gather_proprioception
from bydemo.core.errors import InputError
from bydemo.core.results import write_bytes
from bydemo.exports._observations import Arrays, encoded, made_up
from bydemo.models import proprioception
from bydemo.models.agent import Agent
from bydemo.models.base import config_name
from bydemo.nets.fully_connected import FullyConnectedNetwork

OBSERVATIONS = 256


@dataclass(frozen=True, kw_only=True)
class Config:
    """The dictionary {net, hid_size, num_layers, X_mean, X_std, Y_mean, Y_std} of plain tensors.

    tolerance: largest difference from the agent's action allowed, before limits, on 256 made-up
    observations, in the scale of the codec (one standard deviation where actions were
    standardised).
    """

    tolerance: float = 1e-5

    @property
    def file_name(self) -> str:
        """What the file is called unless the user names it."""
        return "trained_policy.pt"

    def write(self, agent: Agent, destination: Path) -> str:
        """Compare with the agent, then write; InputError names all that the layout cannot hold."""
        told = list(_beyond(agent))
        if told:
            raise InputError(f"the layout cannot hold this policy: {'; '.join(told)}",
                             field="format")  # fmt: skip
        saved = dictionary(agent)
        difference = _difference(agent, saved, made_up(agent, OBSERVATIONS))
        if not difference <= self.tolerance:
            raise InputError(
                f"the dictionary's actions differ from the agent's by {difference:.1e} scales, "
                f"allowed are {self.tolerance:g}; nothing was written",
                field="tolerance",
            )
        buffer = io.BytesIO()
        torch.save(saved, buffer)
        write_bytes(destination, buffer.getvalue())
        return (
            f"On {OBSERVATIONS} made-up observations its actions differ from the agent's by at "
            f"most {difference:.1e} scales (allowed: {self.tolerance:g})."
        )


def _beyond(agent: Agent) -> Iterator[str]:
    """Everything about the agent that the layout has no place for."""
    config, spec = agent.config, agent.spec
    if not isinstance(config, proprioception.Config):
        yield f"its model is '{config_name(config)}', not 'proprioception'"
    else:
        if config.prompt_width:
            yield "it reads the instruction (prompt_width)"
        if config.activation != "relu":
            yield f"its activation is '{config.activation}', not 'relu'"
        if config.layer_norm:
            yield "it normalises its layers (layer_norm)"
        if len(set(config.widths)) != 1:
            yield f"its hidden layers are {list(config.widths)} wide, expected some of one width"
    if agent.view.cameras:
        yield f"it sees images ({', '.join(agent.view.cameras)})"
    if agent.history > 1:
        yield f"it looks back {agent.history} steps (history)"
    if agent.chunk > 1:
        yield f"it predicts {agent.chunk} steps at once (chunk)"
    fields = {name: spec.observation[name] for name in spec.vectors} | {"action": spec.action}
    for name, field in fields.items():
        if field.labels:
            labels = ", ".join(part.name for part in field.labels)
            yield f"'{name}' has labels ({labels})"
        unused = [part.name for part in field.parts if not part.used]
        if unused:
            yield f"'{name}' has components that it does not use ({', '.join(unused)})"


def dictionary(agent: Agent) -> dict[str, Any]:
    """The dictionary of an agent that it can hold."""
    assert isinstance(agent.config, proprioception.Config)
    trained = [m for m in agent.model.modules() if isinstance(m, nn.Linear)]
    widths, codec = agent.config.widths, agent.codec
    net = FullyConnectedNetwork(
        trained[0].in_features, trained[-1].out_features, widths[0], len(widths)
    )
    plain = [m for m in net.modules() if isinstance(m, nn.Linear)]
    for ours, theirs in zip(plain, trained, strict=True):
        ours.load_state_dict(theirs.state_dict())
    return {
        "net": {name: tensor.detach().clone() for name, tensor in net.state_dict().items()},
        "hid_size": widths[0],
        "num_layers": len(widths),
        "X_mean": _float(codec.proprioception.offset),
        "X_std": _float(codec.proprioception.scale),
        "Y_mean": _float(codec.action.offset),
        "Y_std": _float(codec.action.scale),
    }


def actions_of(saved: dict[str, Any], inputs: Tensor) -> Tensor:
    """(B, P) float32 -> (B, A): what the dictionary's policy does, as its layout means it."""
    net = FullyConnectedNetwork(
        len(saved["X_mean"]), len(saved["Y_mean"]), saved["hid_size"], saved["num_layers"]
    )
    net.load_state_dict(saved["net"])
    with torch.no_grad():
        normalised = net((inputs - saved["X_mean"]) / saved["X_std"])
        actions: Tensor = normalised * saved["Y_std"] + saved["Y_mean"]
    return actions


def _difference(agent: Agent, saved: dict[str, Any], observations: Arrays) -> float:
    """The largest difference of the actions before limits, in scales."""
    raw = gather_proprioception(agent.spec, observations)
    ours = actions_of(saved, torch.from_numpy(raw.astype(np.float32))).numpy()
    batch = {n: torch.from_numpy(array) for n, array in encoded(agent, observations).items()}
    device = next(agent.model.parameters()).device
    with torch.inference_mode():
        told = agent.model.predict({n: tensor.to(device) for n, tensor in batch.items()})
    continuous = told.continuous[:, 0].float().cpu().numpy()
    theirs = agent.codec.action.decode(continuous)
    return float((np.abs(ours - theirs) / agent.codec.action.scale).max())


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
