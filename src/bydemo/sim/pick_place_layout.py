"""What stands where in an episode of pick and place, drawn from one generator.

Everything that differs between two episodes is drawn here, in a fixed order: the same generator
state gives the same layout on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bydemo.sim.kitchen import Region
from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.kitchen_receptacles import RECEPTACLES

Template = Literal["pick", "place"]

_GRASP_YAW = math.pi / 2
"""[rad] an object turned by this offers its narrow side to the hand, which closes along x."""
STANDING_REGION = Region(x=(-0.222, -0.008), y=(-0.55, -0.29))
"""Centres of objects and dishes: the open hand must fit between them and the furniture."""
_TABLE_AREA = (*(RECEPTACLES["table"].home or (0.0, 0.0)), 0.07)
"""x, y and radius [m] of what the hand needs to put something on the table's marked area."""
_SCENES = 12
_WAY = 0.24
"""[m] at least, from where a held object begins to where it belongs."""
_EASY_REACH = 0.62
"""[m] from the base's axis; further out the arm is nearly straight and slow."""
_ATTEMPTS = 60
_HAND = (0.072, 0.050)
"""[m] half extent along x and y of the open hand around an object that it takes."""
_GAP = 0.012
"""[m] between footprints that no hand goes between."""


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """How much episodes differ; 0 holds a thing at its nominal value."""

    object_yaw: float = 0.35
    """[rad] either side of a convenient grasp."""
    colour: float = 0.05
    """Relative, either side, for each body and channel, and twice that for the brightness."""
    light: float = 0.25
    """Relative, either side, of the lamp and of the ambient light."""
    light_direction: float = 0.15
    camera_position: float = 0.006
    """[m] either side, for each camera and axis."""
    camera_angle: float = 0.8
    """[degrees] either side, about each axis."""
    drift: float = 0.0
    """[m/s] standard deviation of an error that the arm adds to the speed asked for. Recorded
    actions don't contain it: demonstrations with some drift show how to come back (Laskey et
    al., "DART: Noise injection for robust imitation learning", CoRL 2017)."""
    start_low: tuple[float, float, float] = (-0.38, -0.60, 0.10)
    start_high: tuple[float, float, float] = (0.18, -0.28, 0.25)
    """[m] box in which the pinch begins, as far as the arm reaches with ease."""
    start_closed: float = 0.4
    """A pick begins with the fingers partly closed with this probability."""


NOMINAL = Randomisation(
    object_yaw=0.0,
    colour=0.0,
    light=0.0,
    light_direction=0.0,
    camera_position=0.0,
    camera_angle=0.0,
)
"""Only what stands where is random."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One episode's scene. `objects`: name -> (x, y, yaw); `dishes`: movable receptacles -> (x, y).

    In a 'place' episode the target is not among `objects`: it begins in the hand.
    """

    template: Template
    target: str
    receptacle: str | None
    objects: dict[str, tuple[float, float, float]]
    dishes: dict[str, tuple[float, float]]
    start: tuple[float, float, float]
    """(3,) of the pinch [m]"""
    closure: float
    """Of the fingers at the start of a pick, 0 open .. 1 closed."""

    @property
    def instruction(self) -> str:
        """The prompt, in the words of the real recordings."""
        if self.template == "pick":
            return f"pick up the {self.target}"
        return f"place the {self.target} in the {self.receptacle}"


def draw_layout(
    rng: np.random.Generator,
    *,
    template: Template,
    objects: tuple[str, ...],
    receptacles: tuple[str, ...],
    count: tuple[int, int],
    randomisation: Randomisation,
) -> Layout:
    """Draws target, receptacle, what else stands there, and where; never overlapping."""
    names = [str(n) for n in rng.permutation(objects)]
    standing = min(int(rng.integers(count[0], count[1] + 1)), len(names))
    target = names[0]
    receptacle = str(rng.choice(receptacles)) if template == "place" else None
    dishes = _draw_dishes(rng, receptacles, receptacle)
    wanted = names[:standing] if template == "pick" else names[1:standing]
    scene = _Scene()
    for attempt in range(_SCENES):
        if attempt >= _SCENES // 2:  # a crowded table: make room by leaving out a spare dish
            dishes = [name for name in dishes if name == receptacle]
        taken = [_TABLE_AREA] if receptacle == "table" else []
        scene = _stand(rng, dishes, wanted, taken, randomisation, hand=template == "pick")
        if len(scene.objects) == len(wanted) and len(scene.dishes) == len(dishes):
            break
    # in the worst case the table holds fewer objects, but what is named is always there
    start = _draw_start(rng, randomisation, _home(receptacle, scene))
    closure = float(rng.uniform(0.0, 1.0)) * float(rng.random() < randomisation.start_closed)
    return Layout(
        template=template,
        target=target,
        receptacle=receptacle,
        objects=scene.objects,
        dishes=scene.dishes,
        start=start,
        closure=closure,
    )


def _draw_dishes(
    rng: np.random.Generator, receptacles: tuple[str, ...], named: str | None
) -> list[str]:
    """Movable receptacles to show, the named one first if it is one."""
    spare = [n for n in receptacles if RECEPTACLES[n].movable and n != named]
    shown = [str(n) for n in rng.permutation(spare)[: int(rng.integers(0, 2))]]
    return [named, *shown] if named is not None and RECEPTACLES[named].movable else shown


def _draw_start(
    rng: np.random.Generator, randomisation: Randomisation, goal: tuple[float, float] | None
) -> tuple[float, float, float]:
    """Where the pinch begins: within easy reach, and not already at the goal."""
    while True:
        x, y, z = rng.uniform(randomisation.start_low, randomisation.start_high)
        far = goal is None or math.hypot(x - goal[0], y - goal[1]) > _WAY
        if math.hypot(x, y) < _EASY_REACH and far:
            return float(x), float(y), float(z)


def _home(receptacle: str | None, scene: _Scene) -> tuple[float, float] | None:
    return (
        None if receptacle is None else scene.dishes.get(receptacle, RECEPTACLES[receptacle].home)
    )


@dataclass(frozen=True)
class _Scene:
    objects: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    dishes: dict[str, tuple[float, float]] = field(default_factory=dict)


def _stand(
    rng: np.random.Generator,
    dishes: list[str],
    objects: list[str],
    taken: list[_Footprint],
    randomisation: Randomisation,
    *,
    hand: bool,
) -> _Scene:
    """Spots for as many as there is room for: the first object, then dishes, then the others."""
    scene = _Scene()
    order = [*objects[:1], *dishes, *objects[1:]] if hand else [*dishes, *objects]
    for name in order:
        kind = RECEPTACLES[name] if name in dishes else OBJECTS[name]
        spot = _free_spot(rng, kind.radius, taken, hand=hand)
        yaw = _GRASP_YAW + rng.uniform(-1.0, 1.0) * randomisation.object_yaw
        yaw += math.pi * int(rng.integers(2))
        if spot is not None and name in dishes:
            scene.dishes[name] = spot
        elif spot is not None:
            scene.objects[name] = (*spot, yaw)
    return scene


_Footprint = tuple[float, float, float]
"""x, y, radius [m]"""


def _free_spot(
    rng: np.random.Generator, radius: float, taken: list[_Footprint], *, hand: bool
) -> tuple[float, float] | None:
    """A spot that keeps clear of `taken` and joins it; None if there is no room."""
    for _ in range(_ATTEMPTS):
        x, y = STANDING_REGION.sample(rng)
        if all(_apart((x, y, radius), other, hand=hand) for other in taken):
            taken.append((x, y, radius))
            return x, y
    return None


def _apart(a: _Footprint, b: _Footprint, *, hand: bool) -> bool:
    """Whether two footprints don't meet; with `hand`, whether it can also take either thing."""
    x, y, larger = abs(a[0] - b[0]), abs(a[1] - b[1]), max(a[2], b[2])
    if math.hypot(x, y) < a[2] + b[2] + _GAP:
        return False
    return not hand or x > larger + _HAND[0] or y > larger + _HAND[1]
