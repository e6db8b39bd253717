"""Under JAX several devices share each batch, and train what one does: on CPU devices.

Computed in float64, and with an epsilon that keeps RMSprop from taking the mere sign of a
gradient: a deep network with batch normalisation multiplies the rounding of float32. Dropout and
augmentation are on: JAX draws one mask for the whole batch, however many devices share it.
"""

import csv
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers.support import write_images

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("short_network"),
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="of JAX alone"),
]

# Each part is [results, devices, the epoch to stop behind, or null for a whole run].
DRIVER = """
import json, sys
import keras
from pathlib import Path
from kreproduce.data import dataset, sources
from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.training.console import Report
from kreproduce.runs.folder import RunFolder
from kreproduce.training import model, devices, lifecycle, optimizer
from kreproduce.training.learner import NetworkLearner
settings, images, parts, double = json.loads(sys.argv[1])
model.Keras2RMSprop = lambda: optimizer.Keras2RMSprop(epsilon=1.0)
if double:
    keras.config.set_floatx("float64")  # of the loss
    dense = keras.layers.Dense.__init__
    keras.layers.Dense.__init__ = lambda self, units, dtype=None, **more: dense(self, units, **more)
    Experiment.cpu_precision = "float64"
# Several devices keep the images, and one is given each batch.
devices.Devices.keep = lambda self, size: self.replicas > 1
class Enough(Exception): pass
class Learner(NetworkLearner):
    def fit(self, *arguments):
        super().fit(*arguments)
        where = {weight.value.sharding.num_devices for weight in self.compiled.network.weights}
        assert where == {self.hardware.replicas}, where
        assert (self.compiled.store is not None) == (self.hardware.replicas > 1)
class Stopping(Report):
    def epoch(self, row, best):
        super().epoch(row, best)
        if row.epoch == stop_at:
            raise Enough
class Images:
    def load(self):
        return data
experiment = resolve(settings)
data = dataset.load(experiment, sources.locate("colours", Path(images)))
for results, number, stop_at in parts:
    found = devices.find(number)
    folder = RunFolder(Path(results), experiment)
    def learner(data, interruptions):
        return Learner(experiment, data, found, interruptions)
    try:
        lifecycle.run(folder, Images(), learner, Stopping())
    except Enough:
        pass
"""
SETTINGS = {
    "dataset": "colours",
    "classes": 3,
    "ch": 16,
    "input_size": 16,
    "skip_strides": 2,
    "batch_size": 8,
    "epochs": 2,
    "validation": "plain",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "colours"
    write_images(folder / "train", {"red": 8, "green": 8, "blue": 8})
    write_images(folder / "test", {"red": 4, "green": 4, "blue": 4})
    return folder


def train(images, *parts, double=True, **settings):
    """Trains on four CPU devices, or some of them; gives what was said on standard error."""
    given = json.dumps([SETTINGS | settings, str(images), parts, double])
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    own = {"XLA_FLAGS": flags, "JAX_ENABLE_X64": str(int(double))}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, given],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | own,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def curve(results):
    (path,) = results.glob("runs/*/history.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return np.array([[float(row[name]) for name in names] for row in rows])


def conditions(results):
    (path,) = results.glob("runs/*/settings.json")
    return json.loads(path.read_text())["session"]["conditions"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images):
    """A folder with "one", trained on one device, and "across", begun on two and ended on four.

    The last of three batches has 5 images; the only one of the validation has 3.
    """
    folder = tmp_path_factory.mktemp("trained")
    parts = [("one", "1", 2), ("across", "2,3", 1), ("across", "4", None)]
    said = train(images, *((str(folder / name), devices, end) for name, devices, end in parts))
    assert "replicas was 2 and is 4; the result may differ" in said
    return folder


def test_the_curve_is_that_of_one_device_also_where_a_run_goes_on_with_others(trained):
    assert len(curve(trained / "one")) == 2
    np.testing.assert_allclose(curve(trained / "across"), curve(trained / "one"), rtol=1e-4)


def test_the_record_says_how_many_there_were(trained):
    for name, replicas in (("one", 1), ("across", 4)):
        found = conditions(trained / name)
        assert (found["replicas"], found["sync_batch_norm"]) == (replicas, replicas > 1)
        assert len(found["devices"]) == replicas
    (path,) = trained.glob("across/runs/*/record.json")
    record = json.loads(path.read_text())
    assert [session["conditions"]["replicas"] for session in record["sessions"]] == [2, 4]


def test_mixed_precision_trains(tmp_path, images):
    """Of float16 on two devices, with the scaling of the loss, which leaves out first steps."""
    train(images, [str(tmp_path), "2", 2], double=False, precision="mixed_float16")
    found = conditions(tmp_path)
    assert (found["precision"], found["replicas"]) == ("mixed_float16", 2)
    first, second = curve(tmp_path)[:, 0]
    assert 0 < second < 0.8 * first
