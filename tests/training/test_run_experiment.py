"""Whole runs on small real files: the record, the states, and what the network is given."""

import csv
import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from helpers.support import tree, write_colours, write_images

from kreproduce.cli import app
from kreproduce.runs import records as records_module
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.records import read
from kreproduce.system.interruption import Interruptions
from kreproduce.training import lifecycle, optimizer
from kreproduce.training.console import Report
from kreproduce.training.devices import Devices
from kreproduce.training.learner import NetworkLearner
from kreproduce.training.lifecycle import Means
from kreproduce.training.optimizer import Keras2RMSprop

pytestmark = pytest.mark.usefixtures("short_network")

SMALL = ["--ch", "16", "--set", "input_size=16", "--set", "skip_strides=2"]
SMALL += ["--set", "batch_size=8", "--set", "bn_momentum=0.5"]


def run(*arguments):
    """The command line in this process, to import TensorFlow once."""
    return app([str(argument) for argument in ("run", *arguments)], standalone_mode=False)


def only_run(results):
    (folder,) = (path for path in (results / "runs").iterdir() if path.is_dir())
    return folder


def records(results):
    return json.loads((only_run(results) / "record.json").read_text())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_colours(tmp_path_factory.mktemp("images") / "colours")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, images, short_network):
    """A finished run of two epochs: its results folder and the arguments that made it."""
    results = tmp_path_factory.mktemp("results")
    arguments = ["colours", "--data-dir", images, "--epochs", 2, "--results", results, *SMALL]
    run(*arguments)
    return results, arguments


def test_the_record_is_complete(finished):
    found = read(finished[0])
    assert (len(found.records), found.skipped) == (1, ())
    record = records(finished[0])
    assert record["record_version"] == 1
    assert record["settings"]["epochs"] == 2
    assert record["settings"]["classes"] == 3
    assert record["run"] == only_run(finished[0]).name
    assert record["run"].endswith(record["identity"])
    assert "hflip" not in record["settings"]
    data = record["data"]
    assert (data["name"], data["source"], data["original"]) == ("colours", "folder", False)
    assert data["not_original_because"] == "read from a folder of images"
    assert (data["train"], data["validation"], data["test"]) == (36, 6, 15)
    assert len(data["fingerprint"]) == 64
    assert set(record["best_epoch"].values()) <= {1, 2}
    assert data["class_names"] == ["blue", "green", "red"]
    beside = records_module.read_predictions(only_run(finished[0]), found.records[0])
    assert beside.true.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    for rule in ("best_val_loss", "best_val_accuracy"):
        accuracy = record["test"][rule]["accuracy"]
        assert set(accuracy) == {"plain", "hflip", "vflip", "hflip_vflip"}
        assert all((15 * share) % 1 == pytest.approx(0) for share in accuracy.values())
    assert beside.accuracy() == record["test"]["best_val_loss"]["accuracy"]["plain"]
    assert set(record["seconds"]) == {"setup", "training", "test", "first_epoch", "median_epoch"}
    conditions = record["conditions"]
    assert (conditions["backend"], conditions["precision"]) == ("tensorflow", "float32")
    assert (conditions["replicas"], conditions["jit_compile"]) == (1, False)
    assert conditions["devices"][0]
    assert conditions["cores"] == len(os.sched_getaffinity(0))
    assert conditions["threads"] == dict.fromkeys(("intra_op", "inter_op"), conditions["cores"])
    assert conditions["floatx"] == "float32"
    if platform.machine() == "x86_64":
        assert conditions["environment"]["TF_ENABLE_ONEDNN_OPTS"] == "1"
        assert "sse4_1" in conditions["instructions"]
    assert conditions["optimizer"] == {"name": optimizer.NAME, "formula": optimizer.FORMULA}
    assert [session["conditions"] for session in record["sessions"]] == [conditions]
    assert record["computations"] >= record["computations_trained"] > 0
    assert None not in conditions["versions"].values()
    assert set(record["code"]) == {"commit", "dirty"}


def test_the_history_has_a_row_an_epoch(finished):
    with (only_run(finished[0]) / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["learning_rate"]) for row in rows] == [0.001, 0.0015]
    for row in rows:
        numbers = [float(value) for value in row.values()]
        assert all(map(math.isfinite, numbers))
        assert 0 <= float(row["val_accuracy"]) <= 1
    record = records(finished[0])
    losses = [float(row["val_loss"]) for row in rows]
    assert record["best_epoch"]["best_val_loss"] == 1 + int(np.argmin(losses))


@pytest.mark.slow
def test_several_steps_per_execution_change_the_last_digits_at_most(
    finished, tmp_path, monkeypatch, capsys
):
    """As on a GPU; an epoch has five steps, so that three at once do not end it evenly."""
    told, step = [], Report.step
    monkeypatch.setattr(Devices, "steps_per_execution", 3)
    monkeypatch.setattr(Report, "step", lambda r, n=1: (told.append(n), step(r, n)))
    arguments = list(finished[1])
    arguments[arguments.index("--results") + 1] = tmp_path
    run(*arguments)
    assert ", 3 steps per execution" in capsys.readouterr().out
    assert told == [3, 2, 3, 2]
    one, three = (
        np.loadtxt(only_run(results) / "history.csv", delimiter=",", skiprows=1)[:, :-1]
        for results in (finished[0], tmp_path)  # all but the seconds
    )
    np.testing.assert_allclose(three, one, rtol=1e-5)


def test_another_folder_is_no_finished_run(finished, tmp_path):
    from kreproduce.errors import StateError

    write_images(tmp_path / "train", {"red": 9, "green": 9, "blue": 9})
    write_images(tmp_path / "test", {"red": 5, "green": 5, "blue": 5})
    arguments = list(finished[1])
    arguments[arguments.index("--data-dir") + 1] = tmp_path
    with pytest.raises(StateError, match="was run on other images than those in"):
        run(*arguments)


def test_other_pixels_are_other_images(finished, tmp_path, images):
    """In files of the same names and the same sizes, as uncompressed tiles have them."""
    import shutil

    from PIL import Image

    from kreproduce.errors import StateError

    folder = tmp_path / "colours"
    shutil.copytree(images, folder)
    path = min(folder.glob("test/*/*.bmp"))
    with Image.open(path) as image:
        changed = np.array(image)
    changed[0, 0] ^= 1
    size = path.stat().st_size
    Image.fromarray(changed).save(path)
    assert path.stat().st_size == size
    arguments = list(finished[1])
    arguments[arguments.index("--data-dir") + 1] = folder
    with pytest.raises(StateError, match="was run on other images than those in"):
        run(*arguments)
    shutil.copy(min(images.glob("test/*/*.bmp")), path)
    run(*arguments)  # the same pixels elsewhere are the same images


def test_a_finished_run_says_so_and_trains_nothing(finished, capsys):
    before = tree(finished[0])
    run(*finished[1])
    output = capsys.readouterr().out
    assert "it was finished before; --force runs it again" in output
    assert "epoch 1/2" not in output
    assert tree(finished[0]) == before


def test_the_flip_headline_trains_nothing(finished, capsys):
    before = tree(finished[0])
    run(*finished[1], "--hflip")
    accuracy = records(finished[0])["test"]["best_val_loss"]["accuracy"]["hflip"]
    assert f"test accuracy {accuracy:.2%} with H flip" in capsys.readouterr().out
    assert tree(finished[0]) == before


def test_the_kept_weights_give_the_recorded_test(finished, images):
    """Rebuilt from the record, loaded, and tested by a plain loop over the images."""
    from kreproduce.data import dataset, sources
    from kreproduce.experiment.settings import Experiment
    from kreproduce.network.model import build

    record = records(finished[0])
    experiment = Experiment(**record["settings"])
    network = build(experiment.architecture)
    network.load_weights(only_run(finished[0]) / "best_val_loss.weights.h5")
    data = dataset.load(experiment, sources.locate("colours", images))
    assert experiment.resize == "opencv"
    places = np.arange(16) * 12 // 16
    large = data.test.images[:, places.astype(int)][:, :, places.astype(int)] / np.float32(255)
    one, mirrored = (np.asarray(network(shown)) for shown in (large, large[:, :, ::-1]))
    test = record["test"]["best_val_loss"]
    for probabilities, name in ((one, "plain"), (one + mirrored, "hflip")):
        accuracy = np.mean(probabilities.argmax(axis=1) == data.test.labels)
        assert accuracy == pytest.approx(test["accuracy"][name])
    picked = one[np.arange(15), data.test.labels]
    assert -np.log(picked).mean() == pytest.approx(test["loss"], rel=1e-4)


def start(*arguments):
    command = [sys.executable, "-m", "kreproduce", "run", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_ctrl_c_leaves_a_clear_state_and_the_command_runs_again(tmp_path, images):
    arguments = ["colours", "--data-dir", images, "--results", tmp_path, *SMALL]
    process = start(*arguments, "--epochs", 500)
    wait_for(
        lambda: any("\n1," in path.read_text() for path in tmp_path.glob("runs/*/history.csv"))
    )
    process.send_signal(signal.SIGINT)
    output, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "; the same command goes on from there" in output
    assert "Traceback" not in message
    status = json.loads((only_run(tmp_path) / "status.json").read_text())
    assert (status["state"], status["epochs"]) == ("interrupted", 500)
    assert status["epoch"] >= 1
    assert not (only_run(tmp_path) / "record.json").exists()


@pytest.mark.slow
def test_force_keeps_the_old_record_until_the_new_one_is_there(finished, images, tmp_path):
    import shutil

    results = tmp_path / "results"
    shutil.copytree(finished[0], results)
    arguments = [results if argument == finished[0] else argument for argument in finished[1]]
    old = records(results)
    process = start(*arguments, "--force")
    wait_for(lambda: list(results.glob("runs/*.old")))
    process.kill()
    process.communicate()
    (kept,) = results.glob("runs/*/record.json")
    assert kept.parent.suffix == ".old"
    assert json.loads(kept.read_text()) == old
    forced = start(*arguments, "--force")
    forced.communicate()
    assert forced.returncode == 0
    new = records(results)
    assert new["finished"] > old["finished"]
    assert new["test"] == old["test"]  # the same experiment on the same machine


@pytest.mark.slow
@pytest.mark.parametrize("again", ["run", "sweep"])
def test_what_a_kill_after_the_record_leaves_is_tidied(tmp_path, images, again):
    """By whatever finds the run finished: checkpoints, a copy put aside, a status of "running"."""
    options = ["--data-dir", images, "--results", tmp_path, "--set", "epochs=1"]
    options += [f"--set={name}" for name in ("ch=16", "input_size=16", "skip_strides=2")]
    options += ["--set", "batch_size=8"]
    killed = """
import os, sys
from kreproduce.cli import app
from kreproduce.runs.folder import RunFolder
RunFolder._clear_up = lambda folder: os.kill(os.getpid(), 9)
app(sys.argv[1:])
"""
    command = [sys.executable, "-c", killed, "run", "colours", *map(str, options)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    folder = only_run(tmp_path)
    aside = folder.with_name(f"{folder.name}.old")
    aside.mkdir()  # as if it had been run before
    (aside / "superseded").touch()
    left = folder / "checkpoints"
    assert left.is_dir()
    assert json.loads((folder / "status.json").read_text())["state"] == "running"
    if again == "run":
        run("colours", *options)
    else:
        settings = tmp_path / "colours.yaml"
        settings.write_text("dataset: colours\nclasses: 3\n")
        app(["sweep", str(settings), *map(str, options)], standalone_mode=False)
    assert not left.exists()
    assert not aside.exists()
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, images, monkeypatch):
    from kreproduce.errors import DivergedError

    monkeypatch.setattr(lifecycle, "learning_rate", lambda epoch, cycle: float("inf"))
    arguments = ["colours", "--data-dir", images, "--results", tmp_path, "--epochs", 2]
    with pytest.raises(DivergedError, match="the training loss of epoch 1 is not a finite"):
        run(*arguments, *SMALL)
    status = json.loads((only_run(tmp_path) / "status.json").read_text())
    assert (status["state"], status["epoch"]) == ("failed", 0)
    assert "DivergedError" in status["why"]
    assert not list(tmp_path.glob("runs/*/*.h5"))


class Scripted:
    """A learner whose epochs end with given means, and with weights of their number."""

    def __init__(self, learner, validations):
        self.learner, self.validations = learner, validations
        self.last = learner.compiled.network.get_layer("classifier_logits").bias

    def __getattr__(self, name):
        return getattr(self.learner, name)

    def fit(self, epoch, step, rate, ended):
        self.last.assign([epoch + 1] * 3)
        ended(self.steps)

    def means(self):
        return Means(1.0, 0.5)

    def validate(self, epoch):
        return Means(*self.validations[epoch])


def live(tmp_path, images, learner_of, **settings):
    """The life of a run with a learner made of the network's; its folder and its record."""
    experiment, load = asked(images, **settings)
    folder = RunFolder(tmp_path, experiment)

    def learner(data, interruptions):
        return learner_of(NetworkLearner(experiment, data, Devices(False, ("it",)), interruptions))

    done = lifecycle.run(folder, SimpleNamespace(load=load), learner, Report())
    return folder, done.record


def test_the_weights_kept_are_those_of_the_first_best_epoch(tmp_path, images):
    validations = [(2.0, 0.3), (1.0, 0.6), (1.0, 0.8), (1.5, 0.8), (3.0, 0.1)]
    scripted = []

    def script(learner):
        scripted.append(Scripted(learner, validations))
        return scripted[0]

    folder, record = live(tmp_path, images, script, epochs=len(validations))
    assert record.best_epoch == {"best_val_loss": 2, "best_val_accuracy": 3}
    network, last = scripted[0].compiled.network, scripted[0].last
    for rule, epoch in record.best_epoch.items():
        network.load_weights(folder.weights(rule))
        assert keras.ops.convert_to_numpy(last).tolist() == [epoch] * 3


def asked(images, **settings):
    """An experiment on the images, and what loads them."""
    from kreproduce.data import dataset, sources
    from kreproduce.experiment.settings import resolve

    small = {"classes": 3, "ch": 16, "input_size": 16, "skip_strides": 2, "batch_size": 8}
    experiment = resolve({"dataset": "colours"}, small, settings)
    return experiment, lambda: dataset.load(experiment, sources.locate("colours", images))


def learner_of(images, gpu=False, **settings):
    """A learner that has done nothing yet."""
    experiment, load = asked(images, **settings)
    return NetworkLearner(experiment, load(), Devices(gpu, ("it",)), Interruptions())


class Spy:
    """Stands for the compiled model: keeps what each call gets, trains one number."""

    def __init__(self, learner, losses):
        self.optimizer = SimpleNamespace(learning_rate=None, variables=[])
        self.learner, self.losses = learner, losses
        self.fitted, self.validated, self.predicted = [], [], []
        self.number = learner.compiled.network.get_layer("classifier_logits").bias

    def fit(self, batches, shuffle, callbacks, **_):
        assert shuffle is False  # the order is drawn with the views
        convert = keras.ops.convert_to_numpy
        seeds = [convert(generator.state).tolist() for generator, _ in self.learner._dropouts]
        self.fitted.append((self.optimizer.learning_rate, seeds, batches.views))
        self.number.assign([len(self.fitted)] * 3)
        self.learner.compiled.loss.reset_state()
        self.learner.compiled.loss.update_state(1.0)
        (callback,) = callbacks
        callback.set_model(SimpleNamespace())
        callback.on_train_batch_end(len(batches) - 1)

    def evaluate(self, batches, **_):
        self.validated.append(batches.views)
        loss, accuracy = self.losses[len(self.validated) - 1]
        return {"loss": loss, "accuracy": accuracy}

    def predict(self, batches, **_):
        number = keras.ops.convert_to_numpy(self.number)[0]
        self.predicted.append((int(number), batches.views))
        return np.zeros((len(batches.views.order), 3))


def test_what_every_epoch_and_the_test_are_given(tmp_path, images):
    from kreproduce.data.views import plain_views, training_views, validation_views
    from kreproduce.training.schedule import learning_rate

    learners = []

    def spied(learner):
        spy = Spy(learner, [(3.0, 0.2), (2.0, 0.5), (2.5, 0.9), (4.0, 0.1)])
        learner.compiled = replace(learner.compiled, model=spy)
        learners.append(learner)
        return learner

    settings = {"epochs": 4, "cycle": 3, "validation": "augmented"}
    folder, record = live(tmp_path, images, spied, **settings)
    (learner,), (experiment, _) = learners, asked(images, **settings)
    spy, data = learner.compiled.model, learner._dataset

    def same(one, other):
        assert one.subset is other.subset
        np.testing.assert_array_equal(one.order, other.order)
        np.testing.assert_array_equal(one.matrices, other.matrices)

    history = np.loadtxt(folder.path / "history.csv", delimiter=",", skiprows=1)
    for epoch, (rate, seeds, views) in enumerate(spy.fitted):
        assert rate == learning_rate(epoch, 3) == history[epoch, 5]
        assert seeds == [[seed, epoch * 5] for _, seed in learner._dropouts]  # 36 images: 5 steps
        same(views, training_views(experiment, data.train, epoch))
    for epoch, views in enumerate(spy.validated):
        same(views, validation_views(experiment, data.validation, epoch))
    assert record.best_epoch == {"best_val_loss": 2, "best_val_accuracy": 3}
    assert [number for number, _ in spy.predicted] == [2, 2, 2, 3, 3, 3]  # whose weights
    flips = [{}, {"horizontal": True}, {"vertical": True}] * 2
    for (_, views), flip in zip(spy.predicted, flips, strict=True):
        same(views, plain_views(experiment, data.test, **flip))


def test_the_model_is_compiled_as_the_authors_did(images):
    model = learner_of(images).compiled.model
    assert isinstance(model.optimizer, Keras2RMSprop)
    optimizer = model.optimizer.get_config()
    expected = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False, "use_ema": False}
    assert {name: optimizer[name] for name in expected} == expected
    for name in ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue"):
        assert optimizer[name] is None
    logits, labels = np.array([[2.0, 0.0, -1.0]], "float32"), np.array([1])
    loss = float(model.loss(labels, logits))
    assert loss == pytest.approx(np.log(np.exp(logits).sum()))  # the true class's logit is 0


def test_the_initial_weights_follow_from_the_seed(images):
    def stem(**settings):
        return learner_of(images, **settings).compiled.network.get_weights()[0]

    first = stem()
    np.testing.assert_array_equal(stem(epochs=3), first)
    assert (stem(seed=2) != first).any()


@pytest.mark.parametrize(
    ("gpu", "settings", "precision"),
    [
        (False, {}, "float32"),
        (False, {"precision": "mixed_bfloat16"}, "mixed_bfloat16"),
        (True, {}, "mixed_float16"),
    ],
)
def test_the_network_computes_in_the_precision_recorded(
    monkeypatch, images, gpu, settings, precision
):
    from kreproduce.experiment.settings import Experiment

    monkeypatch.setattr(Experiment, "gpu_precision", "mixed_float16")
    learner = learner_of(images, gpu, **settings)
    assert learner.session.conditions.precision == precision
    assert learner.compiled.network.get_layer("stem_conv").dtype_policy.name == precision
    assert keras.config.dtype_policy().name == "float32"  # as it was before


@pytest.mark.parametrize("rule", ["pil", "opencv"])
def test_the_network_sees_images_enlarged_by_the_rule(images, rule):
    from kreproduce.data.resize import nearest_indices

    learner = learner_of(images, resize=rule)
    network = learner.compiled.network
    taken = nearest_indices(12, 16, rule)
    source = learner._dataset.test.images
    views = np.tile(np.eye(2, 3, dtype="float32"), (15, 1, 1))
    logits = learner.compiled.model.predict_on_batch([source, views])
    shown = source[:, taken][:, :, taken] / np.float32(255)
    expected = keras.Model(network.input, network.get_layer("classifier_logits").output)(shown)
    expected = keras.ops.convert_to_numpy(expected)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
