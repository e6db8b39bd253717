"""Records as a run writes them, made up."""

import copy
import json

from kreproduce import paper
from kreproduce.experiment import of_row, resolve
from kreproduce.records import RECORD_VERSION

CONDITIONS = {
    "devices": ["NVIDIA H200"],
    "gpu": True,
    "replicas": 1,
    "backend": "tensorflow",
    "precision": "float32",
    "jit_compile": True,
}


def experiment_of(row, **settings):
    return resolve(of_row(row).model_dump(), settings)


def record_of(experiment, plain=0.9, hflip=0.91, original=None, images=None, **conditions):
    """A record; unless said otherwise, of the original images if its data have their name."""
    theirs = paper.IMAGES.get(experiment.data_name)
    original = theirs is not None if original is None else original
    images = images or (theirs.sizes.test if theirs else 10_000)
    test = {"loss": 0.3, "plain": {"accuracy": plain}, "hflip": {"accuracy": hflip}}
    best = copy.deepcopy(test)
    best["plain"]["accuracy"] = best["hflip"]["accuracy"] = 0.123  # in no table
    return {
        "record_version": RECORD_VERSION,
        "run": experiment.run_name,
        "identity": experiment.identity,
        "settings": experiment.model_dump(),
        "partial": experiment.limit is not None,
        "data": {
            "name": experiment.data_name,
            "original": original,
            "test": images,
            "fingerprint": "abc",
        },
        "parameters": 1,
        "best_epoch": {"lowest validation loss": 3, "highest validation accuracy": 4},
        "test": {"lowest validation loss": test, "highest validation accuracy": best},
        "seconds": {"training": 1.5, "median_epoch": 0.5},
        "conditions": CONDITIONS | conditions,
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-02T00:00:00+00:00",
    }


def write(results, record, folder=None):
    """Write a record where its run would; returns the folder."""
    path = results / "runs" / (folder or record["run"])
    path.mkdir(parents=True)
    (path / "record.json").write_text(json.dumps(record))
    return path
