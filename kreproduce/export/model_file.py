"""`model.keras`: a trained network in layers of Keras alone.

Plain Keras opens it in safe mode, in a process without this package. It takes float images of 0 to
255 in the size of the run's own, enlarges them as the recipe has it and divides by 255 itself, and
gives class probabilities. `kreproduce.json`, a further member of the file, says so.
"""

import contextlib
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kreproduce.data.images import reason
from kreproduce.data.record import Images
from kreproduce.data.resize import Rule, nearest_indices
from kreproduce.errors import DataError
from kreproduce.experiment.settings import Experiment
from kreproduce.export import about as about_module
from kreproduce.export.about import MEMBER, About
from kreproduce.network.cost import count
from kreproduce.network.model import precision
from kreproduce.network.stock import stock
from kreproduce.system.strict import from_json
from kreproduce.text import printable

# What Python's reader of zips raises; of what is encrypted a RuntimeError.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError)
_DEFLATED = zipfile.ZIP_DEFLATED
_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"
_LARGEST_CONFIG = 64 * 2**20  # bytes
_MOST_MEMBERS = 100_000  # of an HDF5 file; B7 has some thousands
_PER_WEIGHT, _BESIDE = 4, 2**22  # bytes of a weight, and of what HDF5 and Keras add at most


def write(network: keras.Model, about: About, path: Path) -> None:
    """Write a network, built by `build`, into a file that ends in .keras.

    Raises:
        OSError: the disk does not take it.
    """
    content = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
        saved = Path(folder) / "model.keras"
        _built(about, network).save(saved)
        # Keras compresses nothing, and a third of the file is the configuration.
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(content, "w", _DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            new.writestr(MEMBER, about.encoded())
    path.write_bytes(content.getvalue())


def write_other(network: keras.Model, experiment: Experiment, images: Images, path: Path) -> None:
    """Write a network that is none of the paper's, in layers of Keras alone.

    Args:
        network: from images in [0, 1], in the experiment's input size, to class probabilities.
        experiment: how images are enlarged.
        images: those that it was trained on.
        path: of the file, which ends in .keras.

    Raises:
        OSError: the disk does not take it.
    """
    with precision("float32"):
        image = keras.Input(images.image_shape, name="image", dtype="float32")
        shown = enlarged(image, experiment.input_size, experiment.resize)
        shown = layers.Rescaling(1 / 255, name="rescaling")(shown)
        keras.Model(image, network(shown), name="classifier").save(path)


def read(path: Path) -> tuple[keras.Model, About]:
    """Return the network in a file that `write` made, and what the file says of it.

    Nothing that the file says is run or built: the network is that of its settings, and its layers
    are compared with those in the file, whose weights are taken when their sizes are right.

    Raises:
        DataError: it is no such file, or one that was changed or damaged.
    """
    name = printable(path)
    with _opened(path) as file:
        about = about_module.decoded(_member(file, MEMBER, about_module.LARGEST, name), name)
        config = _member(file, _CONFIG, _LARGEST_CONFIG, name)
        cost = count(about.settings.architecture)
        weights = cost.parameters + cost.untrainable
        stored = _member(file, _WEIGHTS, _PER_WEIGHT * weights + _BESIDE, name)
    _check_sizes(stored, weights, name)
    model = _built(about)
    if _layers(_json(config, name)) != _layers(_config(model)):
        raise DataError(
            f"{name} has other layers than its {MEMBER} says: somebody has changed the network; "
            "open it with keras.models.load_model"
        )
    with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
        checked = Path(folder) / _WEIGHTS
        checked.write_bytes(stored)
        try:
            model.load_weights(checked)
        # Keras and HDF5 raise whatever a damaged file makes them.
        except Exception as error:
            raise DataError(
                f"the weights in {name} cannot be read ({printable(reason(error))}); export the "
                "run again"
            ) from error
    return model, about


def enlarged(image: Any, size: int, rule: Rule) -> Any:
    """Bring symbolic images (batch, h, h, 3) to (batch, size, size, 3), as the recipe does."""
    for axis in (1, 2):
        taken = nearest_indices(image.shape[axis], size, rule)
        if taken.tolist() != list(range(image.shape[axis])):
            image = ops.take(image, taken.tolist(), axis=axis)
    return image


def _built(about: About, network: keras.Model | None = None) -> keras.Model:
    settings = about.settings
    with precision("float32"):
        image = keras.Input(about.image_shape, name="image", dtype="float32")
        shown = enlarged(image, settings.input_size, settings.resize)
        shown = layers.Rescaling(1 / 255, name="rescaling")(shown)
        return keras.Model(image, stock(settings.architecture, shown, network), name="classifier")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            raise DataError(f"{printable(path)} is not a file; give a model.keras")
        with zipfile.ZipFile(path) as file:
            yield file
    except OSError as error:
        raise DataError(f"{printable(path)} cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise DataError(
            f"{printable(path)} is damaged, or no .keras file: give one that a run wrote, as "
            "model.keras in its folder"
        ) from error


def _member(file: zipfile.ZipFile, member: str, largest: int, name: str) -> bytes:
    """Return the content of a member, once its size is known to be sound."""
    try:
        info = file.getinfo(member)
    except KeyError:
        if member == MEMBER:
            raise DataError(
                f"{name} has no {MEMBER}: no network of the paper's is in it; open it with "
                "keras.models.load_model"
            ) from None
        raise DataError(f"{name} has no {member}; export the run again") from None
    if info.file_size > largest:
        raise DataError(
            f"{name} has a {member} of {info.file_size:,} bytes where at most {largest:,} are "
            "expected; export the run again"
        )
    with file.open(info) as stream:
        content = stream.read(largest + 1)  # whatever the directory of the file says
    if len(content) > largest:
        raise DataError(f"{name} has a {member} that is larger than it says; export the run again")
    return content


def _check_sizes(stored: bytes, weights: int, name: str) -> None:
    """Refuse weights that would take more memory than the network's own, before they are read."""
    import h5py

    try:
        with h5py.File(io.BytesIO(stored), "r") as file:
            declared, pending, visited = 0, [file], 0
            while pending:
                group = pending.pop()
                for key in group:
                    visited += 1
                    # What leads out of the file is not followed, and a circle not for ever.
                    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                        raise ValueError("it has a link")
                    member = group[key]
                    if isinstance(member, h5py.Group):
                        pending.append(member)
                    elif member.external or member.is_virtual:
                        raise ValueError("it reads other files")
                    else:
                        size = int(np.prod(member.shape, dtype=object))
                        declared += size * member.dtype.itemsize
                    if declared > _PER_WEIGHT * weights + _BESIDE or visited > _MOST_MEMBERS:
                        raise ValueError(f"it has more than the {weights:,} weights of its network")
    # HDF5 raises whatever a damaged file makes it.
    except Exception as error:
        raise DataError(
            f"the weights in {name} are damaged ({printable(reason(error))}); export the run again"
        ) from error


def _json(content: bytes, name: str) -> Any:
    try:
        return from_json(content)
    except ValueError as error:
        raise DataError(f"{name} has a damaged {_CONFIG}; export the run again") from error


def _config(model: keras.Model) -> dict[str, Any]:
    return dict(keras.saving.serialize_keras_object(model))


def _layers(config: Any) -> Any:
    """Return kind, name and activation of each layer in a serialised model; None if it is none."""
    try:
        return [
            (
                layer["class_name"],
                layer["name"] if layer["module"] == "keras.layers" else None,
                layer["config"].get("activation"),
            )
            for layer in config["config"]["layers"]
        ]
    except (TypeError, KeyError, AttributeError):
        return None
