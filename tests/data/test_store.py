from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.small import SPEC, assert_same_episode, episode, write_dataset

from bydemo.core.errors import InputError, StorageError
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter


def rewarded(seed: int, steps: int):
    reward = np.zeros(steps, np.float32)
    reward[-1] = 1
    last = episode(seed, 1)
    final = {n: a[0] for n, a in last.observation.items()}
    return episode(seed, steps, reward=reward, final_observation=final, success=True)


@pytest.mark.parametrize("make", [episode, rewarded])
def test_what_is_written_is_what_is_read(tmp_path: Path, make) -> None:
    episodes = [make(seed, steps) for seed, steps in enumerate((5, 1, 9))]
    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}, rendering={"fov": 45}) as w:
        assert [w.add(e) for e in episodes] == [0, 1, 2]
    dataset = Dataset.open(tmp_path / "d")
    assert dataset.spec == SPEC
    assert dataset.manifest["rendering"] == {"fov": 45}
    assert (dataset.steps, len(dataset.episodes)) == (15, 3)
    for index, expected in enumerate(episodes):
        assert_same_episode(dataset.episode(index), expected)


def test_pieces_equal_the_whole(tmp_path: Path) -> None:
    whole = rewarded(1, 10)
    pieces = [
        type(whole)(
            observation={n: a[block] for n, a in whole.observation.items()},
            action=whole.action[block],
            annotation={n: a[block] for n, a in whole.annotation.items()},
            reward=whole.reward[block],
            final_observation=whole.final_observation if block.stop == 10 else None,
            instruction=whole.instruction,
            success=True,
            info=whole.info,
        )
        for block in (slice(0, 4), slice(4, 8), slice(8, 10))
    ]
    with DatasetWriter(tmp_path / "d", SPEC, source={}) as writer:
        writer.add_pieces(pieces)
    assert_same_episode(Dataset.open(tmp_path / "d").episode(0), whole)


def test_an_episode_is_readable_before_the_recorder_ends(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "d", SPEC, source={}, expected_steps=1000)
    writer.add(episode(0, 4))
    dataset = Dataset.open(tmp_path / "d")
    assert_same_episode(dataset.episode(0), episode(0, 4))
    assert dataset.manifest["complete"] is False
    writer.close()


def test_finished_episodes_survive_a_kill(tmp_path: Path) -> None:
    """The writer is killed with an episode half on disk; what was finished reads, and goes on."""
    script = """
import os, signal, sys
from tests.data.small import SPEC, episode
from bydemo.data.store import DatasetWriter
writer = DatasetWriter(sys.argv[1], SPEC, source={"kind": "test"}, expected_steps=100)
for seed in range(3):
    writer.add(episode(seed, 6))
def pieces():
    yield episode(3, 6)
    os.kill(os.getpid(), signal.SIGKILL)
writer.add_pieces(pieces())
"""
    path = tmp_path / "d"
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with (path / "episodes.jsonl").open("ab") as log:
        log.write(b'{"index": 3, "start": 18, "len')
    dataset = Dataset.open(path)
    assert len(dataset.episodes) == 3
    for seed in range(3):
        assert_same_episode(dataset.episode(seed), episode(seed, 6))

    with DatasetWriter(path, SPEC, source={"kind": "test"}, resume=True) as writer:
        assert writer.episodes == 3
        writer.add(episode(9, 5))
    straight = write_dataset(tmp_path / "straight", (6, 6, 6))
    resumed = Dataset.open(path)
    assert_same_episode(resumed.episode(3), episode(9, 5))
    for seed in range(3):
        assert_same_episode(resumed.episode(seed), straight.episode(seed))


def test_resuming_gives_the_same_files_as_going_straight(tmp_path: Path) -> None:
    straight = write_dataset(tmp_path / "a", (5, 3, 7))
    write_dataset(tmp_path / "b", (5,))
    with DatasetWriter(tmp_path / "b", SPEC, source={"kind": "test"}, resume=True) as writer:
        writer.add(episode(1, 3))
        writer.add(episode(2, 7))
    assert Dataset.open(tmp_path / "b").manifest == straight.manifest


def test_a_failed_episode_leaves_no_trace(tmp_path: Path) -> None:
    good, bad = episode(0, 5), episode(1, 4)
    action = np.array(bad.action)
    action[2, 0] = np.nan

    def pieces():
        yield episode(5, 4)
        yield type(bad)(observation=bad.observation, action=action, annotation=bad.annotation)

    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}) as writer:
        writer.add(good)
        with pytest.raises(InputError, match=r"^field 'action': is not finite at step 2$"):
            writer.add_pieces(pieces())
        writer.add(episode(1, 3))
    clean = write_dataset(tmp_path / "clean", (5, 3))
    assert Dataset.open(tmp_path / "d").manifest == clean.manifest


def test_what_only_a_failed_first_episode_had_is_dropped(tmp_path: Path) -> None:
    bad = rewarded(0, 4)
    action = np.array(bad.action)
    action[0, 2] = 9

    def pieces():
        yield bad
        yield type(bad)(observation=bad.observation, action=action, annotation=bad.annotation)

    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}) as writer:
        with pytest.raises(InputError, match="part 'gripper' is 9 at step 0"):
            writer.add_pieces(pieces())
        writer.add(episode(0, 5))
    clean = write_dataset(tmp_path / "clean", (5,))
    assert Dataset.open(tmp_path / "d").manifest == clean.manifest
    assert not (tmp_path / "d/reward.bin").exists()


def test_optional_arrays_are_in_all_episodes_or_in_none(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d", SPEC, source={}) as writer:
        writer.add(episode(0, 4))
        with pytest.raises(InputError, match="'reward': episode 1 has it, the earlier ones do not"):
            writer.add(episode(1, 4, reward=np.zeros(4, np.float32)))
    with DatasetWriter(tmp_path / "e", SPEC, source={}) as writer:
        writer.add(rewarded(0, 4))
        with pytest.raises(InputError, match="missing in episode 1, the earlier ones have it"):
            writer.add(episode(1, 4))
        writer.add(rewarded(1, 4))
    assert Dataset.open(tmp_path / "e").episodes[1].length == 4


def test_a_full_disk_refuses_before_anything_is_written(tmp_path: Path, monkeypatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"front\.bin: 19\.2 MB could not be reserved \(No spa"):
        DatasetWriter(tmp_path / "d", SPEC, source={}, expected_steps=100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_the_finished_episodes(tmp_path: Path, monkeypatch) -> None:
    writer = DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"})
    writer.add(episode(0, 5))
    real, calls = os.pwrite, []

    def full(descriptor: int, content, offset: int) -> int:
        calls.append(offset)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="could not be written: No space left on device"):
        writer.add(episode(1, 5))
    monkeypatch.setattr(os, "pwrite", real)
    assert_same_episode(Dataset.open(tmp_path / "d").episode(0), episode(0, 5))
    writer.add(episode(1, 3))
    writer.close()
    assert Dataset.open(tmp_path / "d").manifest == write_dataset(tmp_path / "e", (5, 3)).manifest


def test_two_writers_do_not_share_a_dataset(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d", SPEC, source={}) as writer:
        writer.add(episode(0, 2))
        with pytest.raises(StorageError, match="another process is writing this dataset"):
            DatasetWriter(tmp_path / "d", SPEC, source={}, resume=True)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    with pytest.raises(InputError, match="already exists; resume, or choose another path"):
        DatasetWriter(tmp_path / "d", SPEC, source={})
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="no folder can be made here"):
        DatasetWriter(tmp_path / "file", SPEC, source={})


def test_resuming_with_another_rendering_is_refused(tmp_path: Path) -> None:
    DatasetWriter(tmp_path / "d", SPEC, source={}, rendering={"shadows": False}).close()
    with pytest.raises(InputError, match="field 'rendering': differs from what was recorded"):
        DatasetWriter(tmp_path / "d", SPEC, source={}, rendering={"shadows": True}, resume=True)


def test_an_error_inside_leaves_a_resumable_dataset(tmp_path: Path) -> None:
    def record() -> None:
        with DatasetWriter(tmp_path / "d", SPEC, source={}) as writer:
            writer.add(episode(0, 2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record()
    assert len(Dataset.open(tmp_path / "d").episodes) == 1
    DatasetWriter(tmp_path / "d", SPEC, source={}, resume=True).close()
    assert Dataset.open(tmp_path / "d").manifest["complete"] is True


def test_the_manifest_serves_readers_in_other_languages(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d")
    manifest = json.loads((tmp_path / "d/manifest.json").read_text())
    stated = manifest["arrays"]["observation.front"]
    assert stated == {"file": "observation.front.bin", "dtype": "|u1", "shape": [15, 8, 8, 3]}
    raw = np.fromfile(tmp_path / "d" / stated["file"], stated["dtype"]).reshape(stated["shape"])
    np.testing.assert_array_equal(raw[:5], episode(0, 5).observation["front"])


def test_many_at_once_are_the_same_files_as_one_by_one(tmp_path: Path) -> None:
    episodes = [rewarded(seed, steps) for seed, steps in enumerate((5, 3, 7, 4))]
    for name, groups in (("one", [[e] for e in episodes]), ("many", [episodes[:3], episodes[3:]])):
        with DatasetWriter(tmp_path / name, SPEC, source={"kind": "test"}) as writer:
            for group in groups:
                writer.add_many(group)
            writer.add_many([])
    with DatasetWriter(tmp_path / "single", SPEC, source={"kind": "test"}) as writer:
        for e in episodes:
            writer.add(e)
    found = [{f.name: f.read_bytes() for f in (tmp_path / n).iterdir()}
             for n in ("one", "many", "single")]  # fmt: skip
    assert found[0] == found[1] == found[2]


def test_a_faulty_one_of_many_keeps_those_before_it(tmp_path: Path) -> None:
    good = episode(0, 4)
    bad = replace(good, action=np.full((4, 3), np.nan, np.float32))
    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}) as writer:
        with pytest.raises(InputError, match="action"):
            writer.add_many([good, bad, good])
        assert writer.episodes == 1
        writer.add_many([episode(2, 3)])
    dataset = Dataset.open(tmp_path / "d")
    assert [e.info["seed"] for e in dataset.episodes] == [0, 2]
    assert_same_episode(dataset.episode(1), episode(2, 3))


def test_a_disk_that_fills_up_while_flushing_many_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"})
    writer.add_many([episode(0, 4)])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space left"):
            writer.add_many([episode(1, 4), episode(2, 4)])
    with pytest.raises(InputError, match="the writer is closed"):
        writer.add(episode(3, 4))
    assert [e.info["seed"] for e in Dataset.open(tmp_path / "d").episodes] == [0]
    with DatasetWriter(tmp_path / "d", SPEC, source={"kind": "test"}, resume=True) as again:
        again.add_many([episode(1, 4)])
    assert len(Dataset.open(tmp_path / "d").episodes) == 2
