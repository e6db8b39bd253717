"""An export: a run's network, written in a format, run by its runtime, and only then kept."""

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kreproduce.data import dataset as datasets
from kreproduce.data.dataset import Dataset
from kreproduce.data.sources import Location
from kreproduce.errors import CheckError, SettingsError, StateError, StorageError
from kreproduce.export import load
from kreproduce.export.about import About, about
from kreproduce.export.formats import Format, Quantized
from kreproduce.export.model_card import FILE, Exported, model_card, named
from kreproduce.runs.integrity import finished
from kreproduce.runs.records import HEADLINE, Record, weights_name
from kreproduce.system import backend, disk, files, outputs, quiet
from kreproduce.text import printable

if TYPE_CHECKING:
    from keras import Model

_LOG = logging.getLogger(__name__)
_ELSEWHERE = "place with --output"
_OF_SAVEDMODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Attributes:
        run: the run's folder.
        format: see `formats`.
        quantize: the type of the weights; None leaves float32.
        output: the file, or of a SavedModel the folder.
        images: where those of the run lie.
        check: on how many test images the file is run; None is all.
        force: write over what is there, and keep quantised weights that lose more than two points.
    """

    run: Path
    format: Format
    quantize: Quantized | None
    output: Path
    images: Location
    check: int | None
    force: bool


def export(request: Request) -> Exported:
    """Write a run's network into a file, and a model card beside it.

    The network is built again from its settings, never read from model.keras. The file is run by
    its own runtime on test images before it is put in its place.

    Raises:
        SettingsError: the output has another suffix than the format, or no name.
        CheckError: its runtime does not take the file, or it gives other outputs than the network.
        DataError: the images are missing or damaged.
        StateError: the run is not complete, its weights or its images are others; or something is
            there already.
        StorageError: the disk does not take it.
    """
    _check_name(request)
    record, _ = finished(request.run)
    load.check_weights(request.run / weights_name(HEADLINE), record.weights[HEADLINE])
    _check_free(request)
    images = datasets.load(record.settings, request.images)
    if images.record.fingerprint != record.data.fingerprint:
        raise StateError(
            f"{record.run} was run on other images than these: give those that it was run on with "
            "--data-dir"
        )
    home = request.output.parent
    with _storage(request):
        made_folders = outputs.make_folder(home)
        passing = tempfile.TemporaryDirectory(prefix=".new-", dir=home)
    try:
        with passing as folder:
            made = Path(folder) / request.output.name
            exported = _made(request, record, images, made)
            card = Path(folder) / FILE
            with _storage(request):
                card.write_text(model_card(record, exported), encoding="utf-8")
                _put(made, request.output, Path(folder) / "old")
                _put(card, request.output.with_name(FILE), Path(folder) / "old")
    finally:
        outputs.remove_empty(made_folders)
    return exported


@contextlib.contextmanager
def _storage(request: Request) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = printable(request.output)
        raise StorageError(disk.refusal(what, error, _ELSEWHERE)) from error


@contextlib.contextmanager
def _whole_float32() -> Iterator[None]:
    """Have a GPU compute with all digits, as the runtimes do: by itself it leaves some out."""
    if backend.name() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _made(request: Request, record: Record, images: Dataset, path: Path) -> Exported:
    """Write the file at a passing place and check it there."""
    network = load.network_in(request.run, record, "float32")
    with quiet.silence_stderr(), _whole_float32():
        _write(request, network, about(record.settings, record.data), images, path)
        from kreproduce.export.check import check

        most = request.check or len(images.test.labels)
        try:
            classifier = load.classifier_of(record, network)
            checked = check(request.format, path, classifier, images.test, most)
        except RuntimeError as error:
            raise CheckError(f"the {request.format.name} file is not kept: {error}") from error
    fault = checked.fault(request.quantize is not None)
    if fault and not (request.quantize and request.force):
        way_out = " (--force keeps it)" if request.quantize else ""
        raise CheckError(f"the {request.format.name} file is not kept: {fault}{way_out}")
    if fault:
        _LOG.warning(fault)
    parts = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    digests = [files.sha256(part) for part in parts]
    return Exported(
        request.format,
        request.quantize or "float32",
        request.output.name,
        sum(part.stat().st_size for part in parts),
        digests[0] if path.is_file() else hashlib.sha256("".join(digests).encode()).hexdigest(),
        checked,
    )


def _write(request: Request, network: "Model", said: About, images: Dataset, path: Path) -> None:
    if request.format.name == "keras":
        from kreproduce.export import model_file

        model_file.write(network, said, path)
        return
    from kreproduce.export.served import served

    model = served(network, said)
    if request.format.name == "savedmodel":
        from kreproduce.export import savedmodel

        savedmodel.write(model, said, path)
    elif request.format.name == "onnx":
        from kreproduce.export import onnx

        onnx.write(model, said, path)
    else:
        from kreproduce.export import litert

        train = images.train.images  # class by class, perhaps
        some = np.linspace(0, len(train) - 1, min(len(train), litert.CALIBRATION)).astype(int)
        calibration = train[some]
        litert.write(model, said, path, request.quantize, calibration)


def _check_name(request: Request) -> None:
    """Refuse a name that the format does not have, before anything slow."""
    output, suffix = request.output, request.format.suffix
    if output.name in ("", "..", FILE) or (suffix and output.suffix.lower() != suffix):
        ending = f"a file name that ends in {suffix}" if suffix else "the name of a new folder"
        raise SettingsError(
            f"--output {printable(output)}: an export to {request.format.name} needs {ending}"
        )


def _check_free(request: Request) -> None:
    """Refuse to write over what is there, with --force over what no export wrote."""
    output, card = request.output, request.output.with_name(FILE)
    for path in (output, card):
        if os.path.lexists(path) and not request.force:
            raise StateError(
                f"{printable(path)} is there already; choose another --output, or write over it "
                "with --force"
            )
    if output.is_dir() and not output.is_symlink():
        names = {path.name for path in output.iterdir()}
        if request.format.suffix or not names <= _OF_SAVEDMODEL:
            raise StateError(f"{printable(output)} is a folder that no export wrote; move it away")
    if os.path.lexists(card) and not outputs.is_free(
        card, lambda content: named(output.name).encode() in content
    ):
        raise StateError(
            f"{printable(card)} is that of another file; choose another folder for --output"
        )


def _put(made: Path, path: Path, aside: Path) -> None:
    """Move what was made to its place; a folder that is there goes to a passing place first."""
    disk.flush(made)
    if path.is_dir() and not path.is_symlink():
        path.rename(aside)
    disk.rename(made, path)
