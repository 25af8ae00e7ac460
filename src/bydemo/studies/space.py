"""What a search may try: choices and ranges by field, and points spread evenly over them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bydemo.core.errors import InputError

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Choice:
    """One of some values, which need no order: plain JSON values, or tuples of them."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise InputError(f"{list(self.values)}: expected two values or more", field="space")

    def at(self, share: float) -> Any:
        """The value at a share 0..1 of the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """Ask for a value."""
        return self.meant(trial.suggest_categorical(name, [self.stored(v) for v in self.values]))

    def stored(self, value: Any) -> str:
        """As the database holds it."""
        return json.dumps(value)

    def meant(self, stored: str) -> Any:
        """The way back."""
        return next(value for value in self.values if json.dumps(value) == stored)

    def to_json(self) -> dict[str, Any]:
        """{"choices": [...]}."""
        return {"choices": list(self.values)}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; log: orders of magnitude alike; whole numbers
    only."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise InputError(f"{self.low:g} to {self.high:g} is no range", field="space")

    def at(self, share: float) -> float | int:
        """The number at a share 0..1 of the way."""
        if self.whole:
            low, high = self.low - 0.5, self.high + 0.5
        else:
            low, high = self.low, self.high
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value

    def suggest(self, trial: optuna.Trial, name: str) -> float | int:
        """Ask for a value."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def stored(self, value: float | int) -> float | int:
        """As the database holds it."""
        return value

    def meant(self, stored: float | int) -> float | int:
        """The way back."""
        return stored

    def to_json(self) -> dict[str, Any]:
        """{"low", "high", "log", "whole"}."""
        return {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole}


def even(space: Mapping[str, Choice | Range], count: int, seed: int) -> list[dict[str, Any]]:
    """The first `count` points of a scrambled Halton sequence: fewer are a part of more, and they
    leave smaller gaps than independent draws."""
    from scipy.stats import qmc

    points = qmc.Halton(len(space), scramble=True, rng=seed).random(count)
    return [
        {name: dimension.at(float(share)) for (name, dimension), share in
         zip(space.items(), point, strict=True)}
        for point in points
    ]  # fmt: skip
