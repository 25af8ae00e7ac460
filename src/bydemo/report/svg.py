"""The small change of drawing: SVG elements, axes with round numbers, and figures as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from markupsafe import Markup

Number = float | int | None

MINUS, DASH, PERCENT = "\u2212", "\u2013", "\u00a0%"
"""The true minus sign; the dash of an undefined figure; a percent sign that stays on its line."""
FEW_NAMES = 8
"""A logarithmic axis through at most so many different values is labelled with these."""


def element(tag: str, *children: Markup | str, **attributes: object) -> Markup:
    """One SVG or HTML element; text children and attribute values are escaped.

    `class_` becomes `class`, `stroke_width` becomes `stroke-width`; `None` leaves one out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _attribute(value))
        for name, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(children)
    return Markup("<{}{}>{}</{}>").format(Markup(tag), written, inner, Markup(tag))


def _attribute(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a finite number (a missing or undefined figure is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def finite(values: Iterable[Number]) -> list[float]:
    """Those of `values` that are finite numbers."""
    return [float(v) for v in values if v is not None and math.isfinite(v)]


def figure(value: Number, digits: int = 3) -> str:
    """A number for reading: `digits` significant ones, thousands grouped; a dash if undefined."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    if size < -4:
        return f"{value:.{digits - 1}g}".replace("-", MINUS)
    return f"{value:.{max(0, digits - 1 - size)}f}".replace("-", MINUS)


def rounded(value: Number, half: Number) -> str:
    """A number with as many decimals as its uncertainty `half` leaves meaning to: -22.55 with
    0.34, -22.6 with 0.65; of an unknown or vanishing one, three significant digits."""
    if not is_number(value) or not is_number(half) or half <= 1e-5 * abs(value):
        return figure(value)
    size = math.floor(math.log10(half))
    fine = half / 10.0**size < 4
    decimals = min(max(0, (1 if fine else 0) - size), 6)
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def percent(share: float, decimals: int = 0) -> str:
    """A share as a percentage, e.g. 0.931 as `93 %`."""
    return f"{100 * share:.{decimals}f}{PERCENT}".replace("-", MINUS)


def sentence(text: str) -> str:
    """`text` with a capital at its head."""
    return text[:1].upper() + text[1:]


def spoken(name: str) -> str:
    """A name from a file in running text."""
    return name.replace("_", " ")


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def short(value: float, step: float) -> str:
    """An axis label: as many decimals as neighbours `step` apart need to differ."""
    if value != 0 and (abs(value) >= 1e5 or step < 1e-4):
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("-", MINUS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (steps of 1, 2 or 5 times a power of ten) within low..high."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


@dataclass(frozen=True)
class Axis:
    """A linear map from data low..high to drawing units start..end (either may run backwards)."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float, *, zero: bool = False) -> Axis:
        """An axis that holds all `values` (and 0 on request); one value gets room around it."""
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            room = abs(high) * 0.1 or 1.0
            low, high = (low, high + room) if zero and low == 0 else (low - room, high + room)
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """The place of `value`, unclipped."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def values(self, count: int) -> list[float]:
        """The values that get labels."""
        return ticks(self.low, self.high, count)

    def labels(self, count: int) -> list[tuple[float, str]]:
        """(place, text) of the axis labels."""
        values = self.values(count)
        step = values[1] - values[0] if len(values) > 1 else abs(values[0]) or 1.0
        return [(self.at(value), short(value, step)) for value in values]


@dataclass(frozen=True)
class LogAxis(Axis):
    """A logarithmic map; `low` and `high` are positive. `named`: values that get the labels,
    as far as there is room; round numbers unless given."""

    named: tuple[float, ...] = ()

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> LogAxis:
        """An axis that holds all `values`, of which few enough are named as they are."""
        known = sorted({v for v in values if v > 0}) or [1.0]
        low, high = known[0], known[-1]
        if high < 1.01 * low:
            low, high = low / 2, high * 2
        return cls(low, high, start, end, tuple(known) if len(known) <= FEW_NAMES else ())

    def at(self, value: float) -> float:
        """The place of `value`, which is positive."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def values(self, count: int) -> list[float]:
        """The values that get labels, none nearer to its neighbours than `count` allow."""
        room = abs(self.end - self.start) / (count + 1)
        out: list[float] = []
        for value in self.named or self._round(count):
            if not out or abs(self.at(value) - self.at(out[-1])) >= room:
                out.append(value)
        return out

    def labels(self, count: int) -> list[tuple[float, str]]:
        """(place, text) of the axis labels."""
        return [(self.at(value), _in_powers(value)) for value in self.values(count)]

    def _round(self, count: int) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [m * 10.0**p for p in powers for m in steps]
            found = [v for v in found if self.low * 0.999 <= v <= self.high * 1.001]
            if len(found) <= count + 2:
                break
        return found if len(found) > 1 else [self.low, self.high]


def _in_powers(value: float) -> str:
    text = f"{value:.0e}".replace("e-0", "e-") if value < 1e-3 else f"{value:,.6g}"
    return text.replace("-", MINUS)
