import errno
import signal
import sys
import types

import pytest

from bydemo.cli import dispatch
from bydemo.core.errors import StorageError


@pytest.fixture(autouse=True)
def _handlers():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def verb(monkeypatch):
    """Makes `bydemo report` do something else."""

    def install(action):
        fake = types.ModuleType("fake")
        fake.run = action
        monkeypatch.setitem(sys.modules, f"{dispatch.VERBS}.report", fake)

    return install


def raising(error):
    def action(words):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StorageError("the disk is full"), 2, "error: the disk is full\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 2,
         "error: /x/y: No space left on device\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_message_without_a_traceback(verb, capsys, error, code, said):
    verb(raising(error))
    assert dispatch.main(["report"]) == code
    assert capsys.readouterr().err == said


def test_a_bug_keeps_its_traceback(verb):
    verb(raising(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        dispatch.main(["report"])


def test_a_message_is_never_taken_for_markup_nor_wrapped(verb, capsys):
    text = "field '[red]action[/]': " + "long " * 60 + "end"
    verb(raising(StorageError(text)))
    dispatch.main(["report"])
    assert capsys.readouterr().err == f"error: {text}\n"


def test_an_exit_code_of_a_verb_is_passed_on(verb):
    verb(raising(SystemExit(143)))
    with pytest.raises(SystemExit) as left:
        dispatch.main(["report"])
    assert left.value.code == 143


def test_sigterm_lets_the_verb_clean_up_and_leaves_with_143(verb):
    cleaned = []

    def action(words):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)

    verb(action)
    with pytest.raises(SystemExit) as left:
        dispatch.main(["report"])
    assert left.value.code == 143
    assert cleaned == [True]


def test_a_typo_in_the_command_is_answered(capsys):
    assert dispatch.main(["trian"]) == 2
    assert "there is no command named 'trian'. Did you mean 'train'" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    assert dispatch.main(["--help"]) == 0
    said = capsys.readouterr().out
    for name in dispatch.verbs():
        assert name in said
    assert dispatch.main([]) == 2


def test_the_version_is_said(capsys):
    assert dispatch.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bydemo ")
