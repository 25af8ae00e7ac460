import numpy as np
import pytest
from tests.evaluation.latent.made import LATENT, made

from bydemo.core.errors import InputError
from bydemo.evaluation.latent.steps import LatentSteps, Target


def test_thinning_keeps_every_episode_from_its_first_step():
    steps = made(episodes=5, length=25)
    thin = steps.thinned(50)
    assert len(thin) <= 50
    assert thin.episodes == 5
    np.testing.assert_array_equal(thin.step[thin.episode == 7], np.arange(0, 25, 3))
    whole = steps.subset((steps.episode == 7) & (steps.step % 3 == 0))
    np.testing.assert_array_equal(
        thin.representations[LATENT][thin.episode == 7], whole.representations[LATENT]
    )
    assert steps.thinned(1000) is steps


def test_a_target_is_asked_for_where_it_is_no_trivial_answer():
    steps = made(episodes=3, length=4)
    rows = steps.step >= 2
    target = Target(name="late", values=steps.step[:, None].astype(float), rows=rows)
    late = steps.asked_for(target)
    assert late.step.tolist() == [2, 3] * 3
    assert [t.name for t in late.targets] == ["late"]
    assert late.targets[0].values[:, 0].tolist() == [2, 3] * 3
    nowhere = Target(name="never", values=steps.step[:, None].astype(float), rows=rows & ~rows)
    assert len(steps.asked_for(nowhere)) == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"values": np.array([0, 3]), "classes": ("a", "b")},
            "field 'grip': 0..3 is not within 0..1",
        ),
        (
            {"values": np.array([[0.0], [1.0]]), "classes": ("a", "b")},
            "field 'grip': expected class indices (N,), got (2, 1) float64",
        ),
        (
            {"values": np.array([1.0, 2.0])},
            "field 'grip': expected finite numbers (N, D), got (2,)",
        ),
    ],
)
def test_a_target_that_is_no_label_and_no_number_is_refused(wrong, said):
    with pytest.raises(InputError) as error:
        Target(name="grip", **wrong)
    assert str(error.value) == said


def test_a_latent_that_is_not_finite_is_refused_with_its_step():
    places = np.zeros((4, 2))
    places[3, 1] = np.nan
    with pytest.raises(InputError) as error:
        LatentSteps(episode=np.array([0, 0, 4, 4]), step=np.array([0, 1, 0, 1]),
                    representations={"latent": places})  # fmt: skip
    assert str(error.value) == "field 'latent': is not finite at step 1 of episode 4"


def test_episodes_must_lie_together():
    with pytest.raises(InputError, match="do not lie together"):
        LatentSteps(episode=np.array([0, 1, 0]), step=np.arange(3),
                    representations={"latent": np.zeros((3, 1))})  # fmt: skip


def test_rows_must_be_as_many_as_steps():
    with pytest.raises(InputError) as error:
        LatentSteps(episode=np.array([0, 0]), step=np.array([0, 1]),
                    representations={"latent": np.zeros((3, 1))})  # fmt: skip
    assert str(error.value) == "field 'latent': 3 rows for 2 steps"
