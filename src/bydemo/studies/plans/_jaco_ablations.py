"""What the Jaco study varies of the reference's tuned recipe, one thing at a time, and why.

An entry is a field of the experiment by dotted name with a JSON value; all else is the control's.
Groups are questions, whose hypotheses stand before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.studies.plan import Arm, Curve, Question
from bydemo.studies.work import Judging, TrainAndJudge

GREY_MEAN, GREY_STD = 0.472, 0.209
"""Of the pixels of both cameras in 0..1, pooled over the real recordings (front .4506 / .2188,
mount .4942 / .1971)."""
STANDARDISED_PIXELS: Final = [round((end - GREY_MEAN) / GREY_STD, 3) for end in (0.0, 1.0)]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """One arm beside the control. changes: dotted field -> JSON value. why: what it tells."""

    changes: Mapping[str, Any]
    why: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """The arms of one question, by name.

    same_target: the control predicts the same actions, so that figures on held-out episodes can
    decide; else only acting can. axis: what they differ by in degrees, at which the control lies,
    and where each arm does.
    """

    title: str
    varies: str
    why: str
    ablations: Mapping[str, Ablation]
    same_target: bool = True
    axis: tuple[str, float] | None = None
    places: Mapping[str, float] = field(default_factory=dict)


_SCALING = Group(
    title="How should inputs be scaled?",
    varies="the affine map of each proprioceptive component, or of all pixels",
    why="Adam takes steps of the same size whatever a gradient's, so maps that differ by a small "
    "factor differ little; metres and raw grey levels start far from unit size. Of two scalings "
    "in a row the last alone is left, so both orders repeat an arm that is here already: what "
    "lies between the two of such a pair is noise.",
    ablations={
        "scaling-none": Ablation(
            changes={"data.observation_scaling": "none"},
            why="Metres, metres a second and radians as they were recorded.",
        ),
        "scaling-minmax": Ablation(
            changes={"data.observation_scaling": "minmax"},
            why="0..1 by the extremes, which a single outlier decides.",
        ),
        "scaling-standardise-minmax": Ablation(
            changes={"data.observation_scaling": "standardise+minmax"},
            why="Must repeat scaling-minmax: the second map undoes the first.",
        ),
        "scaling-minmax-standardise": Ablation(
            changes={"data.observation_scaling": "minmax+standardise"},
            why="Must repeat the control: the second map undoes the first.",
        ),
        "pixels-raw": Ablation(
            changes={"model.pixel_range": [0.0, 255.0]},
            why="Grey levels as they are stored: the image branch begins 255 times larger.",
        ),
        "pixels-symmetric": Ablation(
            changes={"model.pixel_range": [-1.0, 1.0]},
            why="Mid-grey becomes 0, which is also what pads the borders.",
        ),
        "pixels-standardised": Ablation(
            changes={"model.pixel_range": STANDARDISED_PIXELS},
            why="Mean 0 and deviation 1 over all recordings, never an image by itself.",
        ),
    },
)
_RATE = Group(
    title="Which learning rate?",
    varies="Adam's learning rate, by factors of ten",
    why="The reference found 1e-4 best: 1e-2 is expected to break down with a network this wide, "
    "and ten epochs are too few for 1e-5.",
    ablations={
        "rate-1e-2": Ablation(
            changes={"training.learning_rate": 1e-2}, why="The reference's upper end."
        ),
        "rate-1e-3": Ablation(
            changes={"training.learning_rate": 1e-3}, why="The rate of the reference's baseline."
        ),
        "rate-1e-5": Ablation(
            changes={"training.learning_rate": 1e-5}, why="The reference's lower end."
        ),
    },
    axis=("learning rate", 1e-4),
    places={"rate-1e-2": 1e-2, "rate-1e-3": 1e-3, "rate-1e-5": 1e-5},
)
_ACTIVATION = Group(
    title="Is it the activation or the dropout?",
    varies="what follows each hidden linear layer; the reference changed both at once",
    why="Without an activation the linear layers are one linear map of what the convolutions give, "
    "so the activation should matter; dropout should matter where training goes on longer than "
    "these few epochs.",
    ablations={
        "activation-none": Ablation(
            changes={"model.activation": "none"}, why="The baseline's, with the dropout kept."
        ),
        "activation-leaky-relu": Ablation(
            changes={"model.activation": "leaky_relu"},
            why="Keeps a gradient where ReLU has none.",
        ),
        "dropout-none": Ablation(
            changes={"model.dropout": 0.0}, why="The baseline's, with the activation kept."
        ),
        "dropout-0.2": Ablation(changes={"model.dropout": 0.2}, why="Half as much."),
    },
)
_INPUTS = Group(
    title="What does the policy need to see?",
    varies="cameras, colour, the prompt; or proprioception alone",
    why="The front camera shows where things are and the mount camera when to grasp, so both are "
    "needed; objects differ by colour and the prompt names one, but each tells little without "
    "the other. Proprioception alone nearly decides which way the gripper moves, not when.",
    ablations={
        "camera-front": Ablation(
            changes={"data.view.cameras": ["front_cam"]}, why="The scene without the close-up."
        ),
        "camera-mount": Ablation(
            changes={"data.view.cameras": ["mount_cam"]}, why="The close-up without the scene."
        ),
        "colour": Ablation(
            changes={"data.view.colour": True}, why="Red, green and blue in place of grey."
        ),
        "prompt": Ablation(
            changes={"model.prompt_width": 32}, why="Told what to pick up or where to place it."
        ),
        "proprioception-only": Ablation(
            changes={"data.view.cameras": []}, why="What the arm's own numbers give away."
        ),
    },
)
_LOSS = Group(
    title="What should the loss weigh?",
    varies="the factor of the squared error of the position, or of each gripper class",
    why="In (m/s)^2 the squared error is about 0.008 beside 0.34 nats, so a larger factor should "
    "help the position at little cost to the gripper; balanced classes, of which three quarters "
    "are 'stay', should find more openings and closings at the price of false ones.",
    ablations={
        "position-x10": Ablation(
            changes={"model.continuous_weight": 10.0}, why="A fifth of the loss is the position."
        ),
        "position-x100": Ablation(
            changes={"model.continuous_weight": 100.0}, why="Most of the loss is the position."
        ),
        "classes-balanced": Ablation(
            changes={"model.class_weights": "balanced"},
            why="Each class weighs the same in sum, counted in the training episodes.",
        ),
    },
)
_OFFSET = Group(
    title="Which step's action should be predicted?",
    varies="how many steps of 0.1 s the predicted action lies ahead",
    why="An action recorded later has the demonstrator's delay behind it, so a policy that "
    "foresees it may act in time; too far ahead it guesses. Held-out errors can't decide: their "
    "target is another one.",
    ablations={
        "offset-1": Ablation(changes={"data.target_offset": 1}, why="The next step's action."),
        "offset-2": Ablation(changes={"data.target_offset": 2}, why="The one after that."),
    },
    same_target=False,
    axis=("steps ahead", 0.0),
    places={"offset-1": 1.0, "offset-2": 2.0},
)
GROUPS: Final[Mapping[str, Group]] = {
    "scaling": _SCALING, "rate": _RATE, "activation": _ACTIVATION, "inputs": _INPUTS,
    "loss": _LOSS, "offset": _OFFSET,
}  # fmt: skip
ABLATIONS: Final[Mapping[str, Ablation]] = {
    name: ablation for group in GROUPS.values() for name, ablation in group.ablations.items()
}


def ablations(
    control: Arm, *, decides: str, also: tuple[str, ...] = (), acted: str | None = None,
    groups: Collection[str] = tuple(GROUPS), judging: Judging | None = None, chapter: str = "",
) -> tuple[tuple[Arm, ...], tuple[Question, ...]]:  # fmt: skip
    """The arms of these groups on the control's recipe, dataset and seeds, and a question a group.

    decides, also: figures, as a `Question` has them. acted: a figure of acting, which decides where
    held-out episodes can't; without one such a group is left out. judging: of the arms, in place of
    the control's.
    """
    chosen = []
    for name in groups:
        if name not in GROUPS:
            raise UnknownNameError("group of ablations", name, GROUPS)
        group = GROUPS[name]
        if group.same_target or acted:
            chosen.append((group, decides if group.same_target else str(acted)))
    arms = [_arm(control, n, a, judging) for g, _ in chosen for n, a in g.ablations.items()]
    asked = (_question(control, group, by, also) for group, by in chosen)
    return tuple(arms), tuple(replace(question, chapter=chapter) for question in asked)


def _arm(control: Arm, name: str, ablation: Ablation, judging: Judging | None) -> Arm:
    """The control with the ablation's changes."""
    work = control.work
    if not isinstance(work, TrainAndJudge):
        raise InputError(f"'{control.name}' is no training that could be varied", field="control")
    changes = {**work.changes, **ablation.changes}
    varied = replace(work, changes=changes, judging=judging or work.judging)
    return replace(control, name=name, title="", about=ablation.why, work=varied)


def _question(control: Arm, group: Group, decides: str, also: tuple[str, ...]) -> Question:
    """What the group asks."""
    curve = None
    if group.axis is not None:
        label, here = group.axis
        line = dict(sorted([*group.places.items(), (control.name, here)], key=lambda p: p[1]))
        curve = Curve(x_label=label, series={control.label: line}, log=min(line.values()) > 0)
    return Question(
        title=group.title, varies=group.varies, why=group.why, decides=decides, also=also,
        control=control.name, arms=tuple(group.ablations), curve=curve,
    )  # fmt: skip
