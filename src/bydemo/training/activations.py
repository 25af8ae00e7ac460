"""How large a model's activations are, stage by stage: with the gradient's norm, what tells a
network that has died or is about to blow up from one that learns.

A stage is an outermost module that is called in a step: a branch, a head. Where there is just one,
its own parts are the stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


class ActivationWatch:
    """The outputs of every module that was called while the watch was on, by full name."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._sums: dict[str, tuple[Tensor, int]] = {}

    @contextmanager
    def on(self, model: nn.Module) -> Iterator[None]:
        """Watch the modules inside `model`; outside of this block nothing of it remains."""
        modules = [(name, module) for name, module in model.named_modules() if name]
        self._order = [name for name, _ in modules]
        hooks = [m.register_forward_hook(partial(self._see, name)) for name, m in modules]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def stages(self) -> dict[str, float]:
        """Stage -> root mean square of its output, over samples, places and calls, in the model's
        own order."""
        known = [name for name in self._order if name in self._sums]
        chosen = _outermost(known)
        while len(chosen) == 1:
            inside = [name for name in known if name.startswith(f"{chosen[0]}.")]
            if not inside:
                break
            known, chosen = inside, _outermost(inside)
        return {name: self._rms(name) for name in chosen}

    def _see(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        tensors = [t for t in _tensors(output) if t.is_floating_point() and t.numel()]
        for tensor in tensors:
            norm = torch.linalg.vector_norm(tensor.detach(), dtype=torch.float32)
            before, count = self._sums.get(name, (torch.zeros_like(norm), 0))
            self._sums[name] = before + norm.square(), count + tensor.numel()

    def _rms(self, name: str) -> float:
        squares, count = self._sums[name]
        return float((squares / count).sqrt())


def _outermost(names: list[str]) -> list[str]:
    """Those that no other one holds."""
    known = set(names)

    def held(name: str) -> bool:
        parents = name.split(".")[:-1]
        return any(".".join(parents[: n + 1]) in known for n in range(len(parents)))

    return [name for name in names if not held(name)]


def _tensors(output: Any) -> Iterator[Tensor]:
    """All tensors of a module's output, however it holds them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from _tensors(value)
