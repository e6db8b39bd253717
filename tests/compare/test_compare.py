"""Curves read and gaps computed: against numbers worked out by hand."""

from pathlib import Path

import pytest

from kreproduce.compare import text
from kreproduce.compare.curves import METRICS, Curves, find, read
from kreproduce.compare.gaps import compare, span
from kreproduce.errors import DataError, SettingsError
from kreproduce.runs.folder import Epoch

REFERENCES = Path(__file__).parents[3] / "shared" / "reference" / "curves"
HEADER = "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n"


def curves(name="ours", first=1, **values):
    count = len(next(iter(values.values())))
    return Curves(
        name, tuple(range(first, first + count)), {k: tuple(v) for k, v in values.items()}
    )


RUN = curves(loss=[2.0, 1.0, 0.5], val_accuracy=[0.2, 0.75, 0.75], val_loss=[2.0, 1.5, 1.75])
REFERENCE = curves(
    "theirs", val_loss=[2.5, 1.0, 0.75, 0.5], val_accuracy=[0.5, 0.25, 0.6, 0.9], accuracy=[0.5] * 4
)


def test_the_gaps_by_epoch():
    comparison = compare(RUN, REFERENCE)
    assert comparison.epochs == (1, 2, 3)
    assert comparison.metrics == ("val_loss", "val_accuracy")
    lines = comparison.by_epoch()
    assert [line.label for line in lines] == ["1", "2", "3"]
    gaps = [line.gaps["val_loss"] for line in lines]
    assert [(gap.run, gap.reference, gap.gap) for gap in gaps] == [
        (2.0, 2.5, -0.5),
        (1.5, 1.0, 0.5),
        (1.75, 0.75, 1.0),
    ]


def test_the_summary():
    """Each at its own best epoch of those that both have: the reference's fourth is none."""
    comparison = compare(RUN, REFERENCE)
    lines = {line.label: line.gaps for line in comparison.summary()}
    assert list(lines) == [
        "mean",
        "mean of the last 3",
        "best val_loss: epoch 2, reference 3",
        "best val_accuracy: epoch 2, reference 3",
    ]
    assert lines["mean"]["val_loss"].gap == pytest.approx(1 / 3)
    assert lines["mean"]["val_accuracy"].run == pytest.approx(1.7 / 3)
    best = lines["best val_loss: epoch 2, reference 3"]
    assert (best["val_loss"].run, best["val_loss"].reference) == (1.5, 0.75)
    assert best["val_accuracy"].gap == pytest.approx(0.15)
    assert comparison.distances() == pytest.approx(
        {"val_loss": 2 / 3, "val_accuracy": (0.3 + 0.5 + 0.15) / 3}
    )


def test_the_last_epochs_are_five():
    ours, theirs = (
        curves(loss=[9, 9, 9, *values]) for values in ([5, 4, 3, 2, 1], [4, 3, 2, 1, 0])
    )
    (last,) = (line for line in compare(ours, theirs).summary() if "last" in line.label)
    assert last.label == "mean of the last 5"
    assert last.gaps["loss"].run == 3
    assert last.gaps["loss"].gap == 1


def test_only_the_epochs_that_both_have():
    comparison = compare(curves(loss=[1, 2, 3, 4], first=3), curves(loss=[7, 6, 5, 4, 3]))
    assert comparison.epochs == (3, 4, 5)
    assert [line.gaps["loss"].reference for line in comparison.by_epoch()] == [5, 4, 3]
    said = "\n".join(text.lines(comparison))
    assert "run: ours, epochs 3 to 6\nreference: ours, epochs 1 to 5\n" in said
    assert "compared: epochs 3 to 5, which is what both have" in said


def test_what_has_nothing_in_common_is_refused():
    with pytest.raises(DataError, match="ours has loss and theirs has val_loss"):
        compare(curves(loss=[1]), curves("theirs", val_loss=[1]))
    with pytest.raises(DataError, match="ours has epochs 1 to 2 and theirs epoch 3; give two with"):
        compare(curves(loss=[1, 2]), curves("theirs", loss=[1], first=3))


@pytest.mark.parametrize(
    ("epochs", "words"),
    [((3,), "epoch 3"), ((1, 2, 3), "epochs 1 to 3"), ((1, 3, 9), "3 epochs from 1 to 9")],
)
def test_epochs_in_words(epochs, words):
    assert span(epochs) == words


def test_the_text_has_every_number():
    lines = text.lines(compare(RUN, REFERENCE))
    assert lines[0].split() == ["val_loss", "val_accuracy"]
    assert lines[1].split() == ["epoch", *(2 * ["run", "reference", "gap"])]
    expected = ["3", "1.7500", "0.7500", "+1.0000", "0.7500", "0.6000", "+0.1500"]
    assert lines[4].split() == expected
    assert lines[0].index("val_loss") + len("val_loss") == lines[1].index("gap") + len("gap")
    distance = next(line for line in lines if line.startswith("mean distance"))
    assert distance.split()[-2:] == ["val_loss", "0.6667"]
    assert distance.endswith(" 0.6667")


def test_the_values():
    values = text.values(compare(RUN, REFERENCE))
    assert (values["run"], values["reference"]) == ("ours", "theirs")
    assert [row["epoch"] for row in values["epochs"]] == [1, 2, 3]
    assert values["epochs"][1]["val_loss"] == {"run": 1.5, "reference": 1.0, "gap": 0.5}
    assert values["summary"][0]["what"] == "mean"
    assert set(values["mean_distance"]) == {"val_loss", "val_accuracy"}


def test_a_runs_history_is_read(tmp_path):
    """As `RunFolder` writes it, found by the run's name, its folder or its file."""
    from kreproduce.experiment.settings import resolve
    from kreproduce.runs.folder import RunFolder

    experiment = resolve({"dataset": "digits"})
    folder = RunFolder(tmp_path, experiment)
    folder.path.mkdir(parents=True)
    folder.write_history([Epoch(i, 2 / i, 0.1 * i, 3 / i, 0.05 * i, 0.001, 9.0) for i in (1, 2, 3)])
    for where in (experiment.run_name, str(folder.path), str(folder.path / "history.csv")):
        run = read(find(where, tmp_path))
        assert run.name == experiment.run_name
        assert run.epochs == (1, 2, 3)
        assert run.values["val_loss"] == (3.0, 1.5, 1.0)
        assert list(run.values) == list(METRICS)


def test_nothing_of_that_name(tmp_path):
    (tmp_path / "runs" / "digits-v2-16ch").mkdir(parents=True)
    with pytest.raises(SettingsError, match="'digits-v2-16'; did you mean 'digits-v2-16ch'"):
        find("digits-v2-16", tmp_path)
    with pytest.raises(SettingsError, match=r"called 'x'; kreproduce status lists"):
        find("x", tmp_path)
    with pytest.raises(DataError, match=r"holds no history\.csv"):
        find("digits-v2-16ch", tmp_path)


def history(tmp_path, content):
    path = tmp_path / "theirs.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "1,2.0,0.5,3.0,0.25,99\n2,1.0,0.75,1.5,0.5,98\n",
        HEADER.replace("\n", "\r\n") + "1,2.0,0.5,3.0,0.25,99\r\n\r\n2,1.0,0.75,1.5,0.5,98",
        b"\xef\xbb\xbf" + HEADER.encode() + b"1,2,.5,3,.25,\n2.0,1e0,0.75,1.5,0.5,x\n",
        "val_accuracy, val_loss ,note,epoch,accuracy,loss\n"
        '0.25,3,"a, b",1,0.5,2\n0.5,1.5,,2,0.75,1\n',
    ],
    ids=["plain", "of Windows", "byte order mark", "other order, spaces, other columns"],
)
def test_what_others_write_is_read(tmp_path, content):
    read_ = read(history(tmp_path, content))
    assert (read_.name, read_.epochs) == ("theirs", (1, 2))
    assert read_.values == {
        "loss": (2.0, 1.0),
        "accuracy": (0.5, 0.75),
        "val_loss": (3.0, 1.5),
        "val_accuracy": (0.25, 0.5),
    }


KERAS = {
    "as Keras 3 writes it": (
        "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\r\n"
        "0,0.6,0.001,1.7,0.5,0.75\r\n1,0.65,0.0015,1.5,0.5,0.7\r\n"
    ),
    "as Keras 2.2 did": "epoch,acc,loss,val_acc,val_loss\n0,.6,1.7,.5,.75\n1,.65,1.5,.5,.7\n",
    "of named metrics": (
        "epoch,sparse_categorical_accuracy,loss,val_sparse_categorical_accuracy,val_loss\n"
        "0,0.6,1.7,0.5,0.75\n1,0.65,1.5,0.5,0.7\n"
    ),
    "separated otherwise": (
        "epoch;accuracy;loss;val_accuracy;val_loss\n0;0.6;1.7;0.5;0.75\n1;0.65;1.5;0.5;0.7\n"
    ),
    "by tabs": (
        "epoch\taccuracy\tloss\tval_accuracy\tval_loss\n0\t.6\t1.7\t.5\t.75\n1\t.65\t1.5\t.5\t.7\n"
    ),
}


@pytest.mark.parametrize("content", KERAS.values(), ids=list(KERAS))
def test_a_log_of_keras_is_read(tmp_path, content):
    path = history(tmp_path, content)
    log = read(path)
    assert log.epochs == (1, 2)
    assert log.values == {
        "loss": (1.7, 1.5),
        "accuracy": (0.6, 0.65),
        "val_loss": (0.75, 0.7),
        "val_accuracy": (0.5, 0.5),
    }
    assert log.notes == (f"{path} counts its epochs from 0, as Keras does: here they count from 1",)
    comparison = compare(curves(loss=[1.5, 1.5]), log)
    assert text.lines(comparison)[-1] == log.notes[0]
    assert text.values(comparison)["notes"] == [*log.notes]


def test_a_log_of_keras_without_a_validation(tmp_path):
    """It has the columns all the same."""
    content = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,2,NA,NA\n1,0.5,1,NA,NA\n"
    log = read(history(tmp_path, content))
    assert log.values == {"loss": (2, 1), "accuracy": (0.5, 0.5)}
    assert len(log.notes) == 1


def test_a_log_of_keras_that_validates_every_second_epoch(tmp_path):
    content = "epoch,loss,val_loss\n0,4,NA\n1,3,3.5\n2,2,NA\n3,1,1.5\n"
    log = read(history(tmp_path, content))
    assert log.epochs == (2, 4)
    assert log.values == {"loss": (3, 1), "val_loss": (3.5, 1.5)}
    assert log.notes[1].endswith("lacks a metric in 2 of 4 epochs, which are left out")


def test_a_log_of_keras_that_ends_in_nan(tmp_path):
    log = read(history(tmp_path, "epoch,loss,val_loss\n0,4,5\n1,3,nan\n2,NaN,NAN\n"))
    assert log.epochs == (1,)
    assert log.notes[1].endswith("lacks a metric in 2 of 3 epochs, which are left out")


def test_a_log_that_begins_later_says_how_it_was_taken(tmp_path):
    path = history(tmp_path, "epoch,loss\n10,4\n11,3\n")
    log = read(path)
    assert log.epochs == (10, 11)
    assert log.notes == (f"{path} begins with epoch 10, taken as counted from 1",)


DAMAGED = {
    "empty": ("", "has the columns (none), and a history has epoch and some of loss, accuracy"),
    "no rows": (HEADER, "has no epoch yet"),
    "other columns": ("a,b\n1,2\n", "has the columns 'a', 'b', and a history has epoch"),
    "no metric": ("epoch,seconds\n1,2\n", "has the columns 'epoch', 'seconds'"),
    "many columns": (",".join(f"c{i}" for i in range(5000)) + "\n", "has the columns 'c0', "),
    "a column twice": ("epoch,loss,loss\n1,2,2\n", "has the column loss 2 times"),
    "nothing but nan": (HEADER + "1,nan,nan,nan,nan,9\n", "has no epoch in which all of its"),
    "infinite": (HEADER + "1,inf,0.5,1,0.5,9\n", "line 2: loss is 'inf'"),
    "text": (HEADER + "1,1,0.5,much,0.5,9\n", "line 2: val_loss is 'much'"),
    "no cell": (HEADER + "1,1,0.5,,0.5,9\n", "line 2: val_loss is ''"),
    "below 0": (HEADER + "1,-1,0.5,1,0.5,9\n", "line 2: loss is '-1'"),
    "percent": (HEADER + "1,1,50.5,1,0.5,9\n", "line 2: accuracy is '50.5', not a number betw"),
    "torn": (HEADER + "1,1,0.5,1,0.5,9\n2,1,0.", "line 3: it has 3 cells under 6 columns"),
    "not in order": ("epoch,loss\n2,1\n1,1\n", "epoch 1 stands after epoch 2"),
    "an epoch twice": ("epoch,loss\n1,1\n1,1\n", "epoch 1 stands after epoch 1"),
    "counted from -1": ("epoch,loss\n-1,1\n", "line 2: epoch is '-1', not a number between 0"),
    "two trainings of Keras": ("epoch,loss\n0,1\n1,1\n0,1\n", "epoch 0 stands after epoch 1; k"),
    "half an epoch": ("epoch,loss\n1.5,1\n", "line 2: epoch 1.5 is not a whole number"),
    "not text": (b"\x89PNG\r\n\x1a\n\x00\xff", "cannot be read: it is not text"),
    "zeros": (bytes(5000), "has the columns"),
    "one long cell": ("epoch,loss\n1," + "9" * 200_000, "line 2: it is not CSV"),
    "an open quote": ('epoch,loss\n"1,1\n2,1\n', "line 2: a quote is not closed on its line"),
    "an open quote in a note": (
        'epoch,loss,note\n1,1,\n2,1,"best\n3,1,\n',
        "line 3: a quote is not closed on its line; mend it",
    ),
    "an open quote that a later one closes": (
        'epoch,loss,note\n1,1,"a\n2,1,"\n3,1,\n',
        "line 2: a quote is not closed on its line",
    ),
    "an open quote among the names": ('epoch,"loss\n1,1\n', "line 1: a quote is not closed"),
    "two accuracies": (
        "epoch,acc,categorical_accuracy\n1,0,0\n",
        "has the columns acc and categorical_accuracy; leave one",
    ),
    "nothing measured": ("epoch,loss\n0,NA\n", "has no epoch in which all of its metrics"),
    "never all measured": ("epoch,loss,val_loss\n0,1,NA\n1,NA,1\n", "has no epoch in which all"),
    "huge": (b"1,2\n" * (5 * 2**20), "is too large for a history"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=list(DAMAGED))
def test_damaged_files_are_refused_with_the_place(tmp_path, content, message):
    path = history(tmp_path, content)
    with pytest.raises(DataError) as error:
        read(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < len(str(path)) + 250


@pytest.mark.skipif(not REFERENCES.is_dir(), reason="the authors' curves are not at hand")
def test_the_authors_curves():
    files = sorted(REFERENCES.glob("*.csv"))
    assert len(files) > 20
    for path in files:
        found = read(path)
        assert found.epochs == tuple(range(1, len(found.epochs) + 1))
        assert list(found.values) == list(METRICS)
        assert max(compare(found, found).distances().values()) == 0
    short, long = (read(REFERENCES / f"{name}-v2-32ch.csv") for name in ("JP30I02", "JP30I02j"))
    comparison = compare(short, long)
    assert (len(comparison.epochs), len(long.epochs)) == (50, 180)
    assert comparison.by_epoch()[0].gaps["loss"].gap == pytest.approx(2.3208 - 2.3337)
