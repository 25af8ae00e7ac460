"""A dataset as the terminal shows it."""

from __future__ import annotations

from pathlib import Path

from bydemo.cli.console import show_facts


def show_dataset(path: Path) -> None:
    """What a dataset holds, in a table."""
    from bydemo.data.source import Dataset

    dataset = Dataset.open(path)
    rows = [("episodes", f"{len(dataset.episodes):,}"), ("steps", f"{dataset.steps:,}")]
    rows += [(f"split {name}", f"{len(part):,} episodes") for name, part in dataset.splits.items()]
    for name, field in dataset.spec.observation.items():
        rows.append((name, f"{' x '.join(map(str, field.shape))} {field.dtype}"))
    meaning = [
        f"{part.name} {part.size} x {'/'.join(part.classes) or part.unit or 'number'}"
        for part in dataset.spec.action.parts
    ]
    rows.append(("action", ", ".join(meaning)))
    show_facts(str(path), rows)
