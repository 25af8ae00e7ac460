from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.small import SPEC, write_dataset

from bydemo.core.camera import Calibration
from bydemo.core.codec import Codec
from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.data.batches import BatchConfig, Batches, order
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.data.view_cache import cache_folder

VIEW = View(cameras=("front", "wrist"), size=4, colour=False)
BLIND = View(cameras=())


def codec_of(dataset: Dataset) -> Codec:
    vectors = {n: [dataset.observation(n)] for n in dataset.spec.vectors}
    return Codec.fit(dataset.spec, vectors, [dataset.action])


def batches_of(dataset: Dataset, episodes=(0, 1, 2), **config) -> Batches:
    words = Vocabulary.of(e.instruction for e in dataset.episodes)
    config = BatchConfig(**{"view": VIEW, **config})
    return Batches(dataset, episodes, codec_of(dataset), words, config)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("batches") / "d")


def naive_sample(dataset: Dataset, episode: int, t: int, chunk: int, offset: int) -> dict:
    """One sample written out step by step, as the contract says it."""
    codec = codec_of(dataset)
    words = Vocabulary.of(e.instruction for e in dataset.episodes)
    seen = dataset.episode(episode)
    last = len(seen) - 1
    wanted = [t + offset + k for k in range(chunk)]
    actions = np.stack([seen.action[min(u, last)] for u in wanted])
    continuous, labels = codec.encode_action(actions)
    now = {n: a[t] for n, a in seen.observation.items()}
    gripper = seen.action[:, 2]
    rest = np.bincount(dataset.action[:, 2].astype(int)).argmax()
    events = [
        u for u in range(max(t, 1), last + 1) if gripper[u] != gripper[u - 1] and gripper[u] != rest
    ]
    key = events[0] if events else last
    later = {n: a[key] for n, a in seen.observation.items()}
    return {
        "image": VIEW.of(now),
        "proprioception": codec.encode_observation(now),
        "prompt": words.encode(seen.instruction),
        "continuous": continuous,
        "labels": labels,
        "valid": np.array([u <= last for u in wanted]),
        "keyframe": codec.encode_observation(later),
        "keyframe_steps": np.float32(key - t),
    }


@pytest.mark.parametrize("chunk", [1, 4, 20])
@pytest.mark.parametrize("offset", [0, 2])
def test_every_sample_is_what_the_contract_says(dataset, chunk: int, offset: int) -> None:
    batches = batches_of(dataset, (2, 0), chunk=chunk, target_offset=offset, keyframes=True)
    expected = [(e, t) for e, n in ((2, 7), (0, 5)) for t in range(n - offset)]
    assert len(batches) == len(expected)
    batch = batches.gather(np.arange(len(batches)))
    for row, (episode, t) in enumerate(expected):
        for name, value in naive_sample(dataset, episode, t, chunk, offset).items():
            assert batch[name][row].dtype == np.asarray(value).dtype, name
            np.testing.assert_array_equal(batch[name][row], value, err_msg=name)
    assert set(batch) == set(naive_sample(dataset, 0, 0, 1, 0))


def test_shapes_and_dtypes_are_those_of_the_models(dataset) -> None:
    batch = batches_of(dataset, chunk=3).gather(np.array([4, 0]))
    assert {name: (a.shape, a.dtype.name) for name, a in batch.items()} == {
        "image": ((2, 4, 4, 2), "uint8"),
        "proprioception": ((2, 4), "float32"),
        "prompt": ((2, 5), "int64"),
        "valid": ((2, 3), "bool"),
        "continuous": ((2, 3, 2), "float32"),
        "labels": ((2, 3, 1), "int64"),
    }
    assert "image" not in batches_of(dataset, view=BLIND).gather(np.array([0]))


def test_windows_never_cross_episodes(dataset) -> None:
    """Every valid target lies in its sample's own episode, for every window of every step."""
    batches = batches_of(dataset, view=BLIND, chunk=6, target_offset=1)
    for row in range(len(batches)):
        batch = batches.gather(np.array([row]))
        record = dataset.episodes[batches.episode_of[row]]
        step = batches.steps[row]
        assert record.start <= step < record.stop - 1
        assert batch["valid"].sum() == min(6, record.stop - step - 1)


@given(samples=st.integers(1, 200), seed=st.integers(0, 2**40), epoch=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_an_order_is_a_permutation_and_a_pure_function(samples, seed, epoch) -> None:
    drawn = order(samples, seed, epoch)
    assert sorted(drawn) == list(range(samples))
    np.testing.assert_array_equal(drawn, order(samples, seed, epoch))


def test_orders_of_seeds_and_epochs_differ() -> None:
    drawn = {tuple(order(100, seed, epoch)) for seed in (0, 1) for epoch in (0, 1, 2)}
    assert len(drawn) == 6


def test_the_order_is_fixed_for_ever() -> None:
    """A run resumed after an upgrade must see the same batches."""
    assert order(10, 7, 3).tolist() == [8, 4, 5, 3, 6, 0, 9, 7, 1, 2]


def test_a_split_is_known_by_its_name(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", (3,) * 6)
    dataset = write_splits(dataset, make_split(dataset, "grouped"))
    batches = batches_of(dataset, "test", view=BLIND)
    assert batches.episodes == dataset.splits["test"]
    assert len(batches) == 3 * len(dataset.splits["test"])


def test_settings_that_leave_nothing_are_refused(dataset) -> None:
    with pytest.raises(InputError, match="no episode is longer than the target offset 7"):
        batches_of(dataset, target_offset=7)
    with pytest.raises(InputError, match="'episodes': no episodes were chosen"):
        batches_of(dataset, ())
    with pytest.raises(InputError, match="'chunk': is 0, expected at least 1"):
        BatchConfig(view=VIEW, chunk=0)
    with pytest.raises(InputError, match="'target_offset': is -1, expected 0 or more"):
        BatchConfig(view=VIEW, target_offset=-1)


@pytest.mark.parametrize(
    ("name", "at", "value", "message"),
    [
        ("action", 6 * 3 + 0, np.nan, "'action': is not finite at step 1 of episode 1"),
        ("action", 8 * 3 + 2, 7, "'action': holds a label that is no class index at step 0 of"),
        ("observation.pose", 3 * 14, np.inf, "'observation': is not finite at step 6 of episode 2"),
    ],
)
def test_a_bad_sample_is_named_by_episode_and_step(
    tmp_path: Path, name: str, at: int, value: float, message: str
) -> None:
    dataset = write_dataset(tmp_path / "d")
    codec, words = codec_of(dataset), Vocabulary.of(())
    raw = np.fromfile(tmp_path / f"d/{name}.bin", np.float32)
    raw[at] = value
    raw.tofile(tmp_path / f"d/{name}.bin")
    with pytest.raises(InputError, match=message):
        Batches(Dataset.open(tmp_path / "d"), [0], codec, words, BatchConfig(view=BLIND))


def test_a_cache_shortened_while_in_use_is_an_error_not_a_crash(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d")
    batches = batches_of(dataset)
    file = cache_folder(dataset, VIEW) / "image.bin"
    with file.open("r+b") as opened:
        opened.truncate(100)
    with pytest.raises(InputError, match=r"image\.bin: holds 100 bytes, expected 480"):
        batches.gather(np.array([14]))
    file.unlink()
    with pytest.raises(InputError, match=r"image\.bin: was removed while in use"):
        batches.gather(np.array([14]))


def test_history_never_reaches_into_the_episode_before(dataset: Dataset) -> None:
    plain, past = batches_of(dataset), batches_of(dataset, history=3)
    rows = np.arange(len(plain))
    now = plain.gather(rows)["proprioception"]
    seen = past.gather(rows)["proprioception"].reshape(len(rows), 3, -1)
    for row in rows:
        first = int(np.argmax(plain.episode_of == plain.episode_of[row]))
        for back in range(3):
            expected = now[max(row - back, first)]
            np.testing.assert_array_equal(seen[row, 2 - back], expected)


def test_the_keyframe_is_shown_in_a_calibrated_picture(tmp_path: Path) -> None:
    """A camera 1 m over the origin that looks straight down with 90 degrees: x is x, y is -y."""
    down = Calibration(
        frame="pose.position", moving=False, position=(0.0, 0.0, 1.0), fov=90.0,
        rotation=(1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0),
    )  # fmt: skip
    front = replace(SPEC.observation["front"], camera=down)
    spec = replace(SPEC, observation={**SPEC.observation, "front": front})
    batches = batches_of(write_dataset(tmp_path / "d", spec=spec), keyframes=True)
    got = batches.gather(np.arange(len(batches)))
    position = batches.dataset.observation("pose")
    key = batches.steps + got["keyframe_steps"].astype(int)
    x, y, z = position[key].T
    np.testing.assert_allclose(got["keyframe_place"][:, 0], np.stack([x, -y], 1) / (1 - z)[:, None],
                               rtol=1e-5)  # fmt: skip
    assert got["keyframe_visible"][:, 0].all()
    assert not got["keyframe_visible"][:, 1].any()


def test_what_is_observed_later_lies_in_the_same_episode(dataset) -> None:
    batches = batches_of(dataset, (2, 0), later=(1, 3))
    batch = batches.gather(np.arange(len(batches)))
    codec = codec_of(dataset)
    for row, (episode, t) in enumerate((e, t) for e, n in ((2, 7), (0, 5)) for t in range(n)):
        seen, last = dataset.episode(episode), (6, 4)[episode == 0]
        for column, ahead in enumerate((1, 3)):
            then = {n: a[min(t + ahead, last)] for n, a in seen.observation.items()}
            expected = codec.encode_observation(then)
            np.testing.assert_array_equal(batch["later_proprioception"][row, column], expected)
            assert batch["later_valid"][row, column] == (t + ahead <= last)
            if column == 0:
                np.testing.assert_array_equal(batch["later_image"][row], VIEW.of(then))
    with pytest.raises(InputError, match=r"'later': is \[0\], expected 1 or more each"):
        BatchConfig(view=VIEW, later=(0,))


def test_without_actions_there_are_no_targets(dataset) -> None:
    """Key moments are then the robot's stops, where the labels' events would be others."""
    batch = batches_of(dataset, actions=False, keyframes=True, later=(2,)).gather(np.arange(4))
    assert set(batch) == {"image", "proprioception", "prompt", "later_proprioception",
                          "later_image", "later_valid", "keyframe", "keyframe_steps"}  # fmt: skip


def test_numbers_of_each_step_take_the_place_of_images(dataset) -> None:
    given = np.arange(dataset.steps, dtype=np.float32)[:, None]
    batches = batches_of(dataset, (2, 0))
    batch = batches.with_steps({"latent": given}).gather(np.arange(12))
    assert batch["latent"][:, 0].tolist() == batches.steps.tolist()
    assert "image" not in batch
    assert "image" in batches.gather(np.arange(12))
