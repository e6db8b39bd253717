"""model.keras: equal to the network, opened by plain Keras, refused when it was changed.

version-1/model.keras was written by `model_file.write`, of V2 2ch on digits with drawn weights of
few bits, which is why it is small; expected.json has what that network gave for `images(8)`.
"""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from helpers.drawn_run import differ
from helpers.numpy_network import drawn_weights, give

from kreproduce import load
from kreproduce.data.record import Images
from kreproduce.errors import DataError, StateError
from kreproduce.experiment.settings import resolve
from kreproduce.export import model_file
from kreproduce.export.about import MEMBER, TRIED, about
from kreproduce.network.description import describe
from kreproduce.network.model import build

VERSION_1 = Path(__file__).parent / "version-1"
ENLARGED = 2  # digits: from 8 to 16 pixels


def images(count=32, side=8):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def outputs(model, shown):
    """What it gives, without the seconds that compiling takes."""
    return np.asarray(model(shown, training=False))


def said(experiment, side=8):
    return about(
        experiment,
        Images(
            name=experiment.data_name,
            source="builtin",
            cached=False,
            original=False,
            not_original_because="drawn",
            split="drawn",
            train=1,
            validation=1,
            test=1,
            image_shape=(side, side, 3),
            class_names=tuple(f"class {i}" for i in range(experiment.classes)),
            fingerprint="0" * 64,
        ),
    )


def network_of(experiment, shown):
    network = build(experiment.architecture)
    give(network, drawn_weights(describe(experiment.architecture), network, shown))
    return network


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file, and what its network gives for `images()`."""
    experiment = resolve({"dataset": "digits", "ch": 16})
    shown = images().repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2) / 255
    network = network_of(experiment, shown)
    path = tmp_path_factory.mktemp("written") / "model.keras"
    model_file.write(network, said(experiment), path)
    return path, outputs(network, shown)


@pytest.fixture
def copy(written, tmp_path):
    """A copy to be changed."""
    return Path(shutil.copy(written[0], tmp_path / "model.keras"))


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "v1", "ch": 16},
        {"variant": "v2", "ch": 2},
        {"variant": "v2", "ch": 16, "layer_l": False, "activation": "relu"},
        {"variant": "baseline"},
    ],
    ids=["v1", "2ch", "no-L-relu", "baseline"],
)
def test_it_gives_what_the_network_gives(settings, tmp_path):
    experiment = resolve({"dataset": "digits"}, settings)
    shown = images().repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2) / 255
    network = network_of(experiment, shown)
    expected = outputs(network, shown)
    assert differ(expected)
    path = tmp_path / "model.keras"
    model_file.write(network, said(experiment), path)
    model = keras.models.load_model(path, safe_mode=True)
    kinds = {type(layer).__module__.partition(".")[0] for layer in model.layers}
    assert kinds == {"keras"}
    np.testing.assert_allclose(outputs(model, images()), expected, atol=1e-4)
    found, _ = model_file.read(path)
    np.testing.assert_allclose(outputs(found, images()), expected, atol=1e-4)


def test_images_are_enlarged_as_the_recipe_has_it(tmp_path):
    """By Pillow's rule, where 7 pixels become 16."""
    experiment = resolve({"dataset": "digits", "ch": 16})
    from PIL import Image

    small = images(side=7)
    shown = np.stack(
        [np.array(Image.fromarray(one).resize((16, 16), Image.Resampling.NEAREST)) for one in small]
    )
    network = network_of(experiment, shown / 255)
    expected = outputs(network, shown / 255)
    assert differ(expected)
    path = tmp_path / "model.keras"
    model_file.write(network, said(experiment, 7), path)
    model, _ = model_file.read(path)
    np.testing.assert_allclose(outputs(model, small), expected, atol=1e-4)


PLAIN = """
import sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
assert not [name for name in sys.modules if name.startswith("kreproduce")]
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


@pytest.mark.slow
def test_plain_keras_opens_it_in_a_process_without_this_package(written, tmp_path):
    path, expected = written
    assert differ(expected)
    np.save(tmp_path / "images.npy", images().astype("float32"))
    arguments = [path, tmp_path / "images.npy", tmp_path / "found.npy"]
    subprocess.run([sys.executable, "-P", "-c", PLAIN, *arguments], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-4)


def test_the_keras_of_today_opens_one_of_version_1():
    expected = np.array(json.loads((VERSION_1 / "expected.json").read_text()))
    assert differ(expected)
    for model in (
        keras.models.load_model(VERSION_1 / "model.keras", safe_mode=True),
        model_file.read(VERSION_1 / "model.keras")[0],
    ):
        np.testing.assert_allclose(outputs(model, images(8)), expected, atol=1e-4)


def test_it_says_which_versions_of_keras_were_tried(written):
    _, found = model_file.read(written[0])
    assert found.kreproduce.keras == TRIED
    assert keras.__version__ in TRIED


def test_what_it_says_has_the_fields_of_timm(written):
    with zipfile.ZipFile(written[0]) as file:
        values = json.loads(file.read(MEMBER))
    assert values["architecture"] == "v2-16ch"
    assert values["num_classes"] == len(values["label_names"]) == 10
    assert values["pretrained_cfg"]["input_size"] == [3, 8, 8]
    assert values["pretrained_cfg"]["mean"] == [0.0, 0.0, 0.0]
    assert values["pretrained_cfg"]["std"] == [1 / 255] * 3  # timm's pixels are of 0 to 1
    assert values["kreproduce"]["values"] == "0 to 255, red, green, blue"
    assert "floor((d + 0.5) * source / target)" in values["kreproduce"]["resizing"]


def changed(path, member, change):
    """Rewrite a member of the file; None removes it."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)


def refused(path, why):
    with pytest.raises(DataError, match=why):
        model_file.read(path)


def test_another_file_is_refused(copy):
    refused(copy.with_name("missing.keras"), "is not a file; give a model.keras")
    copy.write_bytes(b"no zip")
    refused(copy, "is damaged, or no .keras file")


def test_a_file_of_plain_keras_is_refused(copy):
    changed(copy, MEMBER, lambda content: None)
    refused(copy, f"has no {MEMBER}: no network of the paper's is in it; open it with keras")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-3],
        lambda text: text.replace(b'"ch": 16', b'"ch": 8'),
        lambda text: text.replace(b'"version": 1', b'"version": 2'),
        lambda text: text.replace(b'"num_classes": 10', b'"num_classes": 11'),
        lambda text: text.replace(b'"architecture"', b'"architecture": 1, "more"'),
        lambda text: b"[" * 100_000,
    ],
)
def test_a_description_that_was_changed_is_refused(copy, change):
    changed(copy, MEMBER, change)
    refused(copy, "does not read .*; export the run again")


def test_another_activation_is_refused(copy):
    """With which the weights would load without a word."""
    changed(copy, "config.json", lambda text: text.replace(b'"silu"', b'"relu"'))
    refused(copy, "has other layers than its kreproduce.json says")


def test_a_layer_that_runs_code_is_refused(copy):
    def add(text):
        values = json.loads(text)
        values["config"]["layers"][-1] |= {"class_name": "Lambda"}
        return json.dumps(values).encode()

    changed(copy, "config.json", add)
    refused(copy, "has other layers")


def test_weights_that_would_fill_the_memory_are_refused_before_they_are_read(copy):
    def bomb(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "a") as file:
            file.create_dataset("bomb", (10**12,), "float32", chunks=(10**6,), compression="gzip")
        return buffer.getvalue()

    changed(copy, "model.weights.h5", bomb)
    refused(copy, "it has more than the .* weights of its network")


def test_weights_that_read_another_file_are_refused(copy):
    def link(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "a") as file:
            file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
        return buffer.getvalue()

    changed(copy, "model.weights.h5", link)
    refused(copy, "it has a link")


def test_a_member_that_is_far_too_large_is_refused(copy):
    changed(copy, "model.weights.h5", lambda content: content + bytes(10**8))
    refused(copy, "has a model.weights.h5 of .* bytes where at most")


def test_a_byte_that_was_changed_is_found(copy):
    content = bytearray(copy.read_bytes())
    for place in range(1000, len(content), len(content) // 20):
        changed_one = content.copy()
        changed_one[place] ^= 255
        copy.write_bytes(changed_one)
        refused(copy, "export the run again|is damaged, or no .keras file")


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 99)], ids=["encrypted", "packed"])
def test_members_that_are_encrypted_or_packed_by_no_known_method_are_refused(copy, offset, value):
    content = bytearray(copy.read_bytes())
    with zipfile.ZipFile(copy) as file:
        place = content.index(b"PK\1\2", file.start_dir)
    while place >= 0:  # every entry of the directory
        content[place + offset] = value
        place = content.find(b"PK\1\2", place + 4)
    copy.write_bytes(content)
    refused(copy, "is damaged, or no .keras file")


def test_weights_in_a_circle_are_refused(copy):
    def tie(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "a") as file:
            file["circle"] = file["/"]
        return buffer.getvalue()

    changed(copy, "model.weights.h5", tie)
    refused(copy, "it has more than the")


def test_damaged_weights_are_refused(copy):
    changed(copy, "model.weights.h5", lambda content: content[: len(content) // 2])
    refused(copy, "the weights in .* are damaged")


def test_load_takes_a_file_and_gives_its_classes(written):
    path, expected = written
    classifier = load(path)
    assert classifier.class_names == tuple(f"class {i}" for i in range(10))
    np.testing.assert_allclose(classifier.predict(images()), expected, atol=1e-4)


def test_load_refuses_a_run_that_is_not_complete(tmp_path):
    (tmp_path / "runs" / "begun").mkdir(parents=True)
    with pytest.raises(StateError, match="the run is not complete"):
        load("begun", tmp_path)
