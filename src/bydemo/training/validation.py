"""The loss on samples that are not trained on, in order, without gradients."""

from __future__ import annotations

import math
from contextlib import nullcontext

from bydemo.core.errors import TrainingError
from bydemo.training.averaging import WeightAverage
from bydemo.training.feed import BatchSource, Share, feed
from bydemo.training.step import Stepper
from bydemo.training.totals import Totals


def validate(stepper: Stepper, batches: BatchSource, average: WeightAverage | None) -> Totals:
    """Sums over all samples of all processes, with the averaged weights where there are any."""
    accelerator, config = stepper.accelerator, stepper.config
    share = Share(len(batches), config.batch_size, accelerator.process_index,
                  accelerator.num_processes)  # fmt: skip
    totals = Totals()
    stepper.model.eval()
    with average.applied() if average is not None else nullcontext():
        for step, batch, rows in feed(batches, share.in_order, range(share.steps),
                                      accelerator.device, prefetch=config.prefetch):  # fmt: skip
            totals.add(stepper.evaluate(step, batch, rows))
    stepper.model.train()
    totals = totals.over_processes(accelerator)
    if not math.isfinite(totals.loss):
        raise TrainingError(
            f"the validation loss is {totals.loss:g}; the checkpoint before this epoch is kept"
        )
    return totals
