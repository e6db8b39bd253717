"""Nothing that somebody else may have put into a run's folder is loaded, or can run code."""

import hashlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from faults.outcome import folder_of, outcome
from faults.real import STEPS, run

from kreproduce.runs import checkpoint, status


class Payload:
    """Unpickled, it leaves a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def put(folder, content):
    """A file that proves itself whole, newer than all checkpoints."""
    name = f"epoch-0000002-step-0000009-{hashlib.sha256(content).hexdigest()}.npz"
    (folder / name).write_bytes(content)
    return folder / name


def pickled(sign):
    stream = io.BytesIO()
    facts = np.frombuffer(b"{}", np.uint8)
    np.savez(stream, allow_pickle=True, facts=facts, a=np.array([Payload(sign)], object))
    return stream.getvalue()


def bare_pickle(sign):
    return pickle.dumps(Payload(sign))


def no_facts(sign):
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros(3))
    return stream.getvalue()


def strange_facts(sign):
    stream = io.BytesIO()
    np.savez(stream, facts=np.frombuffer(b"[1", np.uint8))
    return stream.getvalue()


def other_archive(sign):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../out.npy", b"\x93NUMPY")
    return stream.getvalue()


def no_archive(sign):
    return b"anything at all"


FOREIGN = (pickled, bare_pickle, no_facts, strange_facts, other_archive, no_archive)


@pytest.mark.parametrize("make", FOREIGN, ids=lambda make: make.__name__)
def test_a_foreign_file_with_its_own_checksum_is_no_checkpoint(make, tmp_path):
    sign = tmp_path / "sign"
    folder = tmp_path / "checkpoints"
    checkpoint.save(folder, checkpoint.Checkpoint(1, 0, {}, {"a": np.zeros(3)}))
    foreign = put(folder, make(sign))
    found, aside = checkpoint.newest(folder)
    assert (found.epoch, found.step) == (1, 0)
    assert [path.name for path in aside] == [f"{foreign.name}.damaged"]
    assert not sign.exists()
    np.load(io.BytesIO(pickled(sign)), allow_pickle=True)["a"]  # what it would have done
    assert sign.exists()


@pytest.mark.faults
def test_a_run_loads_nothing_but_its_checkpoints(reference, tmp_path, tally):
    """Weights, history and record of others lie where its own did, and a newer checkpoint."""
    run(tmp_path, call="kreproduce.training.console:Report.step", nth=2 * STEPS + 4)
    folder, sign = folder_of(tmp_path), tmp_path / "sign"
    kept = sorted(folder.glob("*.weights.h5"))
    assert len(kept) == 2
    for path in (*kept, folder / "history.csv", folder / "other.keras"):
        path.write_bytes(bare_pickle(sign))
    foreign = put(folder / "checkpoints", pickled(sign))
    (entry,) = status.read(tmp_path)
    assert entry.notes == ("no part of a run: other.keras",)
    end = run(tmp_path)
    assert end.code == 0, end
    assert end.warnings == [f"kreproduce: warning: {foreign}.damaged is damaged and was put aside"]
    (folder / "other.keras").unlink()
    assert outcome(tmp_path) == reference.outcome
    assert not sign.exists()
    tally("files of unknown origin in a run's folder", 5)
