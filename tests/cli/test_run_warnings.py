"""What `run` says of the images before it trains on them."""

import logging

import pytest
from helpers.support import write_images

from kreproduce.cli import faults
from kreproduce.data.sources import locate
from kreproduce.errors import LockedError
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.training.run_experiment import run_experiment


@pytest.fixture
def said(capfd, monkeypatch, tmp_path):
    """Reads the images as `run` does; returns the lines on standard error."""
    monkeypatch.setattr(logging.getLogger("kreproduce"), "handlers", [faults.Warnings()])

    def taken(folder):
        """As if another process had come first: the images are read, and nothing is trained."""
        raise LockedError("another process is using it")

    monkeypatch.setattr(RunFolder, "claim", taken)

    def lines(folder):
        experiment = resolve({"dataset": "pets", "ch": 16, "classes": 2})
        with pytest.raises(LockedError):
            run_experiment(experiment, locate("pets", folder), tmp_path / "results")
        printed = capfd.readouterr()
        assert printed.out == ""
        return printed.err.splitlines()

    return lines


def test_nothing_of_sound_images(tmp_path, said):
    write_images(tmp_path, {"cat": 4, "dog": 4})
    assert said(tmp_path) == []


def test_a_line_of_each_kind(tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "[red]x[\x1b[31m\n"
    write_images(tmp_path / "pets", {"cat": 4, name: 4})
    (tmp_path / "pets" / "cat" / "a.gif").touch()
    (tmp_path / "pets" / name / ".hidden.png").touch()
    (tmp_path / "pets" / name / "copy.png").write_bytes(
        (tmp_path / "pets" / "cat" / "003.png").read_bytes()
    )
    assert said((tmp_path / "pets").relative_to(tmp_path)) == [
        "kreproduce: warning: passed over: 1 file of other kinds (.gif 1); "
        "what is hidden: pets/[red]x[?[31m?/.hidden.png",
        "kreproduce: warning: repeated: 1 picture stands in two classes "
        "(say [red]x[?[31m?/copy.png and cat/003.png)",
    ]
