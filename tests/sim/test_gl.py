"""Looking for a GL back end ends in time, says what was tried, and names the cure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bydemo.core.errors import SimulationError
from bydemo.sim import gl


def fresh(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "LP_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_back_end_in_use_draws_and_is_remembered() -> None:
    backend = gl.choose_gl()
    report = gl.probe_gl((backend,))
    assert report.backend == backend
    assert gl.probe_gl((backend,)) is report
    assert report.explain().startswith(f"GL back end '{report.backend}' draws.")
    assert gl.require_gl() == report.backend


def test_a_failure_tells_what_was_tried_and_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(backend: str, timeout_s: float) -> gl.GlAttempt:
        return gl.GlAttempt(backend=backend, problem=f"no {backend} here")

    monkeypatch.setattr(gl, "_attempt", refuse)
    backend = gl.choose_gl()
    gl.probe_gl.cache_clear()
    try:
        with pytest.raises(SimulationError) as raised:
            gl.require_gl()
    finally:
        gl.probe_gl.cache_clear()
    assert str(raised.value) == (
        "no off-screen GL back end can draw, so cameras cannot be rendered. Tried:\n"
        f"  {backend}: no {backend} here\n"
        "On Debian or Ubuntu this cures it: apt-get install libegl1 libgl1"
    )


def test_the_first_that_draws_is_taken_unless_all_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_osmesa(backend: str, timeout_s: float) -> gl.GlAttempt:
        return gl.GlAttempt(backend=backend, problem="" if backend == "osmesa" else "absent")

    monkeypatch.setattr(gl, "_attempt", only_osmesa)
    gl.probe_gl.cache_clear()
    try:
        first, table = gl.probe_gl(), gl.probe_gl(exhaustive=True)
    finally:
        gl.probe_gl.cache_clear()
    assert first.backend == table.backend == "osmesa"
    assert [a.backend for a in first.attempts] == ["egl", "osmesa"]
    assert [a.backend for a in table.attempts] == ["egl", "osmesa", "glfw"]


def test_a_hanging_back_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "_DRAW_8X8", "import time; time.sleep(30)")
    assert gl._attempt("egl", 0.3).problem == "no answer within 0.3 s"


def test_a_broken_back_end_reports_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "_DRAW_8X8", "raise RuntimeError('no display')")
    assert gl._attempt("glfw", 20).problem == "RuntimeError: no display"
    monkeypatch.setattr(gl, "_DRAW_8X8", "import os; os.abort()")
    assert gl._attempt("egl", 20).problem == "ended by signal 6"
    monkeypatch.setattr(gl, "_DRAW_8X8", "print('blank')")
    assert gl._attempt("egl", 20).problem == "the picture is blank"


OPEN = """
import mujoco
from bydemo.core.errors import SimulationError
from bydemo.sim import gl
{change}
try:
    model = mujoco.MjModel.from_xml_string("<mujoco/>")
    context, meshes = gl.open_context(model, 8, 8)
    print("opened", type(context).__module__)
    meshes.free()
    context.free()
except SimulationError as error:
    print(error)
"""


def test_the_context_is_the_chosen_one_whoever_imported_mujoco_first() -> None:
    said = fresh(OPEN.format(change=""))
    assert said.stdout.startswith("opened mujoco."), said.stderr
    assert said.stdout.strip().split(".")[1] in ("egl", "osmesa")


def test_without_any_library_the_context_says_what_is_missing() -> None:
    change = "import os; os.environ.pop('MUJOCO_GL')\n"
    change += "gl._LIBRARIES = {'egl': 'libnowhere.so.1'}; gl._DRAW_8X8 = 'raise OSError(1)'"
    said = fresh(OPEN.format(change=change), DISPLAY="")
    assert said.stdout.startswith("no off-screen GL back end can draw"), said.stderr
    assert "apt-get install libegl1 libgl1" in said.stdout


def test_a_back_end_that_the_user_set_is_kept_if_it_is_there() -> None:
    said = fresh("from bydemo.sim import gl; print(gl.choose_gl())", MUJOCO_GL="glfw")
    assert said.stdout.strip() == "glfw"


def test_a_missing_back_end_that_the_user_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gl._LIBRARIES, "osmesa", "libnowhere.so.1")
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    with pytest.raises(SimulationError) as raised:
        gl.choose_gl()
    assert str(raised.value) == (
        "MUJOCO_GL is 'osmesa', but the library libnowhere.so.1 is not installed; "
        "unset it, or: apt-get install libegl1 libgl1"
    )


def test_a_back_end_that_does_not_exist_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "elg")
    with pytest.raises(SimulationError, match="MUJOCO_GL is 'elg', expected one of egl, osmesa, "):
        gl.choose_gl()
