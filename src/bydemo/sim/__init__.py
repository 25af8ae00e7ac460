"""The simulated world. Importing it chooses MuJoCo's GL back end, which MuJoCo's import needs."""

from bydemo.sim.gl import choose_gl

choose_gl()
