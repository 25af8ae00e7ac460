import sys

import pytest

from bydemo.sim import gl
from bydemo.studies import doctor


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch):
    monkeypatch.setattr(gl, "probe_gl", lambda: report(""))


def report(problem):
    attempt = gl.GlAttempt(backend="egl", problem=problem)
    return gl.GlReport(backend=None if problem else "egl", attempts=(attempt,))


def named(name, **more):
    return next(check for check in doctor.examine(**more) if check.name == name)


def test_everything_that_matters_is_looked_at(tmp_path):
    names = {check.name for check in doctor.examine(tmp_path)}
    assert {"Python", "CPU", "GL", "H.264", "Disk", "Cores"} <= names


def test_here_the_encoder_works():
    assert named("H.264").well


def test_without_gl_the_cure_is_said(monkeypatch):
    monkeypatch.setattr(gl, "probe_gl", lambda: report("libEGL.so.1 is missing"))
    check = named("GL")
    assert not check.well
    assert check.found == "egl: libEGL.so.1 is missing"
    assert check.cure == "apt-get install libegl1 libgl1"


def test_a_full_disk_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("U", (), {"free": 10**8}))
    check = named("Disk", folder=tmp_path)
    assert not check.well
    assert check.found.startswith("0.1 GB free")
    assert "2 GB" in check.cure


def test_a_package_that_is_missing_or_too_old_comes_with_its_command(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: [
        "numpy>=99", "surely-not-there>=1", "wandb; extra == 'wandb'",
    ])  # fmt: skip
    found = {check.name: check for check in doctor._packages()}
    assert set(found) == {"numpy", "surely-not-there"}
    assert not found["numpy"].well
    assert "needed: >=99" in found["numpy"].found
    assert found["surely-not-there"].cure == "pip install 'surely-not-there>=1'"


def test_an_old_python_is_said(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert not named("Python").well


def test_the_verb_leaves_with_2_and_prints_the_cures(monkeypatch, capsys):
    from bydemo.cli.verbs.doctor import run

    bad = doctor.Check(name="GL", found="nothing draws", well=False, cure="apt-get install it")
    monkeypatch.setattr(doctor, "examine", lambda: iter([bad]))
    assert run([]) == 2
    assert "GL: apt-get install it" in capsys.readouterr().out
    good = doctor.Check(name="GL", found="draws")
    monkeypatch.setattr(doctor, "examine", lambda: iter([good]))
    assert run([]) == 0
