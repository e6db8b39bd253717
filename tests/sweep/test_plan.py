"""What a sweep means, what is done of it, and how long the rest will take."""

import json
import os
import shutil
import socket
import sys
from itertools import pairwise

import pytest
from helpers.recorded import record_of, write

from kreproduce import paper
from kreproduce.errors import SettingsError, StateError
from kreproduce.experiment.settings import of_row, parse_overrides, resolve
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.folder import RunFolder
from kreproduce.sweep.estimate import Estimate, of_gpus, of_this_machine, total
from kreproduce.sweep.options import Placement
from kreproduce.sweep.plan import Job, plan, shard_of
from kreproduce.sweep.preview import longest_first, side_by_side, simulation_lines
from kreproduce.sweep.process import run_command
from kreproduce.sweep.targets import Target, find


def digits(**settings):
    return resolve({"dataset": "digits"}, settings)


def experiments(targets):
    return [(t, resolve({"dataset": t.source}, t.settings)) for t in targets]


def job(results, experiment):
    (planned,) = plan([(Target(None, "one.yaml", "one.yaml"), experiment)], results)
    return planned


def write_status(folder, state, epoch=0, pid=1, host=None):
    folder.path.mkdir(parents=True, exist_ok=True)
    if isinstance(epoch, int) and epoch > 0:
        folder.save(Checkpoint(epoch, 0, {}, {}))
    who = {"pid": pid, "host": host or socket.gethostname(), "time": "2026-01-01T00:00:00+00:00"}
    status = {"state": state, "epoch": epoch, "epochs": folder.experiment.epochs} | who
    (folder.path / "status.json").write_text(json.dumps(status))


def write_record(
    folder,
    seconds=2.0,
    finished="2026-01-01",
    host=None,
    device="a CPU",
    gpu=True,
    replicas=1,
    **other,
):
    write_status(folder, "finished", host=host)
    record = record_of(folder.experiment, devices=[device], gpu=gpu, replicas=replicas)
    record["seconds"]["median_epoch"] = seconds
    write(folder.path.parent.parent, record | {"finished": finished} | other)


# Targets


def test_a_table_is_its_rows_in_the_papers_order():
    assert [(t.table, t.label) for t in find(["5"])] == [(5, row.label) for row in paper.rows(5)]


def test_several_are_asked_for_at_once():
    tables = [t.table for t in find(["6", "a.yaml", "2"])]
    assert tables == [6] * 3 + [None] + [2] * 5


@pytest.mark.parametrize("row", [row for n in paper.TRAINED for row in paper.rows(n)], ids=str)
def test_a_target_is_the_row(row):
    (target,) = find([str(row.table)], [row.label])
    assert resolve({"dataset": target.source}, target.settings) == of_row(row)


@pytest.mark.parametrize(
    ("only", "labels"),
    [
        ("V2 4ch", ["V2 4ch", "V2 4ch no L", "V2 4ch ReLU"]),
        ("kEffNet-B0 V2 4ch", ["V2 4ch"]),
        ("keffnet-b0 v2 4CH", ["V2 4ch"]),
        ("4ch no", ["V2 4ch no L"]),
        ("2ch", []),
        ("baseline", ["EfficientNet-B0 baseline"]),
        ("32ch", ["V2 32ch", "V2 32ch no L", "V2 32ch ReLU"]),
    ],
)
def test_only(only, labels):
    if not labels:  # Table 5 has 32ch, of which 2ch is no part
        with pytest.raises(SettingsError, match="no row is called '2ch'"):
            find(["5"], [only])
        return
    assert [t.label.removeprefix("kEffNet-B0 ") for t in find(["5"], [only])] == labels


def test_only_twice_keeps_the_order_and_repeats_nothing():
    found = find(["5"], ["ReLU", "V2 4ch"])
    numbers = [row.label for row in paper.rows(5)]
    assert [t.label for t in found] == [numbers[i] for i in (1, 2, 3, 6, 9, 12)]


@pytest.mark.parametrize(
    ("only", "message"),
    [("v2 4hc", "did you mean 'V2 4ch'?"), ("", "known are"), ("  ", "known are")],
)
def test_a_row_that_is_not_there(only, message):
    with pytest.raises(SettingsError) as caught:
        find(["4"], [only])
    assert message in str(caught.value)


@pytest.mark.parametrize("asked", ["1", "3", "9", "0", "-5", "5.0", "All", "", "²", "9" * 5000])
def test_no_such_table(asked):
    with pytest.raises(SettingsError):
        find([asked])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a sweep is started, with folders of files."""
    monkeypatch.chdir(tmp_path)
    for path in ("mine/b.yaml", "mine/a.yml", "mine/c.txt", "mine/.hidden.yaml", "mine/in/d.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("dataset: digits\n")
    return tmp_path


@pytest.mark.parametrize("asked", ["mine", "mine/", "./mine"])
def test_a_folder_is_its_files_by_name(folder, asked):
    (folder / "mine" / "folder.yaml").mkdir()
    found = find([asked])
    assert [t.source for t in found] == [t.label for t in found] == ["mine/a.yml", "mine/b.yaml"]
    assert {t.table for t in found} == {None}
    assert [t.label for t in find(["mine"], ["b"])] == ["mine/b.yaml"]


def test_a_number_is_a_table_and_a_path_a_folder(folder):
    for name in ("5", "all"):
        (folder / "mine").rename(folder / name)
        assert {t.table for t in find([name])} == ({5} if name == "5" else set(paper.TRAINED))
        assert [t.label for t in find([f"./{name}"])] == [f"{name}/a.yml", f"{name}/b.yaml"]
        (folder / name).rename(folder / "mine")


def test_a_folder_may_be_called_as_a_file(folder):
    (folder / "mine").rename(folder / "mine.yaml")
    assert len(find(["mine.yaml"])) == 2


def test_a_file_of_a_folder_that_is_not_there_is_not_passed_over(folder):
    (folder / "mine" / "link.yaml").symlink_to("nowhere")
    assert [t.label for t in find(["mine"])][-1] == "mine/link.yaml"


@pytest.mark.parametrize("name", ["empty", "mine/in/.."])
def test_a_folder_without_files(folder, name):
    (folder / "empty").mkdir()
    for file in (folder / "mine").glob("[ab].*"):
        file.unlink()
    with pytest.raises(SettingsError, match=r" holds no settings files that end in \.yaml"):
        find([name])


# Jobs


def test_each_training_is_planned_once(tmp_path):
    jobs = plan(experiments(find(["all"])), tmp_path)
    assert len(jobs) == 31
    assert len({job.name for job in jobs}) == 31
    assert sum(len(job.targets) for job in jobs) == 41
    long = next(job for job in jobs if job.name.startswith("cifar10-v2-32ch-180"))
    assert [(t.table, "Flip" in t.label) for t in long.targets] == [(6, False), (6, True)]
    assert list(tmp_path.iterdir()) == []


def test_the_same_twice_is_one_target(tmp_path):
    (job,) = plan(experiments(find(["6", "6"], ["kEffNet-B0 V2 32ch"])), tmp_path)
    assert len(job.targets) == 1


def test_seeds_are_trainings_of_their_own(tmp_path):
    target = Target(None, "a.yaml", "a.yaml")
    jobs = plan([(target, digits(seed=seed)) for seed in (1, 2, 2)], tmp_path)
    assert [job.experiment.seed for job in jobs] == [1, 2]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("failed", "failed"), ("interrupted", "interrupted"), ("running", "crashed")],
)
def test_states_without_a_record(tmp_path, state, expected):
    planned = job(tmp_path, digits())
    assert (planned.state, planned.is_open) == ("missing", True)
    write_status(planned.folder, state, pid=2**22 + 1)  # no process has such a number
    assert (planned.state, planned.is_open) == (expected, True)


def test_a_record_is_done(tmp_path):
    planned = job(tmp_path, digits(limit=20))  # partial, and yet what was asked for
    write_record(planned.folder)
    assert (planned.state, planned.is_open) == ("done", False)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"identity": "00000000"}', "\udcff"])
def test_a_record_of_something_else_is_not_done(tmp_path, content):
    planned = job(tmp_path, digits())
    planned.folder.path.mkdir(parents=True)
    data = content.encode("utf-8", "surrogateescape")
    (planned.folder.path / "record.json").write_bytes(data)
    assert (planned.state, planned.is_open) == ("damaged", False)
    assert planned.fault.startswith("damaged: ")
    assert planned.fault.endswith("restore it from a copy, or start from scratch with --force")


def test_a_run_whose_checkpoints_are_lost_is_not_begun_again(tmp_path):
    """Each time its process could only refuse to go on."""
    planned = job(tmp_path, digits())
    write_status(planned.folder, "failed", 3)
    assert (planned.state, planned.is_open, planned.fault) == ("failed", True, None)
    shutil.rmtree(planned.folder.path / "checkpoints")
    assert (planned.state, planned.is_open) == ("damaged", False)
    with pytest.raises(StateError, match="no whole checkpoint is left to go on from"):
        planned.folder.checkpoint(print)


def test_a_folder_of_something_else_is_not_begun(tmp_path):
    planned = job(tmp_path, digits())
    planned.folder.path.mkdir(parents=True)
    assert (planned.state, planned.is_open) == ("missing", True)
    (planned.folder.path / "thesis.tex").touch()
    assert (planned.state, planned.is_open) == ("foreign", False)
    assert planned.fault == "foreign: a folder, and not of a run; move it away"


@pytest.mark.parametrize(
    ("record", "way_out"),
    [
        ('{"record_version": 2}', "use the version of kreproduce that wrote it"),
        ("{", "restore it from a copy, or start from scratch with --force"),
    ],
)
def test_nothing_advises_to_discard_what_may_be_whole(tmp_path, record, way_out):
    planned = job(tmp_path, digits())
    planned.folder.path.mkdir(parents=True)
    (planned.folder.path / "record.json").write_text(record)
    assert planned.fault.endswith(f"; {way_out}")
    with pytest.raises(StateError, match=f"; {way_out}$"):
        planned.folder.record()


@pytest.mark.parametrize("text", ["[" * 50_000, "[]", "{", '{"state": ["running"]}', "3"])
def test_a_damaged_status_says_nothing(tmp_path, text):
    planned = job(tmp_path, digits())
    planned.folder.path.mkdir(parents=True)
    (planned.folder.path / "status.json").write_text(text)
    assert (planned.state, planned.is_open, planned.epochs_done) == ("crashed", True, 0)


def test_a_status_that_is_a_pipe_keeps_nobody_waiting(tmp_path):
    planned = job(tmp_path, digits())
    planned.folder.path.mkdir(parents=True)
    os.mkfifo(planned.folder.path / "status.json")
    assert planned.state == "crashed"


def test_a_run_under_way_is_left_alone(tmp_path):
    planned = job(tmp_path, digits())
    at_it = RunFolder(tmp_path, digits())
    at_it.claim()
    write_status(planned.folder, "running")
    assert (planned.state, planned.is_open) == ("running", False)
    at_it.close()
    assert (planned.state, planned.is_open) == ("crashed", True)


@pytest.mark.parametrize(
    ("state", "epoch", "done"),
    [
        ("interrupted", 7, 7),
        ("running", 7, 7),  # crashed
        ("failed", 7, 7),
        ("finished", 7, 7),  # its record was lost, and its checkpoint was not
        ("interrupted", 13, 12),  # of the 12 there are
        ("interrupted", -1, 0),
        ("interrupted", "7", 0),
    ],
)
def test_the_epochs_that_an_unfinished_run_has_behind_it(tmp_path, state, epoch, done):
    planned = job(tmp_path, digits())
    assert planned.epochs_done == 0
    write_status(planned.folder, state, epoch)
    assert planned.epochs_done == done


# Shards


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("of", [1, 2, 3, 7, 31, 32, 100])
def test_shards_are_disjoint_and_cover_the_plan(tmp_path, seeds, of):
    wanted = [
        (target, resolve({"dataset": target.source, "seed": seed}, target.settings))
        for seed in seeds
        for target in find(["all"])
    ]
    jobs = plan(wanted, tmp_path)
    shards = [[job.name for job in shard_of(jobs, part, of)] for part in range(1, of + 1)]
    together = [name for names in shards for name in names]
    assert len(together) == len(set(together)) == 31 * len(seeds)
    assert set(together) == {job.name for job in jobs}
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_shard_is_the_same_whatever_is_done(tmp_path):
    wanted = experiments(find(["5"]))
    before = [job.name for job in shard_of(plan(wanted, tmp_path), 2, 3)]
    jobs = plan(wanted, tmp_path)
    write_record(jobs[0].folder)
    write_status(jobs[1].folder, "interrupted", 3)
    write_status(jobs[4].folder, "failed", 3)
    after = shard_of(plan(wanted, tmp_path), 2, 3)
    assert [job.name for job in after] == before
    assert {job.state for job in after} == {"missing", "interrupted", "failed"}


# Time


def test_this_machines_last_record_of_the_same_network_tells_the_time(tmp_path):
    write_record(job(tmp_path, digits(seed=1)).folder, 3.0, "2026-01-02", device="new")
    write_record(job(tmp_path, digits(seed=2)).folder, 9.0, "2026-01-01", device="old")
    write_record(job(tmp_path, digits(seed=3)).folder, 1.0, "2026-01-03", host="elsewhere")
    write_record(job(tmp_path, digits(seed=4, ch=4)).folder, 5.0, "2026-01-04")
    write_record(job(tmp_path, digits(seed=5, limit=20)).folder, 0.1, "2026-01-05")
    estimates = of_this_machine(tmp_path)
    expected = Estimate(60.0, "this machine's records, new")
    assert estimates.of(digits(seed=9, epochs=20)) == expected
    assert estimates.of(digits(ch=8)) is None
    assert estimates.of(digits(limit=20, epochs=10)).seconds == pytest.approx(1.0)


def test_records_come_before_the_authors(tmp_path):
    row = next(row for row in paper.rows(6) if row.label.endswith("V2 32ch"))
    experiment = of_row(row)
    theirs = of_this_machine(tmp_path).of(experiment)
    assert theirs == Estimate(180 * 115.0, "the authors' runs, Tesla V100 16 GB")
    short = experiment.model_copy(update={"epochs": 3, "cycle": 25, "batch_size": 64})
    write_record(job(tmp_path, short).folder, 10.0)
    assert of_this_machine(tmp_path).of(experiment).seconds == 1800.0


def test_a_record_of_another_version_tells_nothing(tmp_path):
    write_record(job(tmp_path, digits()).folder, record_version=0)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "record.json").write_text("{")
    assert of_this_machine(tmp_path).of(digits()) is None


def test_the_authors_tell_nothing_of_runs_that_are_not_theirs(tmp_path):
    estimates = of_this_machine(tmp_path)
    published = of_row(paper.rows(2)[-1])
    assert estimates.of(published).seconds == 50 * 169.0
    assert estimates.of(published.model_copy(update={"limit": 100})) is None
    assert estimates.of(published.model_copy(update={"batch_size": 32})) is None


def test_without_l_and_with_relu_the_run_with_l_and_swish_is_a_guess(tmp_path):
    estimates = of_this_machine(tmp_path)
    guessed = [row for row in paper.rows(5) if not row.layer_l or row.activation == "relu"]
    assert len(guessed) == 8
    for row in guessed:
        whole = next(
            other
            for other in paper.rows(5)
            if (other.ch, other.layer_l, other.activation) == (row.ch, True, "swish")
        )
        guess, exact = estimates.of(of_row(row)), estimates.of(of_row(whole))
        assert guess.seconds == exact.seconds
        assert "(a guess)" in guess.source
        assert "(a guess)" not in exact.source


def test_what_is_done_takes_no_time(tmp_path):
    write_record(job(tmp_path, digits(seed=1)).folder, 3.0)
    estimates = of_this_machine(tmp_path)
    assert estimates.of(digits(epochs=20), done=5).seconds == 45.0
    assert estimates.of(digits(epochs=20), done=20).seconds == 0.0


def test_the_time_on_gpus_is_that_of_records_with_one_gpu_wherever_they_were_made(tmp_path):
    there = {"host": "elsewhere", "finished": "2026-01-02"}
    write_record(job(tmp_path, digits(ch=4)).folder, 3.0, device="H200", **there)
    write_record(job(tmp_path, digits(ch=8)).folder, 5.0, gpu=False, **there)
    write_record(job(tmp_path, digits(ch=16)).folder, 7.0, replicas=2, **there)
    estimates = of_gpus(tmp_path)
    assert estimates.of(digits(ch=4, epochs=2)) == Estimate(6.0, "records, H200")
    assert estimates.of(digits(ch=8)) is None
    assert estimates.of(digits(ch=16)) is None


def test_the_sums_name_each_source(tmp_path):
    one, other = Estimate(2.0, "here"), Estimate(3.0, "there")
    sums = total([one, other, None, one])
    assert sums == {"here": (2, 4.0), "there": (1, 3.0), "": (1, 0.0)}


def test_several_at_a_time_begin_with_the_longest(tmp_path):
    jobs = plan(experiments(find(["6", "5"], ["baseline", "V2 32ch"])), tmp_path)
    jobs += [job(tmp_path, digits())]  # of an unknown time
    epochs = {j.name: (j.experiment.epochs, j.experiment.model_name) for j in jobs}
    ordered = [epochs[j.name] for j in longest_first(jobs, of_this_machine(tmp_path))]
    assert ordered == [
        (180, "baseline"),
        (180, "v2-32ch"),
        (50, "baseline"),
        (50, "v2-32ch"),
        (50, "v2-32ch-nol"),
        (50, "v2-32ch-relu"),
        (12, "v2-16ch"),
    ]
    write_status(jobs[0].folder, "interrupted", 179)
    ordered = [epochs[j.name] for j in longest_first(jobs, of_this_machine(tmp_path))]
    assert ordered[-2] == (180, "baseline")


def test_several_at_a_time_do_a_seed_before_the_next(tmp_path):
    """In the order asked for, and within each the longest first."""
    wanted = [
        (target, resolve({"dataset": target.source, "seed": seed}, target.settings))
        for seed in (3, 1)
        for target in find(["6", "5"], ["V2 32ch"])
    ]
    ordered = longest_first(plan(wanted, tmp_path), of_this_machine(tmp_path))
    assert [(j.experiment.seed, j.experiment.epochs) for j in ordered] == [
        *((3, 180), (3, 50), (3, 50), (3, 50)),
        *((1, 180), (1, 50), (1, 50), (1, 50)),
    ]


def test_the_time_of_several_at_a_time_is_that_of_the_order_in_which_they_start(tmp_path):
    """An hour and an hour, then the next seed's three; without seeds that is 3 | 1 1."""
    for ch, seconds in ((4, 3 * 3600.0), (8, 3600.0), (16, 3600.0)):
        write_record(job(tmp_path, digits(ch=ch, epochs=1, seed=9)).folder, seconds)
    few = [digits(ch=ch, epochs=1, seed=1) for ch in (8, 16)]
    jobs = [job(tmp_path, e) for e in (*few, digits(ch=4, epochs=1, seed=2))]
    estimates = of_this_machine(tmp_path)
    assert side_by_side(jobs, estimates, 2) == ": 4 h 0 min, if none slows another"
    assert simulation_lines(jobs, estimates, [2])[0].endswith(
        "one seed after the other, the longest first:"
    )
    unknown = job(tmp_path, digits(ch=32))
    assert (
        side_by_side([*jobs, unknown], estimates, 2)
        == ": at least 4 h 0 min, if none slows another"
    )
    assert side_by_side([unknown], estimates, 2) == ""
    write_status(jobs[2].folder, "interrupted", 1)
    assert side_by_side(jobs, estimates, 2) == ": 1 h 0 min, if none slows another"


# What a child is told


@pytest.mark.parametrize(
    "experiment",
    [
        digits(),
        digits(limit=20, seed=7, bn_momentum=0.1),
        resolve({"dataset": "digits", "data_name": "null", "augmentation.zoom": 1e-7}),
        *(of_row(row) for row in (*paper.rows(5)[:4], paper.rows(6)[2], paper.rows(8)[1])),
    ],
    ids=lambda experiment: experiment.run_name,
)
def test_a_child_is_told_exactly_the_experiment(tmp_path, experiment):
    command = run_command(tmp_path, tmp_path / "data")(job(tmp_path, experiment))
    assert command[:6] == [sys.executable, "-P", "-m", "kreproduce", "run", experiment.dataset]
    pairs = [value for flag, value in pairwise(command) if flag == "--set"]
    assert resolve({"dataset": command[5]}, parse_overrides(pairs)) == experiment
    assert command[-4:] == ["--results", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    assert "--data-dir" not in run_command(tmp_path, None)(job(tmp_path, experiment))
    assert "--devices" not in run_command(tmp_path, None)(job(tmp_path, experiment))
    with Placement(devices="cpu").open(tmp_path, None, print) as machine:
        assert machine._command(job(tmp_path, experiment))[-2:] == ["--devices", "cpu"]


def test_a_job_knows_its_name(tmp_path):
    planned = job(tmp_path, digits())
    assert isinstance(planned, Job)
    assert planned.name == planned.folder.path.name == digits().run_name
