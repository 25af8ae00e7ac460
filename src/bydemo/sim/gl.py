"""The off-screen GL back end: finding one that really draws, and opening a context in it.

With nothing installed MuJoCo fails late, with an error that names neither cause nor cure, and a
broken installation can hang or kill the process. So each candidate is tried in a process of its
own, with a time limit, by drawing 8x8 pixels.
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from bydemo.core.errors import SimulationError

if TYPE_CHECKING:  # its import fails if MUJOCO_GL names what isn't installed
    import mujoco

BACKENDS = ("egl", "osmesa", "glfw")
"""Tried in this order: without a window system first, and the fastest first."""

_LIBRARIES = {"egl": "libEGL.so.1", "osmesa": "libOSMesa.so.8"}
"""What each back end that needs no window system loads, on Linux."""

_SWITCHED_OFF = ("disable", "disabled", "off", "false", "0")
"""What MuJoCo takes for "no drawing at all"."""

CURE = "apt-get install libegl1 libgl1"
"""What makes `egl` work on Debian and Ubuntu, graphics card or not."""

_DRAW_8X8 = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 3'/>"
    "<geom type='sphere' size='.2' rgba='1 .2 .1 1'/></worldbody></mujoco>"
)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 8, 8) as renderer:
    renderer.update_scene(data)
    pixels = renderer.render()
print("drawn" if pixels.min() < pixels.max() else "blank")
"""


class GlContext(Protocol):
    """MuJoCo's own off-screen context of any back end."""

    def make_current(self) -> None:
        """Directs this thread's drawing into it."""

    def free(self) -> None:
        """Ends it."""


@dataclass(frozen=True, kw_only=True)
class GlAttempt:
    """One back end and why it cannot be used; an empty `problem` means that it draws."""

    backend: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class GlReport:
    """The back end that draws (`None`: none does) and everything that was tried, in order."""

    backend: str | None
    attempts: tuple[GlAttempt, ...]

    def explain(self) -> str:
        """What was tried, one line a back end, and the cure if nothing draws."""
        lines = [f"  {a.backend}: {a.problem or 'draws'}" for a in self.attempts]
        if self.backend is None:
            head = "no off-screen GL back end can draw, so cameras cannot be rendered. Tried:"
            return "\n".join([head, *lines, f"On Debian or Ubuntu this cures it: {CURE}"])
        return "\n".join([f"GL back end '{self.backend}' draws. Tried:", *lines])


def _attempt(backend: str, timeout_s: float) -> GlAttempt:
    """Draws 8x8 pixels with `backend` in a fresh process."""
    environment = {**os.environ, "MUJOCO_GL": backend}
    environment.pop("PYOPENGL_PLATFORM", None)  # would override the choice made here
    try:
        done = subprocess.run(
            [sys.executable, "-c", _DRAW_8X8],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return GlAttempt(backend=backend, problem=f"no answer within {timeout_s:g} s")
    if done.returncode == 0:
        drawn = done.stdout.strip().endswith("drawn")
        return GlAttempt(backend=backend, problem="" if drawn else "the picture is blank")
    said = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0:
        return GlAttempt(backend=backend, problem=f"ended by signal {-done.returncode}")
    return GlAttempt(backend=backend, problem=said[-1].strip() if said else "failed silently")


@functools.cache
def probe_gl(
    backends: tuple[str, ...] = BACKENDS, timeout_s: float = 30.0, exhaustive: bool = False
) -> GlReport:
    """The first of `backends` that draws; the answer is kept for the life of this process.

    `exhaustive` goes on after the first success, for a full table (`bydemo doctor`).
    """
    attempts: list[GlAttempt] = []
    chosen: str | None = None
    for backend in backends:
        attempt = _attempt(backend, timeout_s)
        attempts.append(attempt)
        if not attempt.problem:
            chosen = chosen or backend
            if not exhaustive:
                break
    return GlReport(backend=chosen, attempts=tuple(attempts))


def choose_gl() -> str:
    """The back end to use: `MUJOCO_GL` if set, else the first whose library is installed.

    Draws nothing, and sets `MUJOCO_GL` for this process and its workers. Also keeps Mesa's
    software renderer in the calling thread unless the user has said otherwise: its own threads
    get in the way of several workers (two on two cores: 2.9 instead of 4.7 ms a picture).
    Raises `SimulationError` if the user has set what isn't there; `import mujoco` would fail.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    asked = os.environ.get("MUJOCO_GL")
    if asked and asked not in (*BACKENDS, *_SWITCHED_OFF):
        raise SimulationError(
            f"MUJOCO_GL is '{asked}', expected one of {', '.join(BACKENDS)}; unset it, and one "
            "that draws is looked for"
        )
    if asked in _LIBRARIES and not _loads(_LIBRARIES[asked]):
        raise SimulationError(
            f"MUJOCO_GL is '{asked}', but the library {_LIBRARIES[asked]} is not installed; "
            f"unset it, or: {CURE}"
        )
    installed = (name for name, library in _LIBRARIES.items() if _loads(library))
    return asked or os.environ.setdefault("MUJOCO_GL", next(installed, BACKENDS[-1]))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def require_gl() -> str:
    """Makes sure that pictures can be drawn, sets `MUJOCO_GL` and returns the back end's name.

    A back end that the user has set is tried alone, otherwise all are until one draws. Raises
    `SimulationError` with what was tried and the cure.
    """
    asked = os.environ.get("MUJOCO_GL")
    report = probe_gl((asked,) if asked else BACKENDS)
    if report.backend is None:
        raise SimulationError(report.explain())
    os.environ["MUJOCO_GL"] = report.backend
    return choose_gl()


def open_context(
    model: mujoco.MjModel, width: int, height: int
) -> tuple[GlContext, mujoco.MjrContext]:
    """A current off-screen GL context of the chosen back end, and the model's meshes in it.

    `mujoco.GLContext` would be that of the moment when `mujoco` was first imported, by whomever.
    Raises `SimulationError` with what was tried and the cure.
    """
    backend = choose_gl()
    try:
        import mujoco

        context: GlContext = import_module(f"mujoco.{backend}").GLContext(width, height)
        context.make_current()
        return context, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
    except Exception as error:  # each back end fails in its own way
        require_gl()
        raise SimulationError(f"GL back end '{backend}' draws, but not here: {error}") from error
