"""How long does a picture take? The fast profile against MuJoCo's own drawing, one process.

    python benchmarks/picture_time.py

Processor milliseconds a 224x224 picture of the whole scene (arm, four objects, one bowl), the
least and the median of 20 rounds, for both cameras together.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import mujoco
import numpy as np

from bydemo.sim import kitchen
from bydemo.sim.camera import FRONT, MOUNT, PICTURE_SIZE, Cameras
from bydemo.sim.gl import choose_gl, open_context
from bydemo.sim.jaco_arm import JacoArm
from bydemo.sim.scene import compile_scene

ROUNDS, PICTURES = 20, 8
SPOTS = {
    "apple fruit": (-0.10, -0.42),
    "milk dairy": (-0.21, -0.42),
    "long bread": (-0.02, -0.35),
    "green cup": (-0.05, -0.50),
}


def scene() -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = compile_scene()
    data = mujoco.MjData(model)
    kitchen.park_all(model, data)
    JacoArm(model, data).reset(np.array([-0.10, -0.42, 0.20]))
    for name, spot in SPOTS.items():
        kitchen.place_object(model, data, name, spot)
    kitchen.place_receptacle(model, "blue bowl", (-0.17, -0.33))
    mujoco.mj_forward(model, data)
    return model, data


def measure(draw: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Least and median processor time [ms] of one call, over rounds of `PICTURES` calls."""
    draw()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(PICTURES):
            draw()
        times.append((time.process_time() - start) / PICTURES * 1e3)
    return min(times), statistics.median(times)


def default_drawing(model: mujoco.MjModel, data: mujoco.MjData) -> Callable[[], None]:
    """Draws both cameras with shadows, reflections and four samples a pixel."""
    model.vis.quality.offsamples, model.light_castshadow[:] = 4, True
    rect = mujoco.MjrRect(0, 0, PICTURE_SIZE, PICTURE_SIZE)
    context, meshes = open_context(model, PICTURE_SIZE, PICTURE_SIZE)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, meshes)
    drawn, option = mujoco.MjvScene(model, maxgeom=1000), mujoco.MjvOption()
    pixels = np.empty((PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    view = mujoco.MjvCamera()
    view.type = mujoco.mjtCamera.mjCAMERA_FIXED
    every = mujoco.mjtCatBit.mjCAT_ALL

    def draw() -> None:
        context.make_current()
        for name in (FRONT, MOUNT):
            view.fixedcamid = model.camera(name).id
            mujoco.mjv_updateScene(model, data, option, None, view, every, drawn)
            mujoco.mjr_render(rect, drawn, meshes)
            mujoco.mjr_readPixels(pixels, None, rect, meshes)

    return draw


def main() -> None:
    backend = choose_gl()
    model, data = scene()
    with Cameras(model) as cameras:
        fast = measure(lambda: cameras.render(data), ROUNDS)
    plain = measure(default_drawing(model, data), 2)
    print(f"back end {backend}; ms a picture: least, median")
    for label, (least, median) in {"fast profile": fast, "MuJoCo's default": plain}.items():
        print(f"{label:>18}: {least / 2:6.2f} {median / 2:6.2f}")


if __name__ == "__main__":
    main()
