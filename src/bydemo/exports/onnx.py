"""One ONNX file from raw observation to raw action, codec and limits inside; onnxruntime runs it.

Inputs are named after the observation fields that the policy uses, with a batch axis of any length
B: a vector (B, D) of the recorded dtype, or (B, T, D) for a policy that looks back T steps, oldest
first; an image (B, H, W, C) uint8 as recorded; `prompt` (B, L) int64 where words matter. The output
`action` is (B, K, A) float32, K steps of a chunk, in raw units and within limits. Labels are the
likeliest class. Where the agent would refuse an observation that is not finite, the action is NaN.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.core.results import versions, write_bytes
from bydemo.exports._acting_graph import ACTION, PROMPT, ActingGraph
from bydemo.exports._observations import Arrays, made_up, rows, told_by
from bydemo.models.agent import Agent
from bydemo.models.base import config_name

SCHEMA = "bydemo.onnx/1"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TIE = 1e-4
"""[nats] Two classes closer than this may swap by rounding alone."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole agent as an ONNX graph, compared with the agent before it is written.

    observations: made-up observations that it is compared on. tolerance: largest difference of an
    action component allowed, in the scale of the codec (one standard deviation where actions were
    standardised); labels must be the same.
    """

    observations: int = 256
    tolerance: float = 1e-4

    @property
    def file_name(self) -> str:
        """What the file is called unless the user names it."""
        return "policy.onnx"

    def write(self, agent: Agent, destination: Path) -> str:
        """Build, compare, write; InputError without a file where they differ."""
        if self.observations < 1:
            raise InputError("is less than 1", field="observations")
        _check_packages()
        _check_agent(agent)
        observations = made_up(agent, self.observations)
        model = _graph(agent, rows(observations, slice(0, 2)))
        difference = _compare(agent, model, observations, self.tolerance)
        checked = {
            "observations": self.observations,
            "tolerance": self.tolerance,
            "largest_difference": difference,
        }
        _describe(model, agent, checked)
        write_bytes(destination, model.SerializeToString())
        return (
            f"On {self.observations} made-up observations its actions differ from the agent's by "
            f"at most {difference:.1e} scales (allowed: {self.tolerance:g})."
        )


def _check_packages() -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"not installed: {', '.join(missing)}; pip install 'bydemo[onnx]'", field="format"
        )


def _check_agent(agent: Agent) -> None:
    if agent.options.labels == "sample":
        raise InputError(
            "is 'sample': a graph throws no dice; set it to 'argmax' before the export",
            field="options.labels",
        )
    taken = {PROMPT, ACTION} & set(agent.spec.observation)
    if taken:
        raise InputError("the graph uses this name for something else", field=min(taken))


def _graph(agent: Agent, example: Arrays) -> Any:
    """The agent as an `onnx.ModelProto` that takes only the inputs it needs."""
    graph = ActingGraph(agent).eval()
    arrays = [example[name] for name in graph.inputs]
    if len(arrays[0]) < 2:  # an axis of length 1 would be taken for a constant
        arrays = [np.concatenate([array] * 2) for array in arrays]
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    batch = torch.export.Dim("batch")
    try:
        with _quietly(), torch.no_grad():
            # strict: the models say len(tensor), which only this tracer keeps symbolic.
            traced = torch.export.export(
                graph, tensors, dynamic_shapes=(tuple({0: batch} for _ in tensors),), strict=True
            )
            program = torch.onnx.export(
                traced, dynamo=True, input_names=list(graph.inputs), output_names=[ACTION],
                verbose=False,
            )  # fmt: skip
    except RuntimeError as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"'{config_name(agent.config)}' cannot be put into a graph: {first}", field="model"
        ) from error
    assert program is not None
    model = program.model_proto
    _tidy(model.graph)
    return model


def _tidy(graph: Any) -> None:
    """Leave out inputs that nothing uses and the exporter's notes, which hold paths of this
    machine; call the batch axis by its name."""
    needed = {name for node in graph.node for name in node.input}
    for unneeded in [each for each in graph.input if each.name not in needed]:
        graph.input.remove(unneeded)
    for each in (*graph.input, *graph.output):
        each.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in (*graph.node, *graph.input, *graph.output, graph):
        node.doc_string = ""
        del node.metadata_props[:]
    del graph.value_info[:]


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter tells of optional packages and of its own parts' deprecations."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _compare(agent: Agent, model: Any, observations: Arrays, tolerance: float) -> float:
    """The largest difference in scales of the codec, over batches of 1, of 2, and of many."""
    session = _session(model.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    worst, count = 0.0, len(observations[PROMPT])
    for start, stop in _batches(count, 32 if agent.view.cameras else count):
        some = rows(observations, slice(start, stop))
        ours = session.run([ACTION], {name: some[name] for name in names})[0]
        worst = max(worst, _difference(agent, ours, told_by(agent, some)))
    if not worst <= tolerance:
        raise InputError(
            f"the graph's actions differ from the agent's by {worst:.1e} scales, allowed are "
            f"{tolerance:g}; nothing was written",
            field="tolerance",
        )
    return worst


def _difference(agent: Agent, ours: NDArray[np.float32], told: Any) -> float:
    """Of continuous components in scales; infinite where a label is another one without a tie."""
    field = agent.spec.action
    continuous, labels = field.columns(labels=False), field.columns(labels=True)
    if ours.shape != told.action.shape or not np.isfinite(ours).all():
        return float("inf")
    apart = np.abs(ours - told.action)
    same = (apart[..., labels] == 0) | _ties(agent, told.probabilities)
    if not same.all():
        return float("inf")
    return float((apart[..., continuous] / agent.codec.action.scale).max(initial=0.0))


def _ties(agent: Agent, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(B, K, G) True where another class than the chosen one is as likely, up to `TIE`."""
    classes = [len(part.classes) for part in agent.spec.action.labels]
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    bias = np.asarray(agent.options.label_bias or np.zeros(sum(classes)), np.float32)
    shown = logits + bias
    found = np.zeros((*logits.shape[:-1], len(classes)), bool)
    for i, block in enumerate(np.split(shown, np.cumsum(classes)[:-1], axis=-1) if classes else []):
        best = np.sort(block, axis=-1)
        found[..., i] = best[..., -1] - best[..., -2] < TIE if block.shape[-1] > 1 else False
    return found


def _batches(count: int, size: int) -> Sequence[tuple[int, int]]:
    """Runs of rows: one, then two, then `size` each."""
    edges = [0, 1, 3, *range(3 + size, count, size), count]
    edges = sorted({min(edge, count) for edge in edges})
    return list(pairwise(edges))


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _describe(model: Any, agent: Agent, checked: Mapping[str, Any]) -> None:
    """What the file is, as its metadata: texts, JSON but for the schema."""
    model.producer_name, model.producer_version = "bydemo", versions().get("bydemo", "")
    model.doc_string = __doc__ or ""
    described = {
        "spec": agent.spec.to_json(),
        "vocabulary": to_plain(agent.vocabulary),
        "model": {"name": config_name(agent.config), "config": to_plain(agent.config)},
        "chunk": agent.chunk,
        "history": agent.history,
        "checked": checked,
        "versions": versions(),
    }
    for name, value in {"schema": SCHEMA, **described}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=name, value=text)
