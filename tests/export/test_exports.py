"""Every format, written from a run and run by its own runtime; predictions from all of them.

The run's weights are drawn, so that its outputs differ between images.
"""

import csv
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.drawn_run import Source, differ, drawn_run
from PIL import Image

import kreproduce as package
from kreproduce.data import sources
from kreproduce.errors import CheckError, SettingsError, StateError
from kreproduce.experiment.settings import resolve
from kreproduce.export import check, exporting, litert, onnx, savedmodel
from kreproduce.export.about import about
from kreproduce.export.check import Checked
from kreproduce.export.formats import FORMATS, chosen
from kreproduce.export.served import served
from kreproduce.network.cost import count
from kreproduce.network.model import build
from kreproduce.runs import integrity

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    folder, record = drawn_run(results)
    test = Source(record.settings).load().test
    expected = package.load(folder).predict(test.images)
    assert differ(expected)
    return results, folder, record, test, expected


def request(finished, tmp_path, name, quantize=None, **more):
    _, folder, record, *_ = finished
    wanted = chosen(name, quantize)
    output = tmp_path / f"model{wanted.suffix}"
    location = sources.locate(record.settings.dataset, None)
    made = exporting.Request(folder, wanted, quantize, output, location, None, False)
    return replace(made, **more)


def test_a_run_s_predictions_are_those_of_its_record(finished):
    """To the last test image, plain and with the mirror image."""
    _, folder, record, test, expected = finished
    classifier = package.load(folder.name, finished[0])
    stored = integrity.finished(folder)[1]
    assert len(set(stored.plain.tolist())) > 1
    np.testing.assert_array_equal(expected.argmax(axis=1), stored.plain)
    mirrored = classifier.predict(test.images, hflip=True)
    np.testing.assert_array_equal(mirrored.argmax(axis=1), stored.hflip)
    assert not np.array_equal(stored.plain, stored.hflip)
    assert classifier.class_names == record.data.class_names


def test_the_model_file_of_a_run_gives_the_same(finished):
    _, folder, _, test, expected = finished
    found = package.load(folder / "model.keras").predict(test.images[:64])
    np.testing.assert_allclose(found, expected[:64], atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_what_the_run_s_network_gives(finished, tmp_path, name):
    _, _, record, test, expected = finished
    most = None if name == "onnx" else 64
    asked = request(finished, tmp_path, name, check=most)
    exported = exporting.export(asked)
    assert exported.checked.images == (most or 183)
    assert exported.checked.accuracy == pytest.approx(exported.checked.expected, abs=0.02)
    if most is None:
        assert exported.checked.expected == record.accuracy()
    assert exported.checked.difference <= 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {asked.output.name, "MODEL_CARD.md"}
    if name in ("onnx", "litert"):
        weights = 4 * count(record.settings.architecture).parameters
        assert exported.size == asked.output.stat().st_size <= 1.1 * weights
    card = (tmp_path / "MODEL_CARD.md").read_text("utf-8")
    assert exported.sha256 in card
    assert "**Foreign images.**" in card
    labels = list(record.data.class_names)
    if name == "savedmodel":
        import tensorflow as tf

        saved = tf.saved_model.load(asked.output)
        found = [label.decode() for label in saved.signatures["labels"]()["labels"].numpy()]
        assert found == labels
        found = savedmodel.run(asked.output, test.images[:8])
    elif name == "onnx":
        import onnxruntime

        about = onnxruntime.InferenceSession(asked.output).get_modelmeta().custom_metadata_map
        assert json.loads(about["labels"]) == labels
        found = onnx.run(asked.output, test.images[:8])
    elif name == "litert":
        with zipfile.ZipFile(asked.output) as file:
            assert file.read("labels.txt").decode().splitlines() == labels
        found = litert.run(asked.output, test.images[:8])
    else:
        found = package.load(asked.output).predict(test.images[:8])
    np.testing.assert_allclose(found, expected[:8], atol=1e-4)
    with pytest.raises(StateError, match="is there already"):
        exporting.export(asked)


@pytest.mark.parametrize("ch", [2, 4, 32])
def test_a_file_takes_four_bytes_a_parameter(finished, tmp_path, ch):
    """As of 16 channels per group, above: layers K and L are in it as groups, not as matrices."""
    record = finished[2]
    settings = resolve({"dataset": "digits", "ch": ch, "input_size": 16})
    said = about(settings, record.data)
    model = served(build(settings.architecture), said)
    weights = 4 * count(settings.architecture).parameters
    onnx.write(model, said, tmp_path / "model.onnx")
    litert.write(model, said, tmp_path / "model.tflite", None, np.zeros((1, 8, 8, 3), np.uint8))
    savedmodel.write(model, said, tmp_path / "saved")
    assert (tmp_path / "model.onnx").stat().st_size <= 1.1 * weights
    assert (tmp_path / "model.tflite").stat().st_size <= 1.1 * weights
    variables = (tmp_path / "saved" / "variables").glob("variables.data*")
    assert sum(path.stat().st_size for path in variables) <= 1.1 * weights


def test_smaller_weights_are_checked_by_their_accuracy(finished, tmp_path):
    float16 = exporting.export(request(finished, tmp_path / "a", "litert", "float16", check=60))
    int8 = exporting.export(
        request(finished, tmp_path / "b", "litert", "int8", check=60, force=True)
    )
    weights = 4 * count(finished[2].settings.architecture).parameters
    assert float16.size < 0.65 * weights
    assert int8.size < 0.75 * weights
    assert float16.checked.accuracy >= float16.checked.expected - 0.02
    assert "Its weights are int8" in (tmp_path / "b" / "MODEL_CARD.md").read_text("utf-8")


def test_a_file_that_gives_something_else_is_not_kept(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "_run_keras", lambda path, images: np.full((len(images), 10), 0.1))
    with pytest.raises(CheckError, match="the keras file is not kept: its probabilities are up to"):
        exporting.export(request(finished, tmp_path, "keras"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_no_runtime_takes_is_not_kept(finished, tmp_path, monkeypatch):
    def write(model, about, path):
        path.write_bytes(b"no ONNX")

    monkeypatch.setattr(onnx, "write", write)
    with pytest.raises(CheckError, match="ONNX Runtime does not take it"):
        exporting.export(request(finished, tmp_path, "onnx"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "..", "MODEL_CARD.md", "model.tflite", "model"])
def test_a_name_of_another_kind_is_refused(finished, tmp_path, name):
    with pytest.raises(
        SettingsError, match=r"an export to onnx needs a file name that ends in \.onnx"
    ):
        exporting.export(request(finished, tmp_path, "onnx", output=tmp_path / name))


def test_what_no_export_wrote_is_not_written_over(finished, tmp_path):
    folder = tmp_path / "model"
    (folder / "mine").mkdir(parents=True)
    with pytest.raises(StateError, match="is a folder that no export wrote; move it away"):
        exporting.export(request(finished, tmp_path, "savedmodel", output=folder, force=True))
    (tmp_path / "MODEL_CARD.md").write_text("about `other.onnx`")
    with pytest.raises(StateError, match="is that of another file"):
        exporting.export(request(finished, tmp_path, "onnx", force=True))


def test_weights_that_were_changed_are_refused(finished, tmp_path):
    _, folder, *_ = finished
    copy = Path(shutil.copytree(folder, tmp_path / folder.name))
    weights = copy / "best_val_loss.weights.h5"
    weights.write_bytes(weights.read_bytes() + b"!")
    with pytest.raises(StateError, match=r"its hash is not the record's"):
        package.load(copy)
    weights.unlink()
    with pytest.raises(StateError, match="is not here, as in a copy from git"):
        exporting.export(request(finished, tmp_path, "keras", run=copy))


def test_the_commands(finished, kreproduce, tmp_path):
    results, folder, record, test, expected = finished
    pictures = tmp_path / "pictures"
    (pictures / "inside").mkdir(parents=True)
    for i in range(4):
        Image.fromarray(test.images[i]).save(pictures / "inside" / f"{i}.png")
    (pictures / "damaged.png").write_bytes(b"no picture")
    (pictures / "notes.txt").write_text("passed over")
    name = folder.name
    done = kreproduce("predict", name, str(pictures), "--csv", "--results", str(results))
    assert done.code == 3
    assert "damaged.png cannot be read as an image" in done.message
    assert done.message.splitlines()[-1] == (
        "kreproduce: 1 of 5 pictures could not be read, as said above; mend or remove what is "
        "damaged"
    )
    rows = list(csv.DictReader(io.StringIO(done.output)))
    likeliest = [record.data.class_names[i] for i in expected[:4].argmax(axis=1)]
    assert [row["class_1"] for row in rows] == likeliest
    found = [float(row["probability_1"]) for row in rows]
    np.testing.assert_allclose(found, expected[:4].max(axis=1), atol=1e-4)
    file = str(folder / "model.keras")
    pattern = str(pictures / "inside" / "*.png")
    done = kreproduce("predict", file, pattern, "--json", "--top", "2")
    assert done.code == 0
    values = json.loads(done.output)
    assert [value["classes"][0]["class"] for value in values] == likeliest
    assert {len(value["classes"]) for value in values} == {2}

    done = kreproduce("show", name, "--results", str(results), "--json")
    assert json.loads(done.output)["headline"]["accuracy"] == record.accuracy()
    done = kreproduce("show", name, "--results", str(results))
    assert f"test accuracy {record.accuracy():.2%}" in done.output
    done = kreproduce("compare", name, name, "--results", str(results))
    assert "settings: all equal" in done.output
    assert "p = 1" in done.output

    output = tmp_path / "given" / "network.onnx"
    asked = ("export", name, "--format", "onnx", "-o", str(output), "--check", "20")
    done = kreproduce(*asked, "--results", str(results))
    assert (done.code, done.message) == (0, "")
    assert "on 20 test images" in done.output
    assert output.is_file()
    done = kreproduce(*asked, "--results", str(results))
    assert done.code == 7


def test_what_quantised_weights_may_lose():
    assert Checked(100, 0.88, 0.9, 0.3).fault(quantized=True) is None
    assert "finds the class of 87.90%" in str(Checked(100, 0.879, 0.9, 0.3).fault(quantized=True))
    assert Checked(100, 0.9, 0.9, 1e-5).fault(quantized=False) is None
    assert "up to 2.0e-04" in str(Checked(100, 0.9, 0.9, 2e-4).fault(quantized=False))
    assert "up to nan" in str(Checked(100, 0.9, 0.9, float("nan")).fault(quantized=False))
