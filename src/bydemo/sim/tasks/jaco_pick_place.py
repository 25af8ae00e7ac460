"""Pick up a named toy, or place a held one in a named receptacle, with a Jaco 2 on a kitchen table.

Observations, action law, rate and prompts are those of the CLVR Jaco Play recordings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, SimulationError, UnknownNameError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.jaco_play import CONTROL_RATE, IMAGE_SIZE, SPEED_LIMIT, jaco_play_spec
from bydemo.sim import kitchen
from bydemo.sim.camera import FAST_PROFILE, FRONT, MOUNT, Cameras, calibration
from bydemo.sim.expert import Motion, PlanFollower, Touch, Vector
from bydemo.sim.jaco_arm import OPEN, JacoArm
from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.kitchen_receptacles import RECEPTACLES
from bydemo.sim.physics import advance
from bydemo.sim.pick_place_judge import PickPlaceJudge
from bydemo.sim.pick_place_layout import Layout, Randomisation, Template, draw_layout
from bydemo.sim.pick_place_look import Look
from bydemo.sim.pick_place_plan import PHASES, PickPlaceState, next_motion
from bydemo.sim.pick_place_start import begin
from bydemo.sim.scene import compile_scene
from bydemo.sim.task import Annotation, Observation, Task, action_space_of, space_of

_CARRY_CLEARANCE = 0.075
"""[m] under a carried object: the tallest thing on the table is a cup of 0.056 m."""
_DRIFT_MEMORY = 0.8
"""Share of the drift that is left after one step: it lasts about half a second."""
_MEASURED_AT = np.array([-0.1, -0.43, 0.15])
"""[m] the pinch in the middle of the workspace, where the hand camera's pose is measured."""
_PICTURES = {FRONT: "front_cam", MOUNT: "mount_cam"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which episodes the task family draws."""

    template: Literal["pick", "place", "both"] = "both"
    """'pick up the X', 'place the X in the Y', or either with equal chance."""
    objects: tuple[str, ...] = tuple(OBJECTS)
    """What may be named and may stand on the table."""
    receptacles: tuple[str, ...] = tuple(RECEPTACLES)
    """What may be named as Y."""
    object_count: tuple[int, ...] = (3, 5)
    """Fewest and most objects in an episode, the named one included."""
    randomisation: Randomisation = field(default_factory=Randomisation)
    touch: Touch = field(default_factory=Touch)
    """The habits of the expert."""
    max_steps: int = 100
    pictures: bool = True
    """False leaves them black, for measuring an expert without drawing."""

    def __post_init__(self) -> None:
        if self.template not in ("pick", "place", "both"):
            raise UnknownNameError("template", self.template, ("pick", "place", "both"))
        for kind, names, valid in (
            ("object", self.objects, OBJECTS),
            ("receptacle", self.receptacles, RECEPTACLES),
        ):
            if not names:
                raise InputError(f"needs at least one {kind}", field=f"{kind}s")
            for name in names:
                if name not in valid:
                    raise UnknownNameError(kind, name, valid)
        low, high = self.object_count if len(self.object_count) == 2 else (0, 0)
        if not 1 <= low <= high:
            raise InputError(
                f"is {self.object_count}, expected (fewest, most) with 1 <= fewest <= most",
                field="object_count",
            )

    def variants(self) -> dict[str, Config]:
        """The skills that are judged apart, by name; without drift, which only recording wants."""
        both: tuple[Template, ...] = ("pick", "place")
        still = replace(self.randomisation, drift=0.0)
        return {
            template: replace(self, template=template, randomisation=still)
            for template in (both if self.template == "both" else (self.template,))
        }

    def build(self) -> JacoPickPlace:
        """The environment."""
        return JacoPickPlace(self)


def _annotation() -> dict[str, Field]:
    return {
        "phase": Field.vector(Part(name="phase", size=1, classes=PHASES), dtype="int8"),
        "object_position": Field.vector(Part(name="position", size=3, unit="m")),
        "target_position": Field.vector(Part(name="position", size=3, unit="m")),
        "distance": Field.vector(
            Part(name="distance", size=1, unit="m"),
            description="pinch to object in a pick, object to goal in a place",
        ),
    }


class JacoPickPlace(Task):
    """One arm, one table, one model; every episode rearranges it."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "render_fps": int(CONTROL_RATE),
    }
    render_mode = "rgb_array"

    def __init__(self, config: Config) -> None:
        self.config = config
        self.max_steps = config.max_steps
        self.instruction = ""
        self._model = compile_scene()
        self._data = mujoco.MjData(self._model)
        self._arm = JacoArm(self._model, self._data)
        self.data_spec = self._spec()
        self.observation_space = space_of(self.data_spec.observation)
        self.action_space = action_space_of(self.data_spec.action)
        self._look = Look(self._model)
        self._cameras = Cameras(self._model) if config.pictures else None
        self._layout: Layout | None = None
        self._failure: str | None = None
        self._over = False

    @property
    def rendering(self) -> dict[str, Any]:
        """How pictures are drawn, for a dataset's manifest: profiles must never be mixed."""
        nominal = {n: [float(x) for x in self._look.camera_position(n)] for n in _PICTURES}
        return {
            "profile": dict(FAST_PROFILE) if self._cameras is not None else "black",
            "cameras": {_PICTURES[n]: {"position": position} for n, position in nominal.items()},
        }

    # ----------------------------------------------------------------- Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draws an episode; `options` may hold 'template' to ask for one."""
        super().reset(seed=seed)
        rng = self.np_random
        template = (options or {}).get("template", self.config.template)
        if template == "both":
            template = ("pick", "place")[int(rng.integers(2))]
        self._look.draw(rng, self.config.randomisation)
        self._layout = self._arrange(rng, template)
        self.instruction = self._layout.instruction
        self._judge = PickPlaceJudge(self._model, self._data, self._arm, self._layout)
        self._failure, self._over, self._steps = None, False, 0
        self._drift = np.zeros(3)
        return self._observe(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One tenth of a second: `action` (4,) is velocity [m/s] and gripper label."""
        if self._layout is None or self._over:
            raise SimulationError("the episode is over: call reset() before step()")
        command = np.asarray(action, dtype=np.float64)
        if command.shape != (4,):
            raise InputError(f"has shape {command.shape}, expected (4,)", field="action")
        self._steps += 1
        if not np.isfinite(command).all():
            self._failure = "non-finite action"
        else:
            label = int(np.clip(np.rint(command[3]), 0, 2))
            self._arm.move_fingers(label)
            velocity = command[:3].clip(-SPEED_LIMIT, SPEED_LIMIT) + self._next_drift()
            if not advance(self._model, self._data, self._arm, velocity):
                self._failure = "physics warning"
            else:
                self._judge.watch(opening=label == OPEN)
        succeeded = self._failure is None and self._judge.success()
        if self._failure is None and not succeeded and self._judge.hopeless():
            self._failure = self._judge.failure()
        terminated = succeeded or self._failure is not None
        truncated = not terminated and self._steps >= self.max_steps
        if truncated:
            self._failure = self._judge.failure()
        self._over = terminated or truncated
        return self._observe(), float(succeeded), terminated, truncated, self._info()

    def render(self) -> NDArray[np.uint8]:
        """The front camera's picture (224, 224, 3)."""
        return self._pictures()["front_cam"]

    def close(self) -> None:
        """Frees the cameras."""
        if self._cameras is not None:
            self._cameras.close()

    # ----------------------------------------------------------------- Task

    def success(self) -> bool:
        """See `PickPlaceJudge.success`."""
        return self._layout is not None and self._failure is None and self._judge.success()

    def failure_reason(self) -> str | None:
        """Why the episode ended without success; None while it goes on or if it succeeded."""
        return self._failure

    def expert(self, rng: np.random.Generator) -> PlanFollower:
        """A person's hand on the plan."""
        return PlanFollower(
            self.plan, rng, self.config.touch, frozenset({"approach", "carry"}), "recover"
        )

    def annotation(self) -> Annotation:
        """Phase of the plan in the present state, object, goal, and the distance that matters."""
        state = self.state()
        goal = state.target if state.goal is None else state.goal
        start = state.pinch if state.goal is None else state.target
        return {
            "phase": np.array([PHASES.index(self.plan(np.zeros(3)).phase)], np.int8),
            "object_position": state.target.astype(np.float32),
            "target_position": goal.astype(np.float32),
            "distance": np.array([np.linalg.norm(goal - start)], np.float32),
        }

    # ----------------------------------------------------------------- inside

    def _spec(self) -> Spec:
        """The recordings' fields, with the cameras' nominal places measured in this model."""
        self._arm.reset(_MEASURED_AT)
        mujoco.mj_forward(self._model, self._data)
        plain = jaco_play_spec(_annotation())
        observation = dict(plain.observation)
        for camera, name in _PICTURES.items():
            calibrated = calibration(
                self._model, self._data, camera, moving=camera == MOUNT,
                frame="ee_position.position", tip=self._arm.pinch_position(),
                reported=self._arm.proprioception()["ee_position"][:3],
            )  # fmt: skip
            observation[name] = replace(observation[name], camera=calibrated)
        return replace(plain, observation=observation)

    def plan(self, aim: Vector) -> Motion:
        """What the expert would do now, with its aim off by `aim` (3,) [m]."""
        return next_motion(self.state(), aim)

    def state(self) -> PickPlaceState:
        """The truth that the plan looks at."""
        layout = self._present()
        kind = OBJECTS[layout.target]
        goal, carry = None, 0.0
        if layout.receptacle is not None:
            receptacle = RECEPTACLES[layout.receptacle]
            goal = kitchen.drop_point(self._model, layout.receptacle)
            goal[2] += kind.rest_height + receptacle.release_height
            carry = kind.rest_height + max(goal[2] - kind.rest_height + 0.05, _CARRY_CLEARANCE)
        return PickPlaceState(
            pinch=self._arm.pinch_position(),
            closure=float(self._arm.fingers().mean()),
            squeezing=self._arm.squeezing(),
            stalled=self._arm.stalled(),
            exhausted=self._arm.exhausted(),
            target=kitchen.object_position(self._model, self._data, layout.target),
            grasp_offset=kind.grasp_height - kind.rest_height,
            goal=goal,
            carry_height=carry,
            delivered=self._judge.delivered(),
        )

    def _next_drift(self) -> Vector:
        """(3,) [m/s] a slowly wandering error of the arm's speed (Ornstein-Uhlenbeck)."""
        shock = self.config.randomisation.drift * math.sqrt(1 - _DRIFT_MEMORY**2)
        self._drift = _DRIFT_MEMORY * self._drift + shock * self.np_random.normal(size=3)
        return self._drift

    def _present(self) -> Layout:
        if self._layout is None:
            raise SimulationError("there is no episode yet: call reset() first")
        return self._layout

    def _arrange(self, rng: np.random.Generator, template: Template) -> Layout:
        """Draws layouts until one stands still; in a place, until the hand holds the object."""
        for _ in range(20):
            layout = draw_layout(
                rng,
                template=template,
                objects=self.config.objects,
                receptacles=self.config.receptacles,
                count=(self.config.object_count[0], self.config.object_count[1]),
                randomisation=self.config.randomisation,
            )
            if begin(self._model, self._data, self._arm, layout):
                return layout
        raise SimulationError("no layout of 20 stands still; are the objects too many?")

    def _pictures(self) -> dict[str, NDArray[np.uint8]]:
        if self._cameras is None:
            black = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
            return {name: black.copy() for name in _PICTURES.values()}
        drawn = self._cameras.render(self._data)
        return {_PICTURES[name]: picture for name, picture in drawn.items()}

    def _observe(self) -> Observation:
        return {**self._pictures(), **self._arm.proprioception()}

    def _info(self) -> dict[str, Any]:
        return {
            "success": self.success(),
            "failure_reason": self._failure,
            "instruction": self.instruction,
        }
