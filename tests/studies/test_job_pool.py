"""Dead workers, failures, order, and that nothing is left running behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.studies.small_study import Trick
from tests.studies.test_killed_study import ROOT, alive, children

from bydemo.studies.job import Job
from bydemo.studies.job_pool import JobPool, Schedule, Standing
from bydemo.studies.work import Here


def job(folder: Path, arm: str, work: Trick, *, needs: str | None = None) -> Job:
    start = None if needs is None else folder / needs
    here = Here(folder=folder / arm / "seed-1", seed=1, start=start)
    return Job(arm=arm, work=work, here=here, stages={"training": "a", "judged": "b"}, needs=needs)


def play(jobs: list[Job], workers: int) -> tuple[Schedule, list[Standing]]:
    schedule = Schedule(waiting=list(jobs), group=lambda task: task.key)
    seen: list[Standing] = []
    JobPool(workers).run(schedule, seen.append)
    return schedule, seen


@pytest.mark.slow
def test_whatever_happens_to_one_the_others_go_on(tmp_path: Path) -> None:
    jobs = [
        job(tmp_path, "killed-once", Trick(trouble="kill", once=str(tmp_path / "once"))),
        job(tmp_path, "killed", Trick(trouble="kill")),
        job(tmp_path, "wrong", Trick(trouble="input")),
        job(tmp_path, "bug", Trick(trouble="bug")),
        job(tmp_path, "after-wrong", Trick(), needs="wrong/seed-1"),
        job(tmp_path, "second", Trick(), needs="first/seed-1"),
        job(tmp_path, "first", Trick(value=5.0)),
    ]
    schedule, seen = play(jobs, workers=2)
    assert schedule.done == {"killed-once/seed-1", "first/seed-1", "second/seed-1"}
    assert schedule.failed == {
        "killed/seed-1": "its process ended by signal 9, twice",
        "wrong/seed-1": "field 'trouble': no good",
        "bug/seed-1": "ValueError: a bug",
        "after-wrong/seed-1": "it needs wrong/seed-1, which failed",
    }
    assert (tmp_path / "second" / "seed-1" / "value.txt").read_text() == "8.0"  # 1 + 6 + 1
    news = "\n".join(now.news for now in seen)
    assert "killed-once/seed-1: its process ended by signal 9; it is tried again" in news
    assert "Traceback" in news  # a bug says where
    assert (seen[-1].done, seen[-1].total, dict(seen[-1].running)) == (7, 7, {})
    lines = (tmp_path / "first" / "seed-1" / "tries.txt").read_text().split()
    assert lines[1] == "1"  # one thread a process
    assert int(lines[0]) != os.getpid()


def test_without_workers_everything_is_done_here(tmp_path: Path) -> None:
    jobs = [job(tmp_path, "wrong", Trick(trouble="diverge")), job(tmp_path, "ours", Trick())]
    schedule, seen = play(jobs, workers=0)
    assert schedule.done == {"ours/seed-1"}
    assert schedule.failed == {"wrong/seed-1": "the loss is not finite"}
    assert (tmp_path / "ours" / "seed-1" / "tries.txt").read_text().split()[0] == str(os.getpid())
    assert seen[-1].done == 2


def test_the_time_left_counts_what_is_known(tmp_path: Path) -> None:
    schedule = Schedule(
        waiting=[job(tmp_path, "a", Trick()), job(tmp_path, "b", Trick())],
        group=lambda task: task.key.partition("/")[0], seconds={"a": [10.0, 30.0]},
    )  # fmt: skip
    assert schedule.expected(schedule.waiting[0]) == 20.0
    assert schedule.expected(schedule.waiting[1]) == 20.0  # nothing better is known
    schedule.seconds["b"] = [2.0]
    assert schedule.expected(schedule.waiting[1]) == 2.0


POOL = """
import sys
from pathlib import Path
from tests.studies.small_study import Trick
from tests.studies.test_job_pool import job, play
if __name__ == "__main__":
    play([job(Path(sys.argv[1]), name, Trick(pace=2.0)) for name in "ab"], workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_the_study(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)],
                              env={**os.environ, "PYTHONPATH": paths},
                              stderr=subprocess.DEVNULL)  # fmt: skip
    busy = [tmp_path / name / "seed-1" / "tries.txt" for name in "ab"]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in busy):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = [pid for pid in children(parent.pid)
               if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]  # fmt: skip
    assert len(workers) == 2
    parent.send_signal(number)
    parent.wait(30)
    deadline = time.monotonic() + 5
    while any(map(alive, workers)):
        assert time.monotonic() < deadline, "a worker is still running"
        time.sleep(0.05)
