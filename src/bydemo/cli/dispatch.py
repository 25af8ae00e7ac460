"""From `bydemo VERB ...` to the verb, and from whatever happens there to an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from bydemo import __version__
from bydemo.cli.catalogue import VERBS, verbs
from bydemo.core.errors import BydemoError, UnknownNameError

BAD_INPUT, INTERRUPTED, TERMINATED = 2, 128 + signal.SIGINT, 128 + signal.SIGTERM


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 done; 2 an error that the user can put right (one message on stderr); 130 Ctrl-C; 143 SIGTERM.
    Anything else that escapes is a bug and keeps its traceback.
    """
    said = list(sys.argv[1:] if words is None else words)
    if threading.current_thread() is threading.main_thread():
        # So that a `kill` still closes workers and files instead of dropping them.
        signal.signal(signal.SIGTERM, _terminate)
    try:
        return _dispatch(said)
    except BydemoError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`): nothing is wrong, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{error.strerror or error}")


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        _help()
        return 0 if words else BAD_INPUT
    if words[0] in ("-V", "--version"):
        sys.stdout.write(f"bydemo {__version__}\n")
        return 0
    verb, rest = words[0], words[1:]
    known = verbs()
    if verb not in known:
        raise UnknownNameError("command", verb, known)
    module = importlib.import_module(f"{VERBS}.{verb}")
    return int(module.run(rest))


def _help() -> None:
    from rich.table import Table

    from bydemo.cli.console import output

    console = output()
    console.print(
        "[bold]bydemo[/] teaches robots by demonstration, and tells how well they learned."
    )
    console.print("\nusage: bydemo COMMAND ...   (bydemo COMMAND --help shows its options)\n",
                  markup=False)  # fmt: skip
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in verbs().items():
        table.add_row(name, text)
    console.print(table)


def _fail(message: str, code: int = BAD_INPUT) -> int:
    from bydemo.cli.console import complain

    complain(message)
    return code


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)
