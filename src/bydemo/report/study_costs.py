"""What arms cost, in the columns of tables: size, time, samples to a level, latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.latent_words import part_name
from bydemo.report.page import Cell, paragraph
from bydemo.report.reading import nested
from bydemo.report.study_reading import Study
from bydemo.report.svg import DASH, element, figure, is_number
from bydemo.report.training_sections import duration


@dataclass(frozen=True, kw_only=True)
class CostColumn:
    """A column: its head, what it says of an arm (a dash where nothing is known), and what a
    reader has to know of it."""

    head: str
    write: Callable[[Study, str], Cell]
    explain: Callable[[Study, Sequence[str]], str] = lambda study, arms: ""


def cost_columns(study: Study, arms: Sequence[str]) -> list[CostColumn]:
    """The columns for a question's arms, without those that would hold nothing but dashes."""
    return _told(_OF_A_QUESTION, study, arms)


def every_cost_column(study: Study, arms: Sequence[str]) -> list[CostColumn]:
    """The columns for the table of what all arms took; their parameters stand elsewhere."""
    return _told((*_OF_A_QUESTION[1:], *_OF_ALL_ARMS), study, arms)


def _told(columns: Sequence[CostColumn], study: Study, arms: Sequence[str]) -> list[CostColumn]:
    return [column for column in columns if any(column.write(study, a) != DASH for a in arms)]


def cost_note(study: Study, arms: Sequence[str], columns: Sequence[CostColumn]) -> Markup:
    """Below a table with these columns: what they mean; nothing where nothing needs saying."""
    said = [text for column in columns if (text := column.explain(study, arms))]
    return paragraph(" ".join(said), style="note") if said else Markup("")


def parameters_cell(study: Study, arm: str) -> Cell:
    """Trained parameters, of all where others are frozen."""
    trained = study.arm(arm).get("parameters")
    in_all = study.arm(arm).get("parameters_in_all")
    if not is_number(trained):
        return DASH
    if not is_number(in_all) or in_all <= trained:
        return counted(trained)
    return _beside(counted(trained), f"of {counted(in_all)}")


def samples_cell(study: Study, arm: str) -> Cell:
    """Training samples until the level was reached, and by how many runs."""
    level = nested(study.arm(arm), "level")
    reached, runs, samples = (level.get(name) for name in ("reached", "runs", "samples"))
    if not is_number(reached) or not is_number(runs) or not runs:
        return DASH
    if not reached or not is_number(samples):
        return "not reached"
    if reached < runs:
        return _beside(f"{samples:,.0f}", f"({reached:g} of {runs:g} runs)")
    return f"{samples:,.0f}"


def counted(value: object) -> str:
    """A number of things, or of things a second."""
    if not is_number(value):
        return DASH
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else figure(value)


def _beside(value: str, note: str) -> Markup:
    return element("span", value) + " " + element("span", note, class_="range")


def _small(value: object) -> str:
    if not is_number(value):
        return DASH
    return "<0.001" if 0 < value < 0.001 else figure(value, 2)


def _time(study: Study, arm: str) -> Cell:
    wall, cpu = (study.cost(arm).get(name) for name in ("wall_minutes", "cpu_hours"))
    if not is_number(wall) and not is_number(cpu):
        return DASH
    return _beside(f"{_small(wall)} min", f"{_small(cpu)} CPU-h")


def _training_time(study: Study, arm: str) -> Cell:
    return duration(study.cost(arm).get("training_seconds")) or DASH


def _memory(study: Study, arm: str) -> Cell:
    memory = study.cost(arm).get("peak_memory_mb")
    return f"{memory:,.0f} MB" if is_number(memory) else DASH


def _latency(study: Study, arm: str) -> Cell:
    latency = study.cost(arm).get("latency_ms")
    return f"{figure(latency)} ms" if is_number(latency) else DASH


def _level_note(study: Study, arms: Sequence[str]) -> str:
    part, at_most = study.block("level").get("part"), study.block("level").get("at_most")
    level = ""
    if part and is_number(at_most):
        level = f", a {part_name(str(part))} of at most {at_most:g}"
    return (
        f"Samples to the level: training samples seen when the validation loss was first at the "
        f"level{level}; a mean over the runs that reached it. Validation is looked at once a "
        f"round, so that they are an upper bound."
    )


_FROZEN = "Parameters: the trained ones, out of all with those of a frozen encoder."
_ONE_ACTION = "Latency: one action from a raw observation, on one thread."


def _frozen_note(study: Study, arms: Sequence[str]) -> str:
    return _FROZEN if any(isinstance(parameters_cell(study, arm), Markup) for arm in arms) else ""


PARAMETERS = CostColumn(head="parameters", write=parameters_cell, explain=_frozen_note)
_OF_A_QUESTION = (
    PARAMETERS,
    CostColumn(head="time a run", write=_time),
    CostColumn(head="training a run", write=_training_time),
    CostColumn(head="samples to the level", write=samples_cell, explain=_level_note),
    CostColumn(head="latency", write=_latency, explain=lambda study, arms: _ONE_ACTION),
)
_OF_ALL_ARMS = (
    CostColumn(
        head="samples a second", write=lambda s, a: counted(s.cost(a).get("samples_per_second"))
    ),
    CostColumn(head="peak memory", write=_memory),
)
