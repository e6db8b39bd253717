"""Runs of the networks as they are, not of their first blocks alone; and that one learns."""

import csv
import json

import pytest
from helpers.support import write_images

from kreproduce.cli import app

pytestmark = pytest.mark.slow

SMALL = {"input_size": 16, "skip_strides": 2, "batch_size": 8, "bn_momentum": 0.5, "limit": 24}


def run(*arguments):
    """The folder and record of a run of the command line, in this process."""
    app([str(argument) for argument in ("run", *arguments)], standalone_mode=False)
    (path,) = arguments[arguments.index("--results") + 1].glob("runs/*/record.json")
    return path.parent, json.loads(path.read_text())


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        (["--variant", "baseline"], 4_011_391),
        (["--variant", "v1", "--ch", 16, "--relu", "--seed", 7], 630_735),
        (["--ch", 4, "--no-l", "--precision", "mixed_bfloat16"], 333_103),
        (["--ch", 2, "--set", "validation=fourfold", "--precision", "mixed_float16"], 303_027),
        (["--ch", 16, "--set", "interleaving=paper", "--set", "validation=augmented"], 614_259),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_every_kind_of_model_trains(tmp_path, settings, parameters):
    images = tmp_path / "colours"
    write_images(images / "train", {"red": 14, "green": 14, "blue": 14})
    write_images(images / "test", {"red": 5, "green": 5, "blue": 5})
    small = [f"--set={name}={value}" for name, value in SMALL.items()]
    where = ["--data-dir", images, "--results", tmp_path / "results", "--epochs", 1]
    _, record = run("colours", *where, *small, *settings)
    assert record["settings"]["limit"] == record["data"]["train"] == 24
    expected = record["settings"]["precision"].replace("auto", "float32")
    assert record["conditions"]["precision"] == expected
    assert record["parameters"] == parameters
    assert record["computations"] > record["computations_trained"] > 0


def test_the_digits_are_learnt(tmp_path):
    """What `make run` runs: at least 90% on the test images, the loss falling."""
    folder, record = run("digits", "--results", tmp_path)
    assert record["test"]["best_val_loss"]["accuracy"]["plain"] >= 0.9
    with (folder / "history.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.2 * losses[0]
