"""What reaches a row of the paper, and what never does."""

import pytest
from helpers.recorded import experiment_of, record_of, write

from kreproduce import paper
from kreproduce.experiment.settings import resolve
from kreproduce.runs import records
from kreproduce.tables import table
from kreproduce.tables.measured import Measured, measured, wilson

BASELINE, PLAIN, FLIP = paper.rows(6)


@pytest.fixture
def found(tmp_path):
    """Writes records, and reads all that were written."""

    def write_and_read(*made):
        for record in made:
            write(tmp_path, record)
        return records.read(tmp_path).records

    return write_and_read


def test_mean_deviation_and_n_over_seeds(found):
    accuracies = {1: 0.94, 2: 0.945, 3: 0.956}
    runs = found(*(record_of(experiment_of(PLAIN, seed=s), a) for s, a in accuracies.items()))
    cell = measured(PLAIN, runs)
    assert (cell.mean, cell.sd, cell.n) == (94.7, 0.8185, 3)
    low, high = wilson(0.947, 10_000)
    assert (cell.low, cell.high) == (round(100 * low, 4), round(100 * high, 4))
    assert cell.conditions == "seeds 1, 2, 3: NVIDIA H200, tensorflow, float32"


def test_a_run_on_the_held_out_images_is_of_no_row(found):
    rows = [(row, experiment_of(row)) for table in (2, 4, 5, 6) for row in paper.rows(table)]
    held_out = {"dataset": "cifar10-heldout", "data_name": "held-out"}
    alike = [resolve(experiment.model_dump(), held_out) for _, experiment in rows]
    runs = found(*{e.run_name: record_of(e) for e in alike}.values())
    assert len(runs) == 18
    for row, _ in rows:
        assert measured(row, runs) == measured(row, runs, data="held-out") == "not run"


def test_one_run_has_no_deviation(found):
    cell = measured(PLAIN, found(record_of(experiment_of(PLAIN), 0.9445)))
    assert (cell.mean, cell.sd, cell.n) == (94.45, None, 1)


def test_the_flip_row_looks_at_the_flip_view_of_the_same_run(found):
    runs = found(record_of(experiment_of(PLAIN), plain=0.94, hflip=0.95))
    assert measured(PLAIN, runs).mean == 94
    assert measured(FLIP, runs).mean == 95
    flipped = found(record_of(experiment_of(FLIP, seed=2), plain=0.90, hflip=0.97))
    assert measured(PLAIN, flipped).mean == 92
    assert measured(FLIP, flipped).mean == 96


def test_conditions_may_differ_and_are_footnoted(found):
    gpus = {"devices": ["A_100", "A_100"], "replicas": 2, "backend": "jax"}
    cell = measured(
        PLAIN,
        found(
            record_of(experiment_of(PLAIN, seed=2), 0.94, **gpus),
            record_of(experiment_of(PLAIN, seed=1), 0.95),
            later(record_of(experiment_of(PLAIN, seed=1, precision="mixed_float16"), 0.96)),
        ),
    )
    assert (cell.n, cell.mean) == (2, 94.5)  # of two runs of a seed, the first
    assert cell.conditions == (
        "seed 2: 2 × A_100, jax, float32, 2 replicas; seed 1: NVIDIA H200, tensorflow, float32; "
        "not counted: 1 more of the same seeds"
    )


def later(record):
    return record | {"finished": "2026-01-03T00:00:00+00:00"}


def test_other_images_under_one_name_are_not_averaged(found):
    one, two = (record_of(experiment_of(PLAIN, seed=seed)) for seed in (1, 2))
    two["data"]["fingerprint"] = "0" * 64
    assert measured(PLAIN, found(one, two)) == "the runs saw different images under this name"


def test_nothing_is_run():
    assert measured(PLAIN, []) == "not run"


def test_a_partial_run_reaches_no_row(found):
    runs = found(record_of(experiment_of(PLAIN, limit=500)))
    assert len(runs) == 1
    assert measured(PLAIN, runs) == "only partial runs, which took some of the images"
    foreign = record_of(experiment_of(PLAIN, limit=5, data_name="mine"), original=False)
    assert measured(PLAIN, found(foreign), "mine").startswith("only partial runs")


def test_a_failed_run_reaches_no_row(tmp_path):
    path = write(tmp_path, record_of(experiment_of(PLAIN)))
    (path / "record.json").unlink()
    (path / "status.json").write_text('{"state": "failed"}')
    assert measured(PLAIN, records.read(tmp_path).records) == "not run"


def test_foreign_data_reach_no_row(found):
    jpeg = experiment_of(PLAIN, data_name="cifar10-jpeg75")
    runs = found(record_of(jpeg, 0.90, original=False))
    assert measured(PLAIN, runs) == "run only on other images: cifar10-jpeg75"
    assert measured(PLAIN, runs, "cifar10-jpeg75").mean == 90
    assert measured(PLAIN, runs, "cifar10-jpeg7") == "run only on other images: cifar10-jpeg75"
    both = found(record_of(experiment_of(PLAIN), 0.94))
    assert (measured(PLAIN, both).mean, measured(PLAIN, both).n) == (94, 1)
    assert measured(PLAIN, both, "cifar10-jpeg75").n == 1


def test_foreign_data_under_the_name_of_the_paper_reach_no_row(found):
    assert found(record_of(experiment_of(PLAIN), original=False)) == ()


@pytest.mark.parametrize("changes", [{"test": 9}, {"not_original_because": "a folder"}], ids=str)
def test_images_that_only_call_themselves_original_reach_no_row(found, changes):
    record = record_of(experiment_of(PLAIN))
    record["data"] |= changes
    assert found(record) == ()


def test_the_original_data_under_another_name_reach_no_row(found):
    runs = found(record_of(experiment_of(PLAIN, data_name="cifar10-again"), original=True))
    assert measured(PLAIN, runs) == "run only on other images: cifar10-again"


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 150, "cycle": 30},
        {"cycle": 25},
        {"batch_size": 128},
        {"ch": 16},
        {"activation": "relu"},
        {"layer_l": False},
        {"interleaving": "paper"},
        {"padding": "counted"},
        {"bn_momentum": 0.9},
        {"input_size": 64},
        {"skip_strides": 2},
        {"size": "B1"},
        {"validation": "plain"},
        {"resize": "opencv"},
        {"augmentation.rotation": 19.0},
        {"augmentation.vertical_flip": True},
        {"classes": 11},
    ],
    ids=str,
)
def test_changed_settings_reach_no_row(found, settings):
    runs = found(record_of(experiment_of(PLAIN, **settings)))
    assert len(runs) == 1
    assert measured(PLAIN, runs) == "not run"


def test_forged_settings_reach_no_row(found):
    forged = record_of(experiment_of(PLAIN, epochs=1, cycle=30))
    forged["settings"]["epochs"] = 180
    assert found(forged) == ()


def test_a_row_of_another_dataset_is_not_reached(found):
    runs = found(record_of(experiment_of(paper.rows(7)[1])))
    assert isinstance(measured(paper.rows(7)[1], runs), Measured)
    rows = [row for number in paper.TRAINED for row in paper.rows(number)]
    assert sum(isinstance(measured(row, runs), Measured) for row in rows) == 1


def test_a_row_of_several_tables_is_measured_in_all(tmp_path):
    write(tmp_path, record_of(experiment_of(paper.rows(2)[-1]), 0.9367, 0.9401))
    shown = {number: table(number, results=tmp_path)["measured_n"].tolist() for number in (2, 4, 5)}
    assert shown[2] == [0, 0, 0, 0, 1]
    assert shown[4] == [0, 0, 0, 0, 0, 1, 1]
    assert shown[5] == [0] * 10 + [1, 0, 0]


def test_wilsons_interval_stays_between_0_and_1():
    assert wilson(1.0, 10)[1] == 1
    assert wilson(0.0, 10)[0] == 0
    # R's binom package: binom.confint(84, 100, methods = "wilson")
    assert [round(bound, 4) for bound in wilson(0.84, 100)] == [0.7558, 0.8990]


def test_a_run_under_several_conditions_is_shown_as_such(found):
    record = record_of(experiment_of(PLAIN))
    before = record["sessions"][0]
    conditions = before["conditions"] | {"devices": ["a CPU"], "gpu": False}
    record["sessions"] = [before | {"conditions": conditions}, before]
    cell = measured(PLAIN, found(record))
    assert cell.conditions == ("seed 1: NVIDIA H200, tensorflow, float32, and before under others")
