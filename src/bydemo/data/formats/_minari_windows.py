"""Sub-trajectories: runs of steps of an episode, each an episode of its own."""

from __future__ import annotations

from collections.abc import Sequence

from bydemo.core.episode import Episode


def window_starts(steps: int, window: int | None, stride: int | None) -> Sequence[int]:
    """The first step of each window that fits into an episode of `steps`; None: it stays whole."""
    return [0] if window is None else range(0, steps - window + 1, stride or window)


def window_of(episode: Episode, start: int, steps: int) -> Episode:
    """`steps` steps of an episode from `start` on; what was seen after them is its end.

    A seed resets the environment to the start of the whole episode, and stays behind elsewhere.
    """
    stop, length = start + steps, len(episode)
    inside = slice(start, stop)
    info = dict(episode.info) | {"first_step": start}
    for name in ("terminations", "truncations"):
        info[name] = [t - start for t in info[name] if start <= t < stop]
    if start and "seed" in info:
        info["episode_seed"] = info.pop("seed")
    final = episode.final_observation
    if stop < length:
        info.pop("final_infos", None)
        final = {name: rows[stop] for name, rows in episode.observation.items()}
    return Episode(
        observation={name: rows[inside] for name, rows in episode.observation.items()},
        final_observation=final,
        action=episode.action[inside],
        reward=None if episode.reward is None else episode.reward[inside],
        annotation={name: rows[inside] for name, rows in episode.annotation.items()},
        instruction=episode.instruction,
        success=episode.success if stop == length else None,
        info=info,
    )
