"""Several devices share each batch: proved on logical CPU devices, each case in its own process.

Logical devices must be made before TensorFlow starts.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.support import write_images

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_network")]

EPOCHS = 2
PLAIN = {
    "rotation": 0.0,
    "shift": 0.0,
    "shear": 0.0,
    "zoom": 0.0,
    "horizontal_flip": False,
    "vertical_flip": False,
}
# Dropout is off: each replica draws the masks of its own share. Computed in float64, and with an
# epsilon that keeps RMSprop from taking the mere sign of a gradient: a deep network with batch
# normalisation multiplies the rounding of float32 by a million.
DRIVER = """
import json, sys
import keras, tensorflow as tf
number, epochs, results, images, synchronized = json.loads(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
keras.layers.Dropout.call = lambda self, inputs, training=False: inputs
keras.config.set_floatx("float64")  # of the loss
dense = keras.layers.Dense.__init__
keras.layers.Dense.__init__ = lambda self, units, dtype=None, **more: dense(self, units, **more)
from pathlib import Path
from dataclasses import replace
from kreproduce.data import dataset, sources
from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.training.console import Report
from kreproduce.runs.folder import RunFolder
from kreproduce.training import model, devices, lifecycle, optimizer
from kreproduce.training.learner import NetworkLearner
model.Keras2RMSprop = lambda: optimizer.Keras2RMSprop(epsilon=1.0)
Experiment.cpu_precision = "float64"
experiment = resolve(json.loads(sys.argv[2]))
data = dataset.load(experiment, sources.locate("colours", Path(images)))
folder = RunFolder(Path(results), experiment)
found = replace(devices.find(), sync_batch_norm=synchronized)
assert found.replicas == number
shares = set()
from kreproduce.data.layers import Warp
plain = Warp.call
def noted(self, inputs):
    if isinstance(inputs[0], tf.Tensor):
        tf.py_function(lambda n: shares.add(int(n)), [tf.shape(inputs[0])[0]], [])
    return plain(self, inputs)
Warp.call = noted
stop_at = epochs
class Enough(Exception): pass
class Stopping(Report):
    def epoch(self, row, best):
        super().epoch(row, best)
        if row.epoch == stop_at:
            raise Enough
class Images:
    def load(self):
        return data
def learner(data, interruptions):
    return NetworkLearner(experiment, data, found, interruptions)
try:
    lifecycle.run(folder, Images(), learner, Stopping())
except Enough:
    pass
print(json.dumps(sorted(shares)))
"""
SETTINGS = {
    "dataset": "colours",
    "classes": 3,
    "ch": 16,
    "input_size": 16,
    "skip_strides": 2,
    "batch_size": 8,
    "epochs": 5,
    "augmentation": PLAIN,
    "validation": "plain",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "colours"
    write_images(folder / "train", {"red": 10, "green": 10, "blue": 20})
    # 36 train, so that the last batch has 4, and 4 validate: two devices can share both.
    write_images(folder / "test", {"red": 4, "green": 4, "blue": 4})
    return folder


def train(number, epochs, results, images, synchronized=True):
    """Trains to the end of an epoch on so many devices; gives what it said, and the shares."""
    arguments = [number, epochs, str(results), str(images), synchronized]
    command = [sys.executable, "-c", DRIVER, json.dumps(arguments), json.dumps(SETTINGS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr, json.loads(done.stdout.splitlines()[-1])


def curve(results: Path):
    (path,) = results.glob("runs/*/history.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return np.array([[float(row[name]) for name in names] for row in rows])


@pytest.fixture(scope="module")
def one(tmp_path_factory, images, short_network):
    """The curve of one device."""
    results = tmp_path_factory.mktemp("one")
    train(1, EPOCHS, results, images)
    return curve(results)


@pytest.mark.parametrize("number", [2, 4])
def test_the_curve_is_that_of_one_device(tmp_path, images, one, number):
    _, shares = train(number, EPOCHS, tmp_path, images)
    assert max(shares) == 8 // number
    found = curve(tmp_path)
    np.testing.assert_allclose(found, one, rtol=1e-4)
    (path,) = tmp_path.glob("runs/*/settings.json")
    conditions = json.loads(path.read_text())["session"]["conditions"]
    assert (conditions["replicas"], conditions["sync_batch_norm"]) == (number, True)


def test_without_synchronising_it_is_another_curve(tmp_path, images, one):
    """The test above can fail: the statistics of half a batch are others."""
    train(2, EPOCHS, tmp_path, images, synchronized=False)
    assert abs(curve(tmp_path)[0, 0] / one[0, 0] - 1) > 1e-3


def test_a_run_goes_on_with_another_number_of_devices(tmp_path, images, one):
    train(1, 1, tmp_path, images)
    said, _ = train(2, EPOCHS, tmp_path, images)
    assert "replicas was 1 and is 2; the result may differ" in said
    np.testing.assert_allclose(curve(tmp_path), one, rtol=1e-4)
