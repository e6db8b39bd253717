"""Every call of the life cycle of a run: without it, one of these does not hold."""

import errno
import json
import os
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
from faults.outcome import folder_of, outcome
from faults.toy import EPOCHS, EXPERIMENT, STEPS, VALIDATIONS, Images, Quiet, Toy, train

from kreproduce.errors import (
    DivergedError,
    LockedError,
    OutOfMemoryError,
    StateError,
    StorageError,
)
from kreproduce.runs import checkpoint, status
from kreproduce.runs.folder import RunFolder
from kreproduce.system import disk
from kreproduce.system.interruption import Interrupted
from kreproduce.training import lifecycle
from kreproduce.training.lifecycle import Means
from kreproduce.training.schedule import learning_rate
from kreproduce.training.sessions import sentence

NAN = float("nan")


class BrokenError(Exception):
    pass


def broken():
    raise BrokenError


def out_of_memory(*_):
    raise MemoryError


def never(*_):
    raise AssertionError("too late to be refused")


class Struck(Toy):
    """A toy to which something happens when a method of it is called for the nth time."""

    def __init__(self, what, method, nth=1, **options):
        super().__init__(**options)
        real, calls = getattr(self, method), []

        def called(*arguments):
            calls.append(arguments)
            if len(calls) == nth:
                what()
            return real(*arguments)

        setattr(self, method, called)


class Source(Images):
    """Images that are loaded or checked in another way."""

    def __init__(self, load=None, check=None):
        self.load, self.check = load or self.load, check or self.check


def slow(toy, clock, seconds):
    """A toy whose steps take so long."""
    fit = toy.fit
    toy.fit = lambda epoch, step, rate, ended: fit(
        epoch, step, rate, lambda done: clock(seconds) or ended(done)
    )
    return toy


def breaks(results, method, nth=1, **options):
    """Train until a method is called for the nth time, which fails."""
    with pytest.raises(BrokenError):
        train(results, Struck(broken, method, nth, **options))


def newest(results):
    """The place of the newest checkpoint."""
    found, _ = checkpoint.newest(folder_of(results) / "checkpoints")
    return found.epoch, found.step


def places(done):
    """Where each session of a run began."""
    return [(one.epoch, one.step) for one in done.record.sessions]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run comes to that nothing befalls."""
    results = tmp_path_factory.mktemp("whole")
    train(results)
    return outcome(results)


@pytest.fixture
def term():
    """Asks this process to stop; how it takes that by itself is put back by whoever changes it."""

    def missed(*_):
        raise AssertionError("nobody has taken the request to stop")

    before = signal.signal(signal.SIGTERM, missed)
    yield lambda: os.kill(os.getpid(), signal.SIGTERM)
    assert signal.signal(signal.SIGTERM, before) is missed


@pytest.fixture
def clock(monkeypatch):
    """The life cycle's own; `clock(seconds)` puts it forward."""
    time = [1.0]
    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(perf_counter=lambda: time[0]))

    def forward(seconds):
        time[0] += seconds

    return forward


def test_what_is_said(tmp_path):
    report = Quiet()
    done = train(tmp_path, report=report)
    images, (first, *lines) = done.record.data, report.said
    assert first == (
        f"training {EXPERIMENT.run_name} on {images.train:,} images, validating on "
        f"{images.validation:,}; {sentence(Toy.session.conditions)}"
    )
    assert [line.partition(" ")[0] for line in lines] == ["epoch"] * 2 + ["this"] + ["epoch"] + [
        "testing"
    ] * 2
    assert lines[2].startswith("this will take about ")
    assert lines[3].endswith("(best_val_accuracy)")
    assert lines[4:] == [
        "testing the weights of best_val_loss (epoch 2)",
        "testing the weights of best_val_accuracy (epoch 3)",
    ]


def test_what_is_measured(tmp_path, clock):
    """A step takes a second here, a validation 10 and a test 100."""
    rates, toy = [], slow(Toy(pauses=()), clock, 1)
    fit, validate, test = toy.fit, toy.validate, toy.test
    toy.fit = lambda epoch, step, rate, ended: rates.append(rate) or fit(epoch, step, rate, ended)
    toy.validate = lambda epoch: clock(10) or validate(epoch)
    toy.test = lambda weights: clock(100) or test(weights)
    done = train(tmp_path, toy)
    expected, alone = [], Toy(pauses=())
    for epoch, rate in enumerate(rates):
        alone.fit(epoch, 0, rate, lambda step: False)
        expected.append([epoch + 1, *alone.means(), *VALIDATIONS[epoch], rate])
    rows = outcome(tmp_path)["history"]
    assert [[float(value) for value in row] for row in rows] == expected
    assert rates == [learning_rate(epoch, EXPERIMENT.cycle) for epoch in range(EPOCHS)]
    seconds = done.record.seconds
    assert (seconds.training, seconds.test) == (EPOCHS * (STEPS + 10), 200)


@pytest.mark.parametrize(
    ("method", "nth", "pauses", "place"),
    [
        ("fit", 4, (2,), (1, 3)),
        ("fit", 2, (3,), (0, STEPS)),  # the last step of an epoch
        ("validate", 2, (2,), (1, STEPS)),
        ("save_weights", 1, (2,), (1, 0)),
    ],
)
def test_a_request_to_stop(method, nth, pauses, place, term, whole, tmp_path):
    report, again = Quiet(), Quiet()
    with pytest.raises(Interrupted):
        train(tmp_path, Struck(term, method, nth, pauses=pauses), report=report)
    (entry,) = status.read(tmp_path)
    assert (entry.state, (entry.epoch, entry.step)) == ("interrupted", place)
    where = f"in epoch {place[0] + 1} of {EPOCHS}, after step {place[1]} of {STEPS}"
    assert report.said[-1] == f"interrupted {where}; the same command goes on from there"
    done = train(tmp_path, report=again)
    assert again.said[0] == f"going on {where}"
    assert places(done) == [(0, 0), place]
    assert outcome(tmp_path) == whole


def test_the_headline_s_network_is_kept_for_use(whole, tmp_path):
    weights = []
    toy = Toy()
    toy.save_model = lambda kept, path: weights.append(kept["w"]) or path.write_bytes(kept["w"])
    record = train(tmp_path, toy).record
    (path,) = tmp_path.glob("runs/*/model.keras")
    saved = path.with_name("best_val_loss.weights.h5").read_bytes()
    assert path.read_bytes() == weights[0].tobytes() == saved
    assert record.best_epoch["best_val_loss"] != record.best_epoch["best_val_accuracy"]


def test_a_run_is_complete_without_that_file(tmp_path):
    def full(weights, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    toy, warnings = Toy(), []
    toy.save_model = full
    assert train(tmp_path, toy, warn=warnings.append).by == "this run"
    (warning,) = warnings
    assert warning.startswith("model.keras is not written (")
    assert not list(tmp_path.glob("runs/*/*model.keras"))


def test_a_request_to_stop_while_images_are_loaded(term, tmp_path):
    with pytest.raises(Interrupted):
        train(tmp_path, source=Source(load=term), make=never)
    assert list(tmp_path.iterdir()) == []


def test_several_steps_at_once_end_with_the_epoch(term, tmp_path):
    class Several(Struck):
        def fit(self, epoch, step, rate, ended):
            super().fit(epoch, step, rate, lambda done: ended(-(-done // 3) * 3))

    with pytest.raises(Interrupted):
        train(tmp_path, Several(term, "validate", pauses=()))
    assert newest(tmp_path) == (0, STEPS)


@pytest.mark.parametrize(
    ("method", "nth", "place"), [("fit", 3, (0, 2)), ("validate", 1, (0, STEPS))]
)
def test_a_long_epoch_is_saved_inside(method, nth, place, clock, tmp_path):
    toy = slow(Struck(broken, method, nth, pauses=()), clock, 400)
    with pytest.raises(BrokenError):
        train(tmp_path, toy)
    assert newest(tmp_path) == place


def test_a_run_that_breaks_at_its_first_step_has_begun(tmp_path):
    breaks(tmp_path, "fit")
    (entry,) = status.read(tmp_path)
    assert (entry.state, entry.why) == ("failed", "BrokenError: ")
    assert places(train(tmp_path)) == [(0, 0), (0, 0)]


def test_a_run_that_failed_before_and_is_killed_has_crashed(tmp_path):
    results, killed = tmp_path / "results", tmp_path / "killed"
    breaks(results, "fit", 3)
    train(results, Struck(lambda: shutil.copytree(results, killed), "fit", 2))
    (entry,) = status.read(killed)
    assert (entry.state, entry.epoch, entry.step, entry.why) == ("crashed", 1, 2, None)


def test_an_epoch_that_is_complete_is_on_disk(tmp_path):
    seen = []

    def look():
        folder = folder_of(tmp_path)
        (entry,) = status.read(tmp_path)
        rows = (folder / "history.csv").read_text().splitlines()[1:]
        weights = len(list(folder.glob("*.h5")))
        seen.append((entry.state, entry.epoch, entry.step, len(rows), weights, newest(tmp_path)))

    train(tmp_path, Struck(look, "fit", 3))
    assert seen == [("running", 1, 0, 1, 2, (1, 0))]


def test_what_lies_in_the_folder_is_made_good(whole, tmp_path):
    """The settings, the history, and weights that training does not come to write again."""
    breaks(tmp_path, "fit", 5)
    folder = folder_of(tmp_path)
    settings, weights = folder / "settings.json", sorted(folder.glob("*.h5"))
    history = (folder / "history.csv").read_text()
    settings.write_text("{")
    (folder / "history.csv").write_text("foreign")
    for path in weights:
        path.unlink()

    def look():
        assert json.loads(settings.read_text())["epochs"] == EPOCHS
        assert (folder / "history.csv").read_text() == history
        assert sorted(folder.glob("*.h5")) == weights

    toy, warned = Struck(look, "fit"), []
    code = toy.session.code.model_copy(update={"commit": "0123abc"})
    toy.session = toy.session.model_copy(update={"code": code})
    train(tmp_path, toy, warn=warned.append)
    assert warned == [
        f"{settings} is damaged and is written again",
        f"the commit was {Toy.session.code.commit} and is 0123abc; "
        "the result may differ from that of one go",
    ]
    assert outcome(tmp_path) == whole


def test_the_record_is_of_the_history_that_was_trained(whole, tmp_path):
    def spoil():
        (folder_of(tmp_path) / "history.csv").write_text("foreign")

    train(tmp_path, Struck(spoil, "test"))
    assert outcome(tmp_path) == whole


def test_a_finished_run_is_tidied(tmp_path):
    record = train(tmp_path).record
    RunFolder(tmp_path, EXPERIMENT).set_state("running", EPOCHS)
    left = folder_of(tmp_path) / "checkpoints"
    left.mkdir()
    done = train(tmp_path, make=never)
    assert (done.by, done.record) == ("an earlier run", record)
    assert not left.exists()


def test_force_starts_over(tmp_path):
    breaks(tmp_path, "fit", 3)
    assert places(train(tmp_path, force=True)) == [(0, 0)]
    assert train(tmp_path, force=True).by == "this run"


def test_a_finished_run_on_other_images_is_refused(tmp_path):
    def refuse(record):
        raise StateError("other images")

    train(tmp_path)
    with pytest.raises(StateError, match="other images"):
        train(tmp_path, source=Source(check=refuse), make=never)


def test_who_uses_the_run_is_respected_before_images_are_loaded(tmp_path):
    other = RunFolder(tmp_path, EXPERIMENT)
    other.claim()
    with pytest.raises(LockedError):
        train(tmp_path, source=Source(load=never))
    other.close()


def test_whoever_came_first_while_images_were_loaded_is_respected(tmp_path):
    other = RunFolder(tmp_path, EXPERIMENT)

    def load():
        other.claim()
        return Images().load()

    with pytest.raises(LockedError):
        train(tmp_path, source=Source(load), make=never)
    other.close()


def test_a_place_that_cannot_be_written_is_refused_before_images_are_loaded(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError, match="is not a folder that can be written"):
        train(tmp_path, source=Source(load=never))


def test_what_no_run_wrote_is_refused_before_a_network_is_made(tmp_path):
    train(tmp_path)
    (folder_of(tmp_path) / "notes.txt").touch()
    with pytest.raises(StateError, match=r"has notes\.txt, which no run wrote"):
        train(tmp_path, make=never, force=True)


def test_a_checkpoint_on_other_images_is_refused_before_a_network_is_made(tmp_path):
    def other():
        found = Images().load()
        return replace(found, record=found.record.model_copy(update={"fingerprint": "0" * 64}))

    breaks(tmp_path, "fit", 3)
    with pytest.raises(StateError) as refused:
        train(tmp_path, source=Source(other), make=never)
    assert str(refused.value).startswith(
        f"{folder_of(tmp_path)}: its checkpoint has another fingerprint"
    )


def test_a_checkpoint_of_another_network_is_refused_by_name(tmp_path):
    def refuse():
        raise StateError("its checkpoint is of another network")

    breaks(tmp_path, "fit", 3)
    with pytest.raises(StateError) as refused:
        train(tmp_path, Struck(refuse, "restore"))
    assert str(refused.value) == f"{folder_of(tmp_path)}: its checkpoint is of another network"


def test_too_little_room_is_refused_before_the_run_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "room", lambda folder: 0)
    with pytest.raises(StorageError, match="the run needs "):
        train(tmp_path, Struck(never, "fit"))
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_cannot_be_made_leaves_nothing(tmp_path):
    with pytest.raises(OutOfMemoryError, match="a batch of "):
        train(tmp_path, make=out_of_memory)
    assert list(tmp_path.iterdir()) == []


def test_why_a_run_failed_stands_in_its_status(tmp_path):
    with pytest.raises(OutOfMemoryError):
        train(tmp_path, Struck(out_of_memory, "fit", 2))
    (entry,) = status.read(tmp_path)
    assert (entry.state, entry.epoch, entry.step) == ("failed", 0, 2)
    assert entry.why.startswith("OutOfMemoryError: a batch of ")


def test_a_status_that_cannot_be_written_hides_nothing(tmp_path):
    def break_and_remove():
        shutil.rmtree(folder_of(tmp_path))
        raise BrokenError

    with pytest.raises(BrokenError):
        train(tmp_path, Struck(break_and_remove, "fit"))


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_loss_that_is_no_number(which, tmp_path):
    toy = Toy(validations=((NAN, 0.3),) * EPOCHS if which == "validation" else VALIDATIONS)
    if which == "training":
        toy.means = lambda: Means(NAN, 0.3)
    with pytest.raises(DivergedError, match=f"the {which} loss of epoch 1 is not a finite number"):
        train(tmp_path, toy)
    assert newest(tmp_path) == ((0, 0) if which == "training" else (0, 2))
