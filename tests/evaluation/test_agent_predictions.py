import numpy as np
import pytest
import torch
from tests.evaluation import point_task

from bydemo.core.codec import Codec
from bydemo.core.errors import InputError, MismatchError
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.evaluation.actors import SavedPolicy
from bydemo.evaluation.agent_predictions import agent_predictions
from bydemo.evaluation.closed_loop import evaluate
from bydemo.evaluation.offline import JudgedSplit, judge
from bydemo.models.agent import Agent
from bydemo.models.behavior_cloning import Config
from bydemo.models.folder import shapes_for


@pytest.fixture(scope="module")
def agent(dataset):
    codec = Codec.fit(dataset.spec, {n: [dataset.observation(n)] for n in dataset.spec.vectors},
                      [dataset.action])  # fmt: skip
    view = View(cameras=("camera",), size=16, colour=True)
    vocabulary = Vocabulary.of(e.instruction for e in dataset.episodes)
    torch.manual_seed(0)
    model = Config().build(shapes_for(codec, view, vocabulary, chunk=2))
    return Agent(model=model, config=Config(), codec=codec, view=view, vocabulary=vocabulary,
                 chunk=2)  # fmt: skip


@pytest.mark.parametrize("offset", [0, 2])
def test_they_are_what_the_agent_would_do_at_each_step(dataset, agent, offset):
    judged = JudgedSplit.of(dataset, dataset.split("test"), target_offset=offset)
    seen = []
    said = agent_predictions(agent, judged, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(judged.steps), len(judged.steps))
    for row in (0, len(judged.steps) // 2, len(judged.steps) - 1):
        episode = dataset.episode(int(judged.steps.episode[row]))
        agent.reset(0, episode.instruction)
        step = judged.steps.step[row]
        action = agent.act({n: a[step] for n, a in episode.observation.items()})
        np.testing.assert_allclose(said.continuous[row], action[:2], atol=1e-5)
        assert said.labels[row, 0] == action[2]
    chances = np.exp(said.log_probabilities[0])
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(chances.argmax(axis=1), said.labels[:, 0])
    train = JudgedSplit.of(dataset, dataset.split("train"), target_offset=offset)
    assert "policy" in judge(train, judged, {"policy": said})["candidates"]


def test_a_policy_that_breaks_down_is_named_with_the_step(dataset, agent):
    judged = JudgedSplit.of(dataset, dataset.split("test"))
    weight = next(agent.model.parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    try:
        with pytest.raises(InputError) as caught:
            agent_predictions(agent, judged)
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    first = judged.steps.episode[0]
    assert str(caught.value) == (
        f"field 'action': the policy's action is not finite at step 0 of episode {first}"
    )


def test_a_saved_policy_acts_alike_on_any_number_of_workers(tmp_path, agent):
    agent.save_pretrained(tmp_path / "model")
    saved = SavedPolicy(path=str(tmp_path / "model"))
    task = point_task.Config(max_steps=12)
    alone, spread = (evaluate(task, saved, seeds=range(4), workers=n) for n in (0, 2))
    assert alone == spread
    for options in ({"execute": 2}, {"ensemble_decay": 0.1}):
        other = SavedPolicy(path=str(tmp_path / "model"), **options)
        assert evaluate(task, other, seeds=range(2), workers=0)["n"] == 2


def test_a_policy_for_another_robot_is_refused_before_the_first_episode(tmp_path, agent):
    agent.save_pretrained(tmp_path / "model")
    saved = SavedPolicy(path=str(tmp_path / "model"))
    with pytest.raises(MismatchError, match=r"action: parts .*velocity.* against .*speed"):
        evaluate(point_task.OtherRobot(), saved, seeds=range(2), workers=1)
    missing = SavedPolicy(path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        evaluate(point_task.Config(), missing, seeds=range(2), workers=0)
