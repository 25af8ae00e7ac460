"""The Jaco study's second question: what is learned without actions, and what the latent holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bydemo.studies.plan import Arm, Question
from bydemo.studies.plans._jaco_ground import JACO, Ground, Preset, Scale
from bydemo.studies.work import Judging, TrainAndJudge

CHAPTER: Final = "Without actions: what does a representation hold?"
REFERENCE, OURS, CONTRASTIVE = "vae", "forward-model", "time-contrastive"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field or two that belong together, changed of the reference's autoencoder."""

    changes: Mapping[str, Any]
    why: str
    quick: bool = False


_REFERENCE: Final = "Draws both cameras in grey and the proprioception from its latent."
OPTIONS: Final[Mapping[str, Option]] = {
    "vae-gaussian": Option(
        changes={"model.image_likelihood": "gaussian",
                 "model.proprioception_likelihood": "gaussian"},
        why="Each modality's deviation is learned, and with it how much the modality weighs.",
        quick=True,
    ),
    "vae-masked": Option(
        changes={"model.masked": 0.3},
        why="One modality has to be told from the other, so the latent holds what they share.",
    ),
    "vae-image": Option(
        changes={"model.modalities": ["image"]}, why="Pictures alone."
    ),
    "vae-proprioception": Option(
        changes={"model.modalities": ["proprioception"], "data.view.cameras": []},
        why="The arm's own numbers alone: it cannot know where anything lies.", quick=True,
    ),
    "vae-weighted": Option(
        changes={"model.proprioception_weight": 1000.0},
        why="Fifteen numbers weigh nothing against 100,352 pixels.",
    ),
    "vae-beta-0.05": Option(
        changes={"model.beta": 0.05}, why="A tenth of the divergence's weight."
    ),
    "vae-monotonic": Option(
        changes={"model.beta_schedule": "monotonic"}, why="The divergence comes in gradually."
    ),
    "vae-cyclical": Option(
        changes={"model.beta_schedule": "cyclical"}, why="And four times over."
    ),
    "vae-free-bits": Option(
        changes={"model.free_bits": 0.05}, why="A little of each unit costs nothing."
    ),
    "vae-logistic": Option(
        changes={"model.image_likelihood": "logistic"},
        why="Grey levels as the 256 that they are, with a learned deviation.",
    ),
    "vae-latent-32": Option(changes={"model.latent": 32}, why="An eighth of the units."),
}  # fmt: skip


def representations(
    ground: Ground, scale: Scale, preset: Preset, seeds: tuple[int, ...]
) -> tuple[tuple[Arm, ...], tuple[Question, ...]]:
    """The arms and what is asked of them."""
    options = {name: o for name, o in OPTIONS.items() if o.quick or preset == "full"}
    if preset == "debug":
        options = dict(list(options.items())[:1])
    arms = tuple(_arms(options, scale, seeds))
    both: dict[str, Any] = {"decides": ground.held, "also": ground.also_held, "chapter": CHAPTER}
    questions = (
        Question(
            title="Which objective learns where things are?",
            varies="what is foreseen or told apart in place of being drawn: the whole model, its "
            "pictures (colour) and its prompt differ too",
            why="Reconstruction spends its units on pixels: a table and its light, of which the "
            "object is less than one in a hundred. To foresee where the arm will stop one has to "
            "know the object that the prompt names. Frames that are close in time share the "
            "object's place, but also everything else that stands still.",
            control=REFERENCE, arms=(CONTRASTIVE, OURS), **both,
        ),
        Question(
            title="Which options of the autoencoder matter?",
            varies="likelihood and weight of each modality, what is hidden, what goes in",
            why="An object of a few pixels costs next to nothing to leave out, whatever the "
            "weights, so no option should find it; weighing the modalities by their learned "
            "deviation should show in the proprioception.",
            control=REFERENCE, arms=tuple(options), **both,
        ),
    )  # fmt: skip
    return arms, questions


def _arms(options: Mapping[str, Option], scale: Scale, seeds: tuple[int, ...]) -> Iterator[Arm]:
    def arm(name: str, title: str, about: str, recipe: str, changes: Mapping[str, Any]) -> Arm:
        work = TrainAndJudge(recipe=recipe, changes=changes, judging=Judging(latent="test"))
        return Arm(name=name, title=title, about=about, work=work, dataset=JACO, seeds=seeds)

    foresee = scale.changes({}, epochs=scale.representation)
    yield arm(OURS, "ours: forward model", "Foresees what the arm will feel next.",
              "representation", foresee)  # fmt: skip
    for name, option in {REFERENCE: Option(changes={}, why=_REFERENCE), **options}.items():
        changes = scale.changes(option.changes, pixels=scale.pictures, epochs=scale.autoencoder)
        yield arm(name, "reference VAE" if name == REFERENCE else "", option.why, "vae", changes)
    yield arm(CONTRASTIVE, "", "Tells which frames of an episode lie close in time.",
              "contrastive", foresee)  # fmt: skip
