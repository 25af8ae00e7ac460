"""The command line: one file a verb, and the only package that knows the argument parser."""

from __future__ import annotations

from bydemo.cli.dispatch import main

__all__ = ["main"]
