"""The ONNX file, run by onnxruntime, does what the agent does with the same raw observation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.exports.agents import MIXED, STATE, VOCABULARY, agent, observation

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.images import View
from bydemo.exports import export, export_config, write
from bydemo.exports import onnx as leaf
from bydemo.models.acting import ActingOptions
from bydemo.models.agent import Agent

DOCS = Path(__file__).parents[2] / "docs"


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(agent(), "onnx", tmp_path_factory.mktemp("onnx") / "policy.onnx")


def test_the_input_is_the_raw_observation_and_batches_are_of_any_length(state_file: Path) -> None:
    policy, ours = session(state_file), agent()
    assert [(i.name, i.shape, i.type) for i in policy.get_inputs()] == [
        ("observation", ["batch", 10], "tensor(double)")]  # fmt: skip
    assert [(o.name, o.shape) for o in policy.get_outputs()] == [("action", ["batch", 1, 4])]
    seen = [observation(seed=i) for i in range(5)]
    together = policy.run(None, {"observation": np.stack([o["observation"] for o in seen])})[0]
    assert together.dtype == np.float32
    for told, each in zip(together, seen, strict=True):
        np.testing.assert_allclose(told[0], ours.act(each), atol=1e-5)
        alone = policy.run(None, {"observation": each["observation"][None]})[0]
        np.testing.assert_allclose(alone[0], told, atol=1e-6)


def test_actions_are_within_their_limits(state_file: Path) -> None:
    far = np.random.default_rng(0).normal(0, 300, (50, 10))
    told = session(state_file).run(None, {"observation": far})[0]
    assert np.abs(told).max() == 2.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_gives_no_action(state_file: Path, value: float) -> None:
    """No limit and no ReLU turns it into something that looks like an action."""
    spoiled = np.stack([observation()["observation"]] * 2)
    spoiled[1, 3] = value
    told = session(state_file).run(None, {"observation": spoiled})[0]
    assert np.isfinite(told[0]).all()
    assert np.isnan(told[1]).all()


def test_the_metadata_say_what_it_is(state_file: Path) -> None:
    said = session(state_file).get_modelmeta().custom_metadata_map
    assert said["schema"] == "bydemo.onnx/1"
    assert Spec.from_json(json.loads(said["spec"])) == STATE
    assert json.loads(said["vocabulary"])["words"] == list(VOCABULARY.words)
    assert json.loads(said["chunk"]) == json.loads(said["history"]) == 1
    checked = json.loads(said["checked"])
    assert checked["largest_difference"] <= checked["tolerance"] == 1e-4
    assert checked["observations"] == 256


def test_the_file_tells_nothing_of_the_machine_and_is_valid(state_file: Path) -> None:
    content = state_file.read_bytes()
    assert str(Path(leaf.__file__).parents[3]).encode() not in content
    assert b".py" not in content
    onnx.checker.check_model(onnx.load(state_file), full_check=True)


def test_the_example_of_the_page_needs_onnxruntime_alone(state_file: Path, tmp_path: Path) -> None:
    page = (DOCS / "exports.md").read_text(encoding="utf-8")
    example = next(block for block in page.split("```python\n")[1:] if "onnxruntime" in block)
    example = example.partition("```")[0].replace("runs/states/exports/policy.onnx", "policy.onnx")
    (tmp_path / "policy.onnx").write_bytes(state_file.read_bytes())
    code = (
        "import json, sys\nimport numpy as np\n"
        f"x = np.array({observation()['observation'].tolist()})\n"
        f"{example}\nassert not {{'torch', 'bydemo'}} & set(sys.modules)\n"
        "print(json.dumps(action.tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=tmp_path, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = np.array(json.loads(done.stdout))
    np.testing.assert_allclose(told, agent().act(observation()), atol=1e-5)


def test_history_chunk_and_words(tmp_path: Path) -> None:
    ours = agent(history=3, chunk=2, prompt_width=4)
    policy = session(export(ours, "onnx", tmp_path / "p.onnx"))
    assert {i.name: i.shape for i in policy.get_inputs()} == {
        "observation": ["batch", 3, 10], "prompt": ["batch", VOCABULARY.length]}  # fmt: skip
    steps = [observation(seed=i) for i in range(3)]
    for text in ("push the object", "the goal"):
        ours.reset(0, text)
        told = [ours.act_chunk(step) for step in steps][-1]
        stacked = np.stack([step["observation"] for step in steps])[None]
        said = policy.run(None, {"observation": stacked, "prompt": VOCABULARY.encode(text)[None]})
        np.testing.assert_allclose(said[0][0], told, atol=1e-5)


@pytest.mark.parametrize(
    ("view", "options"),
    [
        (View(cameras=("side", "front"), size=8, colour=False), ActingOptions()),
        (View(cameras=("front",), size=16), ActingOptions(label_bias=(0.0, 0.0, 9.0, 9.0, 0.0))),
    ],
    ids=["grey, shrunk", "colour, biased"],
)
def test_pictures_labels_and_unused_components(
    tmp_path: Path, view: View, options: ActingOptions
) -> None:
    ours = agent(MIXED, "behavior_cloning", view=view, options=options)
    with torch.no_grad():
        for parameter in ours.model.parameters():
            parameter.mul_(1.3)  # so that pictures weigh, and actions differ
    policy = session(export(ours, "onnx", tmp_path / "p.onnx"))
    assert {i.name: i.type for i in policy.get_inputs()} == {
        "arm.place": "tensor(float)", "force": "tensor(double)",
        **dict.fromkeys(view.cameras, "tensor(uint8)")}  # fmt: skip
    seen = [observation(MIXED, seed) for seed in range(40)]
    told = ours.act_batch(seen, [""] * 40)
    stacked = {i.name: np.stack([o[i.name] for o in seen]) for i in policy.get_inputs()}
    np.testing.assert_allclose(policy.run(None, stacked)[0][:, 0], told, rtol=1e-5, atol=1e-5)
    assert len(np.unique(told[:, 6])) > 30
    if options.label_bias:
        assert set(told[:, 0]) == {2.0}


def test_pictures_are_read_to_the_last_bit() -> None:
    """Whole numbers stay whole: grey and block means are those of the agent's own code."""
    from bydemo.exports._acting_graph import seen

    random = np.random.default_rng(0)
    raw = {n: random.integers(0, 256, (64, 24, 24, 3), dtype=np.uint8) for n in ("a", "b")}
    for colour in (True, False):
        for size in (24, 8, 3):
            view = View(cameras=("a", "b"), size=size, colour=colour)
            ours = seen(view, {name: torch.from_numpy(image) for name, image in raw.items()})
            np.testing.assert_array_equal(ours.numpy(), view.of(raw))


def test_an_agent_that_throws_dice_is_refused(tmp_path: Path) -> None:
    dicing = agent(options=ActingOptions(labels="sample"))
    with pytest.raises(InputError, match=r"'options\.labels': is 'sample': a graph throws no dice"):
        export(dicing, "onnx", tmp_path / "p.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_field_that_the_graph_has_another_use_for(tmp_path: Path) -> None:
    spec = Spec(observation={"action": Field.vector(Part(name="last", size=2))},
                action=Field.vector(Part(name="go", size=2)), control_rate=1.0)  # fmt: skip
    with pytest.raises(InputError, match="'action': the graph uses this name for something else"):
        export(agent(spec), "onnx", tmp_path / "p.onnx")


def test_another_answer_than_the_agents_is_an_error_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: Any, continuous: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return continuous  # as if the codec had been left out

    monkeypatch.setattr(leaf.ActingGraph, "raw_action", forgetful)
    with pytest.raises(InputError, match=r"'tolerance': the graph's actions differ .* by \d.*e.*, "
                                         r"allowed are 0\.0001; nothing was written"):  # fmt: skip
        export(agent(), "onnx", tmp_path / "p.onnx")
    assert list(tmp_path.iterdir()) == []


def test_another_label_is_never_within_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    from bydemo.exports._observations import made_up, told_by

    ours = agent(MIXED)
    told = told_by(ours, made_up(ours, 20))
    assert leaf._difference(ours, told.action, told) == 0.0
    for column in (0, 5):
        other = told.action.copy()
        other[3, 0, column] = (other[3, 0, column] + 1) % 2
        assert leaf._difference(ours, other, told) == float("inf")


def test_a_model_that_no_graph_can_hold_is_named(tmp_path: Path) -> None:
    ours: Agent = agent()

    def fickle(batch: dict[str, torch.Tensor]) -> Any:
        return batch["proprioception"].tolist()[0]

    ours.model.predict = fickle  # type: ignore[method-assign]
    with pytest.raises(InputError, match="'model': 'proprioception' cannot be put into a graph: "):
        export(ours, "onnx", tmp_path / "p.onnx")
    assert list(tmp_path.iterdir()) == []


def test_packages_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaf, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(
        InputError, match=r"not installed: onnxscript; pip install 'bydemo\[onnx\]'"
    ):
        export(agent(), "onnx", tmp_path / "p.onnx")


def test_what_was_checked_is_said(tmp_path: Path) -> None:
    config = export_config("onnx", {"observations": 3, "tolerance": 0.5})
    file, said = write(agent(), config, tmp_path / "new" / "p.onnx")
    assert file.exists()
    assert said.startswith("On 3 made-up observations its actions differ from the agent's by at ")
    assert said.endswith("(allowed: 0.5).")
    with pytest.raises(InputError, match="'observations': is less than 1"):
        export(agent(), "onnx", tmp_path / "q.onnx", observations=0)
