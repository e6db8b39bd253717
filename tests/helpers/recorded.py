"""Records as a run writes them, made up, with the history and the predictions beside them."""

import functools
import hashlib
import json

import numpy as np

from kreproduce import paper
from kreproduce.data.originals import SIZES
from kreproduce.experiment.settings import of_row, resolve
from kreproduce.runs.predictions import FILE, Predictions, encoded
from kreproduce.runs.records import (
    HEADLINE,
    RECORD_VERSION,
    Record,
    checksum,
    decoded,
    history_digest,
)
from kreproduce.system import files

CONDITIONS = {
    "devices": ["NVIDIA H200"],
    "gpu": True,
    "replicas": 1,
    "sync_batch_norm": False,
    "cores": 16,
    "instructions": ["avx2", "fma"],
    "kernels": [],
    "threads": {},
    "deterministic": True,
    "backend": "tensorflow",
    "precision": "float32",
    "floatx": "float32",
    "tensor_float_32": False,
    "jit_compile": True,
    "steps_per_execution": 8,
    "optimizer": {"name": "RMSprop", "formula": "as in the test"},
    "environment": {},
    "versions": {"keras": "3.15.1", "tensorflow-datasets": None},
    "platform": "Linux",
}
CODE = {"commit": "0" * 40, "dirty": False}
HISTORY = b"epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n"


def experiment_of(row, **settings):
    return resolve(of_row(row).model_dump(), settings)


def record_of(experiment, plain=0.9, hflip=0.91, original=None, images=None, **conditions):
    """What a record says, without its checksum.

    Unless said otherwise, it is of the original images if its data have their name. `plain` and
    `hflip` are the headline's accuracies, to the nearest image.
    """
    original = experiment.data_name in paper.IMAGES if original is None else original
    theirs = SIZES.get(experiment.dataset) if original else None
    images = images or (theirs.test if theirs else 10_000)
    accuracy = {"plain": plain, "hflip": hflip, "vflip": 0.2, "hflip_vflip": 0.3}
    accuracy = {name: round(share * images) / images for name, share in accuracy.items()}
    other = dict.fromkeys(accuracy, 0.123)  # in no table
    conditions = CONDITIONS | conditions
    session = {"started": "2026-01-01T00:00:00+00:00", "epoch": 0, "step": 0}
    return {
        "record_version": RECORD_VERSION,
        "run": experiment.run_name,
        "identity": experiment.identity,
        "settings": experiment.model_dump(),
        "data": {
            "name": experiment.data_name,
            "source": "tfds" if original else "folder",
            "cached": False,
            "original": original,
            "not_original_because": None if original else "read from a folder of images",
            "split": "as in the test",
            "train": theirs.train if theirs else 100,
            "validation": theirs.validation if theirs else 10,
            "test": images,
            "image_shape": [32, 32, 3],
            "class_names": [f"class {number}" for number in range(experiment.classes)],
            "fingerprint": "abc0" * 16,
        },
        "parameters": 1,
        "computations": 2,
        "computations_trained": 3,
        "best_epoch": {"best_val_loss": 1, "best_val_accuracy": 1},
        "test": {
            "best_val_loss": {"loss": 0.3, "accuracy": accuracy},
            "best_val_accuracy": {"loss": 0.4, "accuracy": other},
        },
        "weights": {"best_val_loss": "1" * 64, "best_val_accuracy": "2" * 64},
        "history": history_digest(HISTORY),
        "predictions": "3" * 64,
        "seconds": {
            "setup": 1.0,
            "training": 1.5,
            "first_epoch": 0.5,
            "median_epoch": 0.5,
            "test": 1.0,
        },
        "conditions": conditions,
        "code": CODE,
        "sessions": [session | {"code": CODE, "conditions": conditions}],
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-02T00:00:00+00:00",
    }


def write(results, record, folder=None, predictions=None):
    """Write a record where its run would, with all that belongs to it; returns the folder.

    Its predictions get their hash, and the record its checksum; a record that has either already
    keeps it.
    """
    path = results / "runs" / (folder or record["run"])
    path.mkdir(parents=True, exist_ok=True)
    if predictions is None:
        predictions = _predictions_of(record)
    record = {**record}
    if record.get("predictions") == "3" * 64:
        record["predictions"] = hashlib.sha256(predictions).hexdigest()
    record.setdefault("checksum", checksum(record))
    (path / FILE).write_bytes(predictions)
    (path / "history.csv").write_bytes(HISTORY)
    (path / "record.json").write_text(json.dumps(record))
    return path


def parsed(record):
    """The same as the type that a run makes."""
    found = decoded(json.dumps(record | {"checksum": checksum(record)}).encode())
    assert isinstance(found, Record), found
    return found


def begin(folder):
    """Claim a run's folder and begin it, as a run does."""
    folder.claim()
    folder.begin()
    record = parsed(record_of(folder.experiment))
    folder.write_settings(record.sessions[0], record.data)


def finish(folder, weights=None, **options):
    """Finish a claimed run, as a run does; `options` as of `record_of`. Returns the record."""
    record = record_of(folder.experiment, **options)
    accuracy = record["test"][HEADLINE]["accuracy"]
    shown = (accuracy["plain"], accuracy["hflip"])
    folder.write_history([])
    folder.write_predictions(made_up(record["data"]["test"], folder.experiment.classes, *shown))
    beside = {name: files.sha256(folder.path / name) for name in ("history.csv", FILE)}
    record |= {"history": beside["history.csv"], "predictions": beside[FILE]}
    record |= {"weights": weights} if weights else {}
    folder.finish(parsed(record))
    return folder.record()


def _predictions_of(record):
    try:
        accuracy = record["test"][HEADLINE]["accuracy"]
        shown = (accuracy["plain"], accuracy["hflip"])
        return encoded(made_up(record["data"]["test"], record["settings"]["classes"], *shown))
    except (LookupError, TypeError, ValueError):  # of a forged record
        return b""


@functools.cache
def made_up(images, classes, plain, hflip):
    """Predictions of so many images with these accuracies."""
    true = np.arange(images) % classes
    wrong = (true + 1) % classes
    right = np.arange(images)
    return Predictions(
        true,
        np.where(right < round(plain * images), true, wrong),
        np.where(right < round(hflip * images), true, wrong),
    )
