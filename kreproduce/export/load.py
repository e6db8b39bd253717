"""A trained network, from a run's folder or a model file."""

from pathlib import Path
from typing import TYPE_CHECKING

from kreproduce.errors import StateError
from kreproduce.export.about import about
from kreproduce.export.classifier import Classifier
from kreproduce.runs.find import find_run
from kreproduce.runs.integrity import finished
from kreproduce.runs.records import HEADLINE, Record, weights_name
from kreproduce.system import backend, files, quiet
from kreproduce.text import printable

if TYPE_CHECKING:
    from keras import Model


def load(target: str | Path, results: Path | str = "results") -> Classifier:
    """Load a trained network, to classify images with it.

    A run is rebuilt from the settings in its record, with the weights of its headline, known by
    their hash, and computes in the precision in which it was tested. Of a file no code is run.

    Args:
        target: a finished run, by its name or its folder; or a model.keras that one left.
        results: the folder below which runs are recorded.

    Raises:
        DataError: it is a file, and not one that a run wrote.
        SettingsError: there is nothing of that name; or the backend cannot compute.
        StateError: the run is not complete, its weights are not here, or they are damaged.
    """
    found = find_run(target, Path(results), "a model.keras")
    if found.is_dir():
        record, _ = finished(found)
        network = network_in(found, record, record.conditions.precision)
        return classifier_of(record, network)
    _prepare()
    from keras import Model

    from kreproduce.export import model_file

    model, said = model_file.read(found)
    enlarged = model.get_layer("rescaling").input
    logits = Model(enlarged, model.get_layer("classifier_logits").output)
    return Classifier(said, logits, said.settings.batch_size)


def network_in(run: Path, record: Record, policy: str) -> "Model":
    """Return the headline's network of a finished run, see `build`.

    Args:
        run: its folder.
        record: its record.
        policy: the dtype policy to compute under.

    Raises:
        SettingsError: the backend cannot compute.
        StateError: the weights are not here, or they are damaged.
    """
    path = run / weights_name(HEADLINE)
    check_weights(path, record.weights[HEADLINE])
    _prepare()
    from kreproduce.export import rebuilt

    return rebuilt.network_of(record.settings, path, policy)


def classifier_of(record: Record, network: "Model") -> Classifier:
    """Return the classifier of a run whose network has been built."""
    from kreproduce.export import rebuilt

    model = rebuilt.logits_of(network, record.conditions.jit_compile)
    return Classifier(about(record.settings, record.data), model, record.settings.batch_size)


def check_weights(path: Path, digest: str) -> None:
    """Refuse weights that are not those of their record.

    Raises:
        StateError: they are not here, or others.
    """
    try:
        same = files.sha256(path) == digest
    except FileNotFoundError:
        raise StateError(
            f"{printable(path)} is not here, as in a copy from git: run it again with --force, or "
            "copy the weights from where it ran"
        ) from None
    except OSError as error:
        raise StateError(
            f"{printable(path)} cannot be read: {error.strerror or error}; mend that first"
        ) from error
    if not same:
        raise StateError(
            f"{printable(path)} was changed after it was written, or is damaged: its hash is not "
            "the record's; restore it from a copy, or run it again with --force"
        )


def _prepare() -> None:
    """Have Keras imported quietly, when its backend can compute."""
    backend.check()
    backend.tune()
    with quiet.silence_stderr():
        import keras  # noqa: F401
