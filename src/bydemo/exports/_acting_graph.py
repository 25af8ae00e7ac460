"""From raw observations to a raw action in tensors alone: what an exported graph computes.

The same arithmetic as `models/agent.py` with `core/codec.py`, `core/images.py` and
`models/acting.py`, in operations that a graph can hold. Shape letters as in `models/base.py`;
T steps of history, D components of a field, A of a raw action.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bydemo.core.images import LUMA, View
from bydemo.models.acting import action_limits
from bydemo.models.agent import Agent

PROMPT, ACTION = "prompt", "action"
"""Names of the word indices among the inputs, and of the output."""


class ActingGraph(nn.Module):
    """Raw observation fields, one tensor each in the order of `inputs` -> action (B, K, A) float32.

    A vector field is (B, D) of the recorded dtype, with a history (B, T, D), oldest first; an image
    (B, H, W, C) uint8 as recorded; `prompt` (B, L) int64. The likeliest class is a label, and the
    action is within its limits. An observation that the agent would refuse because it is not
    finite gives an action of NaN, and so does a model that breaks down.
    """

    offset: Tensor
    scale: Tensor
    action_offset: Tensor
    action_scale: Tensor
    low: Tensor
    high: Tensor
    bias: Tensor
    place: Tensor

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        spec, codec = agent.spec, agent.codec
        fields = [name for name in spec.vectors if len(_numeric(agent, name))]
        self.vectors, self.view = tuple(fields), agent.view
        self.inputs = (*self.vectors, *agent.view.cameras, PROMPT)
        self.model = deepcopy(agent.model).cpu().eval()
        for name, affine in (("", codec.proprioception), ("action_", codec.action)):
            self.register_buffer(f"{name}offset", torch.from_numpy(affine.offset))
            self.register_buffer(f"{name}scale", torch.from_numpy(affine.scale))
        for name, limit in zip(("low", "high"), action_limits(spec), strict=True):
            self.register_buffer(name, torch.from_numpy(limit))
        self.limited = bool(torch.isfinite(torch.cat([self.low, self.high])).any())
        self.classes = [len(part.classes) for part in spec.action.labels]
        bias = agent.options.label_bias or (0.0,) * sum(self.classes)
        self.register_buffer("bias", torch.tensor(bias, dtype=torch.float32))
        for i, name in enumerate(self.vectors):
            width = spec.observation[name].shape[0]
            self.register_buffer(f"columns_{i}", _unless_all(_numeric(agent, name), width))
        self.register_buffer("place", _unless_all(_order(agent), spec.action.shape[0]))
        self.unused = bool(len(_unused(agent)))

    def forward(self, *inputs: Tensor) -> Tensor:
        """See the class."""
        raw = dict(zip(self.inputs, inputs, strict=True))
        felt = self.felt(raw)
        batch = {"proprioception": felt, PROMPT: raw[PROMPT]}
        if self.view.cameras:
            batch["image"] = seen(self.view, raw)
        prediction = self.model.predict(batch)
        continuous, logits = prediction.continuous, prediction.logits
        action = self.raw_action(continuous, logits)
        if self.limited:
            action = torch.minimum(torch.maximum(action, self.low), self.high)
        # x - x is 0, or NaN where x is not finite: limits and ReLU may swallow a NaN, a sum cannot.
        for each in (continuous, logits):
            if each.shape[-1]:
                action = action + (each - each).sum(-1, keepdim=True)
        return action + (felt - felt).sum(-1)[:, None, None]

    def felt(self, raw: Mapping[str, Tensor]) -> Tensor:
        """Raw vector fields -> encoded proprioception (B, P) float32."""
        chosen = []
        for i, name in enumerate(self.vectors):
            values, columns = raw[name].double(), self.get_buffer(f"columns_{i}")
            chosen.append(values if columns.numel() == 0 else values.index_select(-1, columns))
        joined = chosen[0] if len(chosen) == 1 else torch.cat(chosen, dim=-1)
        return ((joined - self.offset) / self.scale).float().flatten(1)

    def raw_action(self, continuous: Tensor, logits: Tensor) -> Tensor:
        """(B, K, C) and (B, K, S) -> (B, K, A), not yet within limits."""
        parts = [(continuous.double() * self.action_scale + self.action_offset).float()]
        if self.classes:
            split = torch.split(logits + self.bias, self.classes, dim=-1)
            parts += [block.argmax(-1, keepdim=True).float() for block in split]
        if self.unused:
            parts.append(torch.zeros_like(continuous[..., :1]))
        action = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return action if self.place.numel() == 0 else action.index_select(-1, self.place)


def seen(view: View, raw: Mapping[str, Tensor]) -> Tensor:
    """`View.of` in tensors: (B, H, W, C) uint8 a camera -> (B, size, size, channels) uint8.

    The integers are computed in float32, which holds every whole number below 2^24 exactly: sums
    of blocks of up to 65,793 pixels.
    """
    images = [raw[name] for name in view.cameras]
    if not view.colour:
        images = [_grey(image) for image in images]
    images = [_shrunk(image, view.size) for image in images]
    return images[0] if len(images) == 1 else torch.cat(images, dim=-1)


def _grey(image: Tensor) -> Tensor:
    if image.shape[-1] == 1:
        return image
    weights = torch.tensor(LUMA, dtype=torch.float32)
    luma = (image.float() * weights).sum(-1, keepdim=True)
    return ((luma + 128) / 256).floor().to(torch.uint8)


def _shrunk(image: Tensor, size: int) -> Tensor:
    height, width, channels = image.shape[1:]
    if (height, width) == (size, size):
        return image
    rows, columns = height // size, width // size
    blocks = image.float().reshape(-1, size, rows, size, columns, channels)
    area = rows * columns
    return ((blocks.sum((2, 4)) + area // 2) / area).floor().to(torch.uint8)


def _numeric(agent: Agent, name: str) -> NDArray[np.int64]:
    return agent.spec.observation[name].columns(labels=False)


def _unused(agent: Agent) -> NDArray[np.int64]:
    """Columns of the action that no model fills."""
    field = agent.spec.action
    used = [field.columns(labels=labels) for labels in (False, True)]
    return np.setdiff1d(np.arange(field.shape[0]), np.concatenate(used))


def _order(agent: Agent) -> NDArray[np.int64]:
    """(A,) where each component of the action stands in (continuous, labels, one zero)."""
    field = agent.spec.action
    used = np.concatenate([field.columns(labels=False), field.columns(labels=True)])
    place = np.full(field.shape, len(used), np.int64)
    place[used] = np.arange(len(used))
    return place


def _unless_all(columns: NDArray[np.int64], width: int) -> Tensor:
    """The columns to select; none where they are all there, in order."""
    same = len(columns) == width and bool((columns == np.arange(width)).all())
    return torch.from_numpy(np.zeros(0, np.int64) if same else columns)
