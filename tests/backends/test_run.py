"""A whole run under the active Keras backend: interrupted, taken up again, and its record tested.

`KERAS_BACKEND` chooses which; `.ci/backends` runs these where TensorFlow is not installed.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers.numpy_network import forward, taken
from helpers.support import write_images
from PIL import Image

from kreproduce.experiment.settings import Experiment
from kreproduce.network.description import describe
from kreproduce.network.model import build

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_network")]

EPOCHS = 3
LONGEST = 900  # seconds


def images_of(folder):
    """The pixels below a folder, in the order of the classes and files, and their classes."""
    files = sorted(folder.glob("*/*.png"))
    classes = sorted({path.parent.name for path in files})
    pixels = []
    for path in files:
        with Image.open(path) as image:
            pixels.append(np.asarray(image))
    return np.stack(pixels), np.array([classes.index(path.parent.name) for path in files])


def start(folder, results):
    """`kreproduce run` on the images in `folder`, batches of one size throughout."""
    small = {"input_size": 16, "skip_strides": 2, "batch_size": 12, "bn_momentum": 0.5}
    settings = [part for key, value in small.items() for part in ("--set", f"{key}={value}")]
    arguments = ["colours", "--data-dir", folder / "images", "--results", results]
    arguments += ["--ch", 16, "--epochs", EPOCHS, *settings]
    # What is compiled once need not be again.
    own = {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
    own |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "kreproduce", "run", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | own,
        cwd=folder,
    )


def ended(process, code=0):
    try:
        output, message = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    assert process.returncode == code, (output, message)
    return output


def run_folder(results):
    (folder,) = (path for path in results.glob("runs/*") if path.is_dir())
    return folder


def history(results):
    with (run_folder(results) / "history.csv").open() as file:
        return list(csv.DictReader(file))


def wait_for_an_epoch(process, results):
    deadline = time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < deadline:
        for status in results.glob("runs/*/status.json"):  # always whole: it is renamed into place
            if json.loads(status.read_text())["epoch"] >= 1:
                return
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, short_network):
    """A run in one go below "whole"; and one interrupted in its second epoch below "parts"."""
    folder = tmp_path_factory.mktemp("run")
    write_images(folder / "images" / "train", {"blue": 20, "red": 20}, size=8)
    write_images(folder / "images" / "test", {"blue": 6, "red": 6}, size=8)
    ended(start(folder, folder / "whole"))
    process = start(folder, folder / "parts")
    wait_for_an_epoch(process, folder / "parts")
    process.send_signal(signal.SIGINT)
    assert "the same command goes on from there" in ended(process, 130)
    (folder / "first.json").write_text(json.dumps(history(folder / "parts")))
    assert "going on" in ended(start(folder, folder / "parts"))
    return folder


def record(results):
    return json.loads((run_folder(results) / "record.json").read_text())


def test_the_record_names_the_backend(folder):
    found = record(folder / "whole")
    conditions = found["conditions"]
    name = keras.backend.backend()
    assert (conditions["backend"], conditions["precision"]) == (name, "float32")
    assert conditions["versions"][name]
    assert conditions["versions"]["keras"] == keras.__version__
    assert (found["data"]["train"], found["data"]["validation"], found["data"]["test"]) == (
        36,
        4,
        12,
    )


def test_it_goes_on_where_it_was_interrupted(folder):
    """The epochs before are not trained again: their seconds are the same."""
    first = json.loads((folder / "first.json").read_text())
    rows = history(folder / "parts")
    assert 1 <= len(first) < EPOCHS == len(rows)
    assert rows[: len(first)] == first
    assert len(record(folder / "parts")["sessions"]) == 2


def test_it_ends_as_in_one_go(folder):
    whole, parts = (history(folder / results) for results in ("whole", "parts"))
    for row in (*whole, *parts):
        row.pop("seconds")
    assert parts == whole
    assert record(folder / "parts")["test"] == record(folder / "whole")["test"]


def test_the_kept_weights_load_and_give_the_recorded_test(folder):
    """With the network, the flips, the sums and the counts in NumPy."""
    found = record(folder / "whole")
    experiment = Experiment(**found["settings"])
    network = describe(experiment.architecture)
    model = build(experiment.architecture)
    pixels, labels = images_of(folder / "images" / "test")
    large = pixels.repeat(2, axis=1).repeat(2, axis=2) / 255  # from 8 to 16 pixels
    flips = {"plain": large, "horizontal": large[:, :, ::-1], "vertical": large[:, ::-1]}
    for rule, test in found["test"].items():
        model.load_weights(run_folder(folder / "whole") / f"{rule}.weights.h5")
        p = {
            shown: forward(network, taken(model), images)["classifier_softmax"]
            for shown, images in flips.items()
        }
        sums = {"plain": p["plain"], "hflip": p["plain"] + p["horizontal"]}
        sums["hflip_vflip"] = sums["hflip"] + p["vertical"]
        own = p["plain"][np.arange(len(labels)), labels]
        assert test["loss"] == pytest.approx(-np.log(own).mean(), rel=1e-3)
        for name, total in sums.items():
            decided = np.abs(total[:, 0] - total[:, 1]) > 1e-5  # the others may tip over
            assert decided.sum() > 8
            right = np.sum(labels[decided] == total[decided].argmax(axis=1))
            left = test["accuracy"][name] * len(labels) - right
            assert -1e-6 <= left <= (~decided).sum() + 1e-6
