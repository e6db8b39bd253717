"""Other networks than the paper's: what they are shown, what is refused, and whole runs of them."""

import hashlib
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers.support import write_colours
from keras import layers

from kreproduce import group_pointwise
from kreproduce.cli import app
from kreproduce.data import dataset, sources
from kreproduce.errors import DataError, SettingsError
from kreproduce.experiment.settings import read, resolve
from kreproduce.runs.records import read as read_records
from kreproduce.system.interruption import Interrupted, Interruptions
from kreproduce.training.devices import Devices
from kreproduce.training.learner import NetworkLearner
from kreproduce.training.other_model import OtherModel

CLASSES, SIZE = 3, 32
KERAS = "keras:MobileNetV2"


def small(last="softmax", size=SIZE, dtype=None):
    """A model of a user's: scales its images itself, and has two pointwise layers and dropout."""
    image = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(16, 3, 2, name="stem")(x)
    for name in ("first", "second"):
        x = layers.Conv2D(64, 1, name=name, dtype=dtype)(x)
        x = layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(image, layers.Dense(CLASSES, activation=last, name="head")(x), name="mine")


def twice(model):
    """Its head called on what it gives: no longer probabilities of the same logits."""
    head = layers.Dense(CLASSES, activation="softmax")
    image = keras.Input((SIZE, SIZE, 3))
    return drawn(keras.Model(image, head(head(keras.ops.multiply(model(image), 5)))))


def listed(model, outputs):
    """As `keras.applications` has its input where it is given one."""
    return keras.Model([model.input], [model.output] * outputs)


def frozen(model):
    model.trainable = False
    return model


def drawn(model):
    """The model with weights by which its outputs differ between images."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        *inputs, _ = weight.shape
        drawn_at, spread = (0, 1.5 / np.sqrt(np.prod(inputs))) if inputs else (1, 0.1)
        weight.assign(rng.normal(drawn_at, spread, weight.shape))
    return model


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "mine.keras"
    drawn(small()).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_colours(tmp_path_factory.mktemp("images") / "colours")


def asked(model, **others):
    settings = {"dataset": "colours", "classes": CLASSES, "input_size": SIZE, "batch_size": 8}
    return resolve(settings, {"model": str(model)}, others)


def built(model, **others):
    return OtherModel(asked(model, **others), "auto")


def pictures(count=4, size=SIZE):
    """Of 0 to 255, each of a colour of its own, with noise."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 2, (count, 1, 1, 3)) * 200
    return (colours + rng.integers(0, 50, (count, size, size, 3))).astype("float32")


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


# What a model is shown.


def same_inside(found, model):
    """Give a model the weights of the one that stands in a run's network."""
    (inner,) = (layer for layer in found.network.layers if isinstance(layer, keras.Model))
    drawn(inner)
    model.set_weights(inner.get_weights())
    for one in (inner, model):
        for layer in one.layers:
            if isinstance(layer, layers.Dropout):
                layer.rate = 0  # called as in training, for the statistics of the batch
    return model


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("MobileNetV2", lambda images: images / 127.5 - 1),
        ("EfficientNetB0", lambda images: images),  # rescales inside
        pytest.param(
            "ResNet50",
            lambda images: images[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_model_of_keras_sees_the_range_that_it_wants(name, scale):
    found = built(f"keras:{name}")
    maker = getattr(keras.applications, name)
    settings = {"weights": None, "classes": CLASSES, "input_shape": (SIZE, SIZE, 3)}
    model = same_inside(found, maker(**settings, classifier_activation="softmax"))
    images = pictures()
    expected = numbers(model(scale(images), training=True))
    assert np.ptp(expected, axis=0).max() > 0.01
    shown = numbers(found.network(images / 255, training=True))
    wrong = numbers(model(images / 255, training=True))
    assert np.abs(wrong - expected).max() > 0.01
    np.testing.assert_allclose(shown, expected, rtol=1e-3, atol=1e-4)


def test_a_model_out_of_a_file_sees_0_to_255(file):
    expected = numbers(keras.models.load_model(file)(pictures()))
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(
        numbers(built(file).network(pictures() / 255)), expected, rtol=1e-5, atol=1e-6
    )


def test_the_logits_are_those_before_the_softmax(file):
    network = built(file).network
    logits = keras.Model(network.input, network.get_layer("classifier_logits").output)
    values = numbers(logits(pictures() / 255))
    assert np.abs(values.sum(axis=1) - 1).max() > 0.1  # no probabilities
    shares = numbers(keras.ops.softmax(values))
    np.testing.assert_allclose(shares, numbers(network(pictures() / 255)), rtol=1e-5)


def test_grouped_it_is_what_group_pointwise_makes(file):
    found = built(file, ch=4)
    expected = group_pointwise(keras.models.load_model(file), ch=4)
    trainable = sum(int(np.prod(weight.shape)) for weight in expected.trainable_weights)
    assert found.cost.parameters == trainable
    assert found.network.count_params() == expected.count_params()
    kept = next(layer for layer in found.network.layers if isinstance(layer, keras.Model))
    for name in ("stem", "head"):
        for ours, theirs in zip(
            kept.get_layer(name).get_weights(), expected.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_the_stock_network_is_the_same(file):
    found = built(file, ch=4)
    drawn(found.network)
    stock, images = found.stock(), pictures() / 255
    expected = numbers(found.network(images))
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(numbers(stock(images)), expected, rtol=1e-4, atol=1e-5)
    assert found.stock() is not found.network
    plain = built(file)
    assert plain.stock() is plain.network


# What a file decides.


def test_a_file_counts_by_its_content(file, tmp_path):
    other = tmp_path / "other.keras"
    other.write_bytes(file.read_bytes())
    one, two = asked(file, ch=4), asked(other, ch=4)
    assert one.model_hash == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (one.identity, one.run_name) == (two.identity, two.run_name)
    assert one.row_settings == two.row_settings
    assert one.run_name.startswith(f"colours-file{one.model_hash[:8]}-v2-4ch-")
    drawn(small(last="linear")).save(other)
    assert asked(other, ch=4).identity != one.identity
    linked = tmp_path / "linked.keras"
    linked.symlink_to(file)
    assert asked(linked, ch=4).identity == one.identity


def test_a_file_is_looked_for_beside_the_settings_that_name_it(file):
    settings = file.parent / "mine.yaml"
    settings.write_text("dataset: colours\nmodel: mine.keras\nclasses: 3\n")
    assert read(settings)["model"] == str(file)
    settings.write_text("dataset: colours\nmodel: keras:MobileNetV2\nclasses: 3\n")
    assert read(settings)["model"] == KERAS


def test_every_choice_has_an_identity_of_its_own(file):
    made = [asked(KERAS), asked("keras:MobileNet"), asked(file), asked(file, ch=4)]
    made += [asked(file, ch=4, variant="v1"), asked(file, ch=4, layer_l=False)]
    made += [asked(file, ch="sqrt"), asked(file, ch=4, interleaving="paper")]
    assert len({one.identity for one in made}) == len(made)


def test_it_is_in_no_row_of_the_paper():
    settings = {"dataset": "cifar10", "ch": 16}
    papers, other = resolve(settings), resolve(settings, {"model": KERAS})
    assert papers.published() is not None
    assert other.published() is None
    assert (papers.may_enter_tables, other.may_enter_tables) == (True, False)


def test_it_is_trained_as_it_is_without_ch():
    """Whatever Ch the recipe has, and on images that it can take."""
    plain = resolve({"dataset": "digits", "model": KERAS})
    assert (plain.variant, plain.ch, plain.input_size) == ("baseline", None, 32)
    assert resolve({"dataset": "malaria", "model": KERAS}).input_size == 224
    cifar10 = resolve({"dataset": "cifar10", "model": KERAS})
    assert (cifar10.input_size, cifar10.skip_strides, cifar10.batch_size) == (32, 0, 64)


# What is refused.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": "MobileNetV2"}, "give keras:NAME, of keras.applications, or a file that ends"),
        ({"model": "keras:../a"}, "give keras:NAME"),
        ({"model": 7}, "model: 7 is refused"),
        ({"model": "nothing.keras"}, "there is no file nothing.keras; check its path"),
        ({"model": KERAS, "model_hash": "0" * 64}, "leave it out, for it follows from model"),
        ({"model": "/etc/passwd", "model_hash": "0" * 64}, "model: '/etc/passwd' is refused"),
        (
            {"model": "a.keras", "model_hash": "0" * 64, "precision": "mixed_float16"},
            "precision: mixed_float16 is refused; a model out of a file is trained in float32",
        ),
        ({"model_hash": "0" * 64, "ch": 4}, "model_hash is of a model's file, and no model"),
        ({"model": KERAS, "activation": "relu"}, "activation is for the paper's network"),
        ({"model": KERAS, "size": "B1"}, "size is for the paper's network, and keras:MobileNetV2"),
        ({"model": KERAS, "skip_strides": 1}, "skip_strides is for the paper's network"),
        ({"model": KERAS, "bn_momentum": 0.9}, "bn_momentum is for the paper's network"),
        ({"model": KERAS, "variant": "v2"}, "v2 needs the channels per group"),
        ({"model": KERAS, "variant": "baseline", "ch": 4}, "ch has no meaning for the baseline"),
        ({"model": KERAS, "layer_l": False}, "no L .layer_l: false. has no meaning for baseline"),
    ],
)
def test_settings_without_a_meaning(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        resolve({"dataset": "colours", "classes": CLASSES, "input_size": SIZE}, settings)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.keras").mkdir()
    with pytest.raises(SettingsError, match=r"a\.keras is not a file, but a folder"):
        asked(tmp_path / "a.keras")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda: small("sigmoid"), "ends in sigmoid; a run wants the logits"),
        (lambda: small(size=48), "takes images of 48x48 pixels, not of 32x32; set input_size"),
        (
            lambda: keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(7)]),
            "gives .None, 7., not .None, 3.: the images have 3 classes",
        ),
        (
            lambda: keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten(), layers.Dense(3)]),
            r"takes .None, 32, 32, 1., no images of three channels",
        ),
        (
            lambda: keras.Sequential([small(None), layers.Softmax()]),
            "gives probabilities whose softmax cannot be taken off",
        ),
        (
            lambda: keras.Sequential([small(), layers.Activation("linear", dtype="float32")]),
            "gives probabilities whose softmax cannot be taken off",
        ),
        (lambda: twice(small()), "gives probabilities whose softmax cannot be taken off"),
        (lambda: small(size=None), "takes images of any size.*with an Input of 32x32"),
        (lambda: listed(small(), 2), "has 1 inputs and 2 outputs, not one of each"),
        (lambda: frozen(small()), "has no weights to train: all layers are frozen"),
        (lambda: small(dtype="mixed_float16"), "layer first of .* computes in mixed_float16"),
        (
            lambda: keras.Sequential(
                [
                    keras.Input((32, 32, 3)),
                    layers.Reshape((32, 96)),
                    layers.LSTM(4),
                    layers.Dense(3),
                ]
            ),
            "nobody can count the computations of layer lstm",
        ),
    ],
)
def test_models_that_cannot_be_trained_here(model, sentence, tmp_path):
    path = tmp_path / "model.keras"
    model().save(path)
    with pytest.raises(SettingsError, match=sentence):
        built(path)


def test_softmax_is_found_in_nested_and_sequential_models(tmp_path):
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((32, 32, 3)), drawn(small())])
    model.save(path)
    expected = numbers(model(pictures()))
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(numbers(built(path).network(pictures() / 255)), expected, rtol=1e-5)


def test_one_input_and_one_output_may_stand_in_lists(tmp_path):
    model = listed(drawn(small()), 1)
    model.save(tmp_path / "model.keras")
    expected = keras.tree.flatten(model([pictures()]))[0]
    found = numbers(built(tmp_path / "model.keras").network(pictures() / 255))
    assert np.ptp(found, axis=0).max() > 0.01
    np.testing.assert_allclose(found, numbers(expected), rtol=1e-5, atol=1e-6)


def test_other_refusals(file, images, tmp_path):
    with pytest.raises(
        SettingsError, match=r"no layer of .* is grouped with this ch; leave it out"
    ):
        built(file, ch=64)
    with pytest.raises(SettingsError, match=r"'third\*' matches no pointwise layer"):
        built(file, ch={"third*": 4})
    with pytest.raises(SettingsError, match="input_size of 32 pixels: Input size must be"):
        built("keras:InceptionV3")
    with pytest.raises(SettingsError, match=r"keras\.applications has no 'MobileNetV7'"):
        built("keras:MobileNetV7")
    changed = tmp_path / "changed.keras"
    changed.write_bytes(file.read_bytes())
    experiment = asked(changed)
    changed.write_bytes(b"another")
    with pytest.raises(SettingsError, match="not the file that the settings were made for"):
        OtherModel(experiment, "auto")
    with pytest.raises(DataError, match=r"changed\.keras is no \.keras file, or a damaged one"):
        built(changed)
    data = dataset.load(asked(file), sources.locate("colours", images))
    several = Devices(False, ("a", "b"), mirrored=("a", "b"))
    with pytest.raises(SettingsError, match="is trained on one device; choose it"):
        NetworkLearner(asked(file), data, several, Interruptions())


def test_layers_that_share_a_name_keep_their_own_weights(images, tmp_path):
    """Keras gives their weights one path."""
    image = keras.Input((SIZE, SIZE, 3))
    parts = [keras.Sequential([layers.Conv2D(3, 3, padding="same", name="conv")]) for _ in "ab"]
    x = parts[1](parts[0](image))
    model = keras.Model(image, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(x)))
    drawn(model).save(tmp_path / "model.keras")
    experiment = asked(tmp_path / "model.keras")
    data = dataset.load(experiment, sources.locate("colours", images))
    learner = NetworkLearner(experiment, data, Devices(False, ("it",)), Interruptions())
    weights = learner.weights()
    assert len(weights) == len(model.weights) == 6
    first, second = (weights[name] for name in ("conv/kernel", "conv/kernel~2"))
    assert np.abs(first - second).max() > 0.01
    learner.restore(learner.arrays())
    for name, value in learner.weights().items():
        np.testing.assert_array_equal(value, weights[name])


def test_what_is_frozen_is_not_grouped(tmp_path):
    model = small()
    model.get_layer("second").trainable = False
    model.save(tmp_path / "model.keras")
    with pytest.raises(SettingsError, match="layer second is frozen, and grouped"):
        built(tmp_path / "model.keras", ch=4)
    assert built(tmp_path / "model.keras", ch={"second": None, "*": 4}).network.trainable_weights


@pytest.mark.parametrize("name", ["pixels", "image", "classifier", "classifier_logits", "network"])
def test_whatever_a_model_is_called(name, tmp_path):
    model = small()
    keras.Model(model.input, model.output, name=name).save(tmp_path / "model.keras")
    assert built(tmp_path / "model.keras").network.output_shape == (None, CLASSES)


def test_as_it_is_and_grouped_are_computed_alike():
    made = [resolve({"dataset": "cifar10", "model": KERAS, "ch": ch}) for ch in (None, 16)]
    assert {one.gpu_precision for one in made} == {"float32"}
    assert resolve({"dataset": "cifar10", "ch": 16}).gpu_precision == "mixed_float16"


def test_a_lambda_is_not_run(tmp_path):
    path = tmp_path / "lambda.keras"
    dangerous = layers.Lambda(lambda image: image * 2)
    keras.Sequential([keras.Input((32, 32, 3)), dangerous, small()]).save(path)
    with pytest.raises(DataError, match="cannot be opened as a Keras model in safe mode"):
        built(path)


# Whole runs.


def run(images, results, *arguments):
    given = ["run", "colours", "--data-dir", images, "--results", results, "--epochs", 2]
    given += ["--set", f"input_size={SIZE}", "--set", "batch_size=8", *arguments]
    app([str(argument) for argument in given], standalone_mode=False)


def records(results):
    return read_records(results).records


def only_run(results):
    (folder,) = (path for path in (results / "runs").iterdir() if path.is_dir())
    return folder


OPENED = """
import sys, keras, numpy
model = keras.models.load_model(sys.argv[1])
numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[2]), verbose=0))
assert not any(name.startswith("kreproduce") for name in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ch", [None, 4])
def test_a_whole_run(file, images, tmp_path, ch, capsys):
    chosen = [] if ch is None else ["--ch", ch]
    run(images, tmp_path, "--model", file, *chosen)
    (record,) = records(tmp_path)
    assert record.settings.model == str(file)
    found = built(file, **({} if ch is None else {"ch": ch}))
    assert record.parameters == found.cost.parameters
    assert record.computations == record.computations_trained == found.cost.computations

    data = dataset.load(record.settings, sources.locate("colours", images))
    assert data.test.images.shape[1] != SIZE  # so that model.keras has to enlarge them
    np.save(tmp_path / "images.npy", data.test.images.astype("float32"))
    names = [only_run(tmp_path) / "model.keras", tmp_path / "images.npy", tmp_path / "found.npy"]
    subprocess.run([sys.executable, "-P", "-c", OPENED, *map(str, names)], check=True)
    shares = np.load(tmp_path / "found.npy")
    assert np.ptp(shares, axis=0).max() > 0.001
    picked = shares[np.arange(len(shares)), data.test.labels]
    loss = record.test["best_val_loss"].loss
    assert -np.log(picked).mean() == pytest.approx(loss, rel=1e-3)

    app(["table", "recorded", "--results", str(tmp_path)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert record.settings.model_name in shown
    assert f"{record.parameters:,}" in shown
    app(["table", "5", "--results", str(tmp_path)], standalone_mode=False)
    assert record.settings.model_name not in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_taken_up_again_is_the_same_to_the_bit(images, tmp_path, monkeypatch):
    """Whatever it draws, and however often in a step."""
    image, model = keras.Input((SIZE, SIZE, 3)), small()
    dropout, x = layers.Dropout(0.2), layers.RandomFlip("horizontal")(image)
    model = keras.Model(image, model(dropout(dropout(x))))
    path = tmp_path / "model.keras"
    drawn(model).save(path)
    run(images, tmp_path / "whole", "--model", path, "--ch", 4)
    fit = NetworkLearner.fit

    def stopped(self, epoch, step, rate, ended):
        def stop(done):
            if (epoch, done) == (1, 2):
                self._interruptions._take(signal.SIGTERM, None)
            return ended(done)

        fit(self, epoch, step, rate, stop)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkLearner, "fit", stopped)
        with pytest.raises(Interrupted):
            run(images, tmp_path / "again", "--model", path, "--ch", 4)
    assert not records(tmp_path / "again")
    moved = tmp_path / "moved.keras"  # it counts by its content
    moved.write_bytes(path.read_bytes())
    run(images, tmp_path / "again", "--model", moved, "--ch", 4)
    (one,), (other,) = records(tmp_path / "whole"), records(tmp_path / "again")
    assert len(other.sessions) == 2
    assert one.test == other.test
    assert one.weights == other.weights


@pytest.mark.slow
def test_a_sweep_trains_them(file, images, kreproduce):
    folder = kreproduce.folder / "settings"
    folder.mkdir()
    (folder / "mine.keras").write_bytes(file.read_bytes())
    for name, ch in (("plain", ""), ("grouped", "ch: sqrt\n")):
        text = (
            f"dataset: colours\nmodel: mine.keras\nepochs: 1\nbatch_size: 8\ninput_size: 32\n{ch}"
        )
        (folder / f"{name}.yaml").write_text(text)
    result = kreproduce("sweep", folder, "--data-dir", images)
    assert result.code == 0, result.message
    assert len(records(kreproduce.folder / "results")) == 2


def test_what_is_for_the_papers_networks_alone_refuses_it(file):
    with pytest.raises(SettingsError, match="is none of the paper's networks, which alone"):
        assert asked(file).architecture


def test_dry_run(file, images, kreproduce):
    told = ["run", "colours", "--data-dir", images, "--model", file, "--set", "input_size=32"]
    result = kreproduce(*told, "--ch", "4", "--dry-run")
    assert result.code == 0, result.message
    assert f"# parameters: {built(file, ch=4).cost.parameters:,}" in result.output
    assert json.dumps(str(file))[1:-1] in result.output
    refused = kreproduce(*told, "--ch", "64", "--dry-run")
    assert (refused.code, refused.output) == (2, "")
    assert "leave it out to train the model as it is" in refused.message
