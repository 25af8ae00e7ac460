import numpy as np
import pytest
from tests.evaluation import line_task, point_task

from bydemo.core.errors import ExpertError, InputError, UnknownNameError
from bydemo.evaluation.actors import ExpertActor, StillActor, described, labels
from bydemo.evaluation.rollout import EXECUTED, recorded_spec, rollout
from bydemo.evaluation.teaching import (
    CallableActor,
    MixedActor,
    Noise,
    NoisyActor,
    as_factory,
)
from bydemo.evaluation.workers import EpisodePool

TASK = line_task.Config()
HERE = "tests.evaluation.line_task"


def play(factory, seed=0, config=TASK):
    task = config.build()
    return rollout(task, factory.build(task), seed, keep=True)


def test_dart_carries_out_the_noisy_action_and_keeps_the_clean_one():
    episode = play(NoisyActor(ExpertActor(), 0.05)).episode
    executed = episode.annotation[EXECUTED]
    noise = (executed - episode.action)[:, :2]
    assert 0.01 < noise.std() < 0.06
    assert np.abs(executed[:, :2]).max() <= np.float32(0.1)  # cut to the limits
    np.testing.assert_array_equal(executed[:, 2], episode.action[:, 2])  # classes stay
    seen = np.vstack([episode.observation["gap"], [episode.final_observation["gap"]]])
    np.testing.assert_allclose(-np.diff(seen, axis=0), executed[:, :2], atol=1e-6)
    episode.check(recorded_spec(line_task.SPEC, labelled=True))


def test_the_executed_action_as_label_is_the_whole_truth():
    clean = play(NoisyActor(ExpertActor(), 0.05)).episode
    noisy = play(NoisyActor(ExpertActor(), 0.05, "executed")).episode
    assert not noisy.annotation
    np.testing.assert_array_equal(noisy.action, clean.annotation[EXECUTED])
    noisy.check(line_task.SPEC)


def test_the_noise_depends_on_the_episodes_seed_alone():
    one = NoisyActor(ExpertActor(), 0.05)
    a, again, other = (play(one, seed).episode.annotation[EXECUTED] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, again)
    assert not np.array_equal(a, other)
    plain = play(NoisyActor(ExpertActor(), 0.0)).episode
    np.testing.assert_array_equal(plain.action, play(ExpertActor()).episode.action)


def test_noise_of_a_long_episode_begins_like_that_of_a_short_one():
    noise = Noise(line_task.SPEC.action, 0.1)
    np.testing.assert_array_equal(noise.drawn(3, 64), noise.drawn(3, 256)[:64])
    long = line_task.Config(max_steps=200)
    drawn = play(NoisyActor(StillActor(), 1e-3), 5, long).episode.annotation[EXECUTED][:, :2]
    expected = Noise(line_task.SPEC.action, 1e-3).drawn(5, 200).astype(np.float32)
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), float("inf")])
def test_noise_of_no_size_is_refused(sigma):
    with pytest.raises(InputError, match=f"field 'noise': is {sigma:g}, expected 0 or more"):
        NoisyActor(ExpertActor(), sigma)


def test_noise_needs_a_continuous_component_and_a_known_label():
    with pytest.raises(InputError, match="'noise': the action has no continuous component"):
        play(NoisyActor(StillActor(), 0.1), config=line_task.Config(labels_only=True))
    with pytest.raises(InputError, match="is 'both', expected clean or executed"):
        NoisyActor(ExpertActor(), 0.1, "both")


def test_a_mixture_takes_the_teachers_share_of_steps_and_always_its_label():
    teacher = ExpertActor()
    shares = []
    for beta in (0.0, 0.5, 1.0):
        taught = []
        for seed in range(20):
            episode = play(MixedActor(StillActor(), teacher, beta), seed).episode
            executed = episode.annotation[EXECUTED]
            same = (executed == episode.action).all(axis=1)
            taught += same.tolist()
            np.testing.assert_array_equal(executed[~same], np.zeros((int((~same).sum()), 3)))
        shares.append(np.mean(taught))
    assert shares[0] == 0
    assert 0.4 < shares[1] < 0.6
    assert shares[2] == 1
    a, b = (play(MixedActor(StillActor(), teacher, 0.5), 3).episode for _ in range(2))
    np.testing.assert_array_equal(a.annotation[EXECUTED], b.annotation[EXECUTED])
    assert labels(MixedActor(StillActor(), teacher, 0.5))


def test_with_the_teacher_alone_the_learner_need_not_exist():
    broken = point_task.GreedyActor(fail_to_build=True)
    assert play(MixedActor(broken, ExpertActor(), 1.0)).steps == 8
    with pytest.raises(RuntimeError, match="no such weights"):
        play(MixedActor(broken, ExpertActor(), 0.9))
    with pytest.raises(InputError, match=r"field 'beta': is 1\.5, expected 0 to 1"):
        MixedActor(StillActor(), ExpertActor(), 1.5)


@pytest.mark.parametrize(
    "source",
    [f"{HERE}:towards", f"{HERE}:Steady", f"{HERE}:STEADY", f"{HERE}:SteadyFactory",
     line_task.towards, line_task.Steady, line_task.Steady(), line_task.SteadyFactory()],
)  # fmt: skip
def test_whatever_can_act_is_an_expert(source):
    factory = as_factory(source)
    first = play(factory).episode.action[0]
    task = TASK.build()
    gap = task.reset(seed=0)[0]["gap"]
    walks = [*np.clip(gap, -0.1, 0.1).astype(np.float32), 1.0]
    expected = walks if "towards" in str(source) else [np.float32(0.05), 0, 0]
    np.testing.assert_array_equal(first, np.array(expected, np.float32))
    assert not labels(factory)


def test_an_object_is_sent_to_workers_and_known_again():
    factory = as_factory(line_task.Steady())
    alone = play(factory, 4)
    with EpisodePool(TASK, workers=1) as pool:
        found = list(pool.run(factory, [4, 5], keep=lambda: True))
        with pytest.raises(InputError, match="cannot be sent to another process"):
            next(pool.run(as_factory(lambda seen: np.zeros(3)), [1]))
    assert found[0].to_json() == alone.to_json()
    assert described(factory) == {"actor": "ObjectActor", "actor_config": {"name": "Steady"}}


def test_an_object_with_a_label_keeps_it():
    class Labelling(line_task.Steady):
        label = None

        def act(self, observation):
            self.label = np.array([0.01, 0.02, 1], np.float32)
            return super().act(observation)

    factory = as_factory(Labelling())
    assert labels(factory)
    episode = play(factory).episode
    np.testing.assert_array_equal(episode.action[3], np.float32([0.01, 0.02, 1]))
    np.testing.assert_array_equal(episode.annotation[EXECUTED][3], np.float32([0.05, 0, 0]))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("too_wide", r"returned shape \(4,\), expected a finite action of shape \(3,\): "
                     r"velocity\[2 m/s\], hand\[1\]"),
        ("not_finite", r"returned \[inf, 0\.0, 0\.0\], expected a finite action"),
        ("a_pair", "returned a tuple, expected a finite action"),
        ("a_wrong_class", r"returned 2 for 'hand', expected a class index 0\.\.1 \(open, closed\)"),
    ],
)  # fmt: skip
def test_what_is_no_action_ends_everything_with_its_reason(name, said):
    for factory in (CallableActor(f"{HERE}:{name}"),
                    NoisyActor(as_factory(getattr(line_task, name)), 0.1),
                    MixedActor(StillActor(), CallableActor(f"{HERE}:{name}"), 0.5)):  # fmt: skip
        with pytest.raises(ExpertError, match=f"field 'expert': {said}"):
            play(factory)
    with EpisodePool(TASK, workers=1) as pool, pytest.raises(ExpertError, match=said):
        list(pool.run(CallableActor(f"{HERE}:{name}"), range(3)))


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("nowhere", "'nowhere' is neither module:attribute nor the folder of a run or model"),
        ("no_such_module:act", "cannot be imported: ModuleNotFoundError: No module named"),
        (f"{HERE}:NOT_AN_ACTOR", "is a int, expected a callable .observation dict -> action."),
        (3, "3 is a int, expected a callable"),
    ],
)
def test_what_cannot_act_is_refused_at_once(thing, said):
    with pytest.raises(InputError, match=said):
        as_factory(thing)


def test_a_misspelt_attribute_is_answered_with_near_names():
    with pytest.raises(UnknownNameError, match=r"attribute of .* named 'toward'.*'towards'"):
        as_factory(f"{HERE}:toward")


def test_a_module_is_found_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "my_own_expert.py").write_text("def act(seen):\n    return [0, 0, 1]\n")
    (tmp_path / "my_broken_expert.py").write_text("raise KeyError('weights')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("/nowhere")  # undoes what is put on the path here
    assert play(as_factory("my_own_expert:act")).episode.action[0].tolist() == [0, 0, 1]
    with pytest.raises(InputError, match="cannot be imported: KeyError: 'weights'"):
        as_factory("my_broken_expert:act")


def test_a_task_without_an_expert_says_so_at_once():
    with pytest.raises(ExpertError, match="field 'expert': there is none: give one with --expert"):
        play(ExpertActor(), config=line_task.Config(has_expert=False))


def test_who_acted_is_told_with_who_is_inside():
    assert described(NoisyActor(ExpertActor(), 0.1)) == {
        "actor": "NoisyActor",
        "actor_config": {
            "teacher": {"actor": "ExpertActor", "actor_config": {}}, "sigma": 0.1, "label": "clean",
        },
    }  # fmt: skip
