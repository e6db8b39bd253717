"""Stub processes that fail, are killed, hang and succeed, and what the runner makes of them."""

import io
import json
import os
import signal
import sys
import textwrap
import threading
import time

import pytest
from helpers.recorded import record_of, write
from rich.console import Console

from kreproduce.errors import StorageError
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.sweep.display import Display
from kreproduce.sweep.local import ThisMachine
from kreproduce.sweep.plan import plan
from kreproduce.sweep.process import RunProcess
from kreproduce.sweep.runner import Runner
from kreproduce.sweep.targets import Target
from kreproduce.system.interruption import REQUESTS, Interrupted

# What a stub can do, besides the state of its run's folder (`path`, `identity`).
DOES = {
    "succeed": "record()",
    "fail": "print('words'); print('kreproduce: no room', file=sys.stderr); sys.exit(5)",
    "crash": "raise ValueError('odd')",
    "vanish": "pass",
    "leave it": "sys.exit(6)",
    "be told to stop": "sys.exit(143)",
    "die": "os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "os.kill(os.getpid(), signal.SIGABRT)",
    "environment": "print(json.dumps(dict(os.environ))); record()",
    "cores": "say_cores(); record()",
    "cores, all at once": (
        "say_cores(); open(identity, 'w'); "
        "wait(lambda: len(os.listdir('.')) == int(os.environ['ALL'])); record()"
    ),
    "cores, until the last is there": "say_cores(); wait(lambda: os.path.exists('last')); record()",
    "cores, the last": "say_cores(); open('last', 'w'); record()",
    "until the last is there": "wait(lambda: os.path.exists('last')); record()",
    "environment, the last": "print(json.dumps(dict(os.environ))); open('last', 'w'); record()",
    "fail, seen": "open('failing', 'w'); sys.exit(5)",
    "until one fails": "wait(lambda: os.path.exists('failing')); time.sleep(1); record()",
    "niceness": "print(os.nice(0)); record()",
    "one at a time": "other('running'); time.sleep(0.3); os.remove('running'); record()",
    "together": "open(identity, 'w'); wait(lambda: len(os.listdir('.')) >= 2); record()",
    "environment, all at once": (
        "print(json.dumps(dict(os.environ))); open(identity, 'w'); "
        "wait(lambda: len(os.listdir('.')) == int(os.environ['ALL'])); record()"
    ),
    "hang": "status('running', 3); time.sleep(60)",
    "ignore": "signal.signal(15, signal.SIG_IGN); status('running', 3); time.sleep(60)",
}
STUB = """
import json, os, shutil, signal, sys, time
from pathlib import Path
path, identity, whole, cwd = Path(sys.argv[1]), *sys.argv[2:]
os.makedirs(cwd, exist_ok=True)
os.chdir(cwd)
path.mkdir(parents=True, exist_ok=True)
def status(state, epoch):
    text = json.dumps(
        {"state": state, "epoch": epoch, "pid": os.getpid(), "epochs": 50, "time": "now"}
    )
    (path / "status.tmp").write_text(text)
    (path / "status.tmp").replace(path / "status.json")
def record():
    shutil.copytree(whole, path, dirs_exist_ok=True)
def say_cores():
    print(json.dumps(sorted(os.sched_getaffinity(0))))
def other(name):
    open(name, "x").close()
def wait(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
"""


class Recorder(Display):
    """A display that also keeps what it was told."""

    def __init__(self):
        super().__init__(Console(file=io.StringIO(), soft_wrap=True))
        self.alive, self.most, self.runs = 0, 0, []

    @property
    def text(self):
        return self.console.file.getvalue()

    def started(self, run):
        self.runs.append(run)
        self.alive += 1
        self.most = max(self.most, self.alive)
        super().started(run)

    def ended(self, run, failure):
        self.alive -= 1
        super().ended(run, failure)


@pytest.fixture
def sweep(tmp_path):
    """A runner of stubs that do one of DOES each; seeds count from 1."""

    def make(*does, at_a_time=1, gpus=(), cores=(), **options):
        target = Target(None, "a.yaml", "a.yaml")
        seeds = range(1, len(does) + 1)
        wanted = [(target, resolve({"dataset": "digits", "seed": seed})) for seed in seeds]

        def command(job):
            # A jump: the stub's name of what it does is looked up when it is started.
            script = STUB + textwrap.dedent(DOES[does[job.experiment.seed - 1]])
            whole = write(tmp_path / "whole", record_of(job.experiment))
            extra = [job.folder.path, job.experiment.identity, whole, tmp_path / "cwd"]
            return [sys.executable, "-c", script, *map(str, extra)]

        jobs = plan(wanted, tmp_path)
        machine = ThisMachine(command, tmp_path / "logs", at_a_time, gpus, cores)
        return Runner(jobs, machine, Recorder(), **options)

    return make


def failed(runner):
    return {failure.job.experiment.seed: failure.why for failure in runner.failures}


def test_goes_on_past_failures_and_says_why(sweep):
    runner = sweep("fail", "crash", "succeed", "die", "abort", "vanish", "be told to stop")
    runner.run()
    assert failed(runner) == {
        1: "exit code 5: no room",
        2: "exit code 1: ValueError: odd",
        4: "killed by SIGKILL, as by a machine that is out of memory",
        5: "killed by SIGABRT",
        6: "ended without a record",
        7: "told to stop by SIGTERM, not by this sweep",
    }
    assert not runner.waiting
    assert runner.display.most == 1
    log = runner.failures[0].log
    assert log.name == f"{runner.failures[0].job.name}.log"
    assert log.read_text().splitlines()[-2:] == ["words", "kreproduce: no room"]


def test_a_run_that_another_process_is_at_is_left_to_it(sweep):
    """It was free when it was looked at, and taken when the run wanted it."""
    runner = sweep("leave it", "succeed")
    job = runner.waiting[0]
    at_it = RunFolder(job.folder.path.parents[1], job.experiment)
    launch = runner.executor.launch

    def late(asked):
        if asked is job:
            at_it.claim()
        return launch(asked)

    runner.executor.launch = late
    runner.run()
    assert failed(runner) == {}
    assert f"{job.name}: running (after" in runner.display.text
    at_it.close()


def test_a_run_that_ends_as_if_locked_and_is_not_has_failed(sweep):
    """As when another process was preparing its images."""
    runner = sweep("leave it", "succeed")
    runner.run()
    assert failed(runner) == {1: "exit code 6"}


def test_the_view_names_every_end(sweep):
    runner = sweep("fail", "succeed")
    runner.run()
    one, two = (run.job.name for run in runner.display.runs)
    assert f"{one}: failed, exit code 5: no room (after " in runner.display.text
    assert f"{two}: done (after " in runner.display.text


def test_fail_fast_starts_no_more(sweep):
    runner = sweep("succeed", "fail", "succeed", "succeed", fail_fast=True)
    runner.run()
    assert list(failed(runner)) == [2]
    assert [job.experiment.seed for job in runner.waiting] == [3, 4]


def test_fail_fast_finishes_what_is_under_way(sweep):
    runner = sweep("fail, seen", "until one fails", "succeed", at_a_time=2, fail_fast=True)
    runner.run()
    assert list(failed(runner)) == [1]
    assert [job.experiment.seed for job in runner.waiting] == [3]
    assert runner.display.runs[1].job.state == "done"


def test_one_at_a_time(sweep):
    runner = sweep("one at a time", "one at a time")
    runner.run()
    assert failed(runner) == {}


def test_two_at_a_time(sweep):
    runner = sweep("together", "together", "succeed", "succeed", at_a_time=2)
    runner.run()
    assert failed(runner) == {}
    assert runner.display.most == 2


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_runs_share_a_gpu_only_when_there_are_several(sweep, monkeypatch, at_a_time):
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    runner = sweep("environment", at_a_time=at_a_time)
    runner.run()
    log = runner.display.runs[0].log
    environment = json.loads(log.read_text().splitlines()[-1])
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert (shared.items() <= environment.items()) == (at_a_time > 1)
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("gpus", "at_a_time", "seen", "shared"),
    [
        (["a", "b"], 2, ["a", "b"], False),
        (["a", "b"], 4, ["a", "a", "b", "b"], True),
        (["a", "b", "c"], 2, ["a", "b"], False),
        ([], 2, ["as it was"] * 2, True),
        (["a", "b"], 1, ["as it was"], False),
    ],
)
def test_each_child_has_a_gpu_of_its_own(sweep, monkeypatch, gpus, at_a_time, seen, shared):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "as it was")
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setenv("ALL", str(at_a_time))
    runner = sweep(*["environment, all at once"] * at_a_time, at_a_time=at_a_time, gpus=gpus)
    runner.run()
    logs = [run.log.read_text().splitlines()[-1] for run in runner.display.runs]
    environments = [json.loads(log) for log in logs]
    assert sorted(environment["CUDA_VISIBLE_DEVICES"] for environment in environments) == seen
    assert [("TF_FORCE_GPU_ALLOW_GROWTH" in e) for e in environments] == [shared] * at_a_time
    assert ("started on GPU a, its output" in runner.display.text) == (seen[0] == "a")


def test_a_gpu_that_is_free_again_is_the_next(sweep):
    """Not the one whose turn it would be: there the first run is still under way."""
    does = "until the last is there", "succeed", "environment, the last"
    runner = sweep(*does, at_a_time=2, gpus=["a", "b"])
    runner.run()
    assert failed(runner) == {}
    last = runner.display.runs[2]
    assert json.loads(last.log.read_text().splitlines()[-1])["CUDA_VISIBLE_DEVICES"] == "b"


@pytest.fixture
def two_cores():
    """Two that this process may use."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores, on Linux")
    return sorted(os.sched_getaffinity(0))[:2]


def last_words(runner):
    return [json.loads(run.log.read_text().splitlines()[-1]) for run in runner.display.runs]


def test_each_child_has_cores_of_its_own(sweep, two_cores, monkeypatch):
    monkeypatch.setenv("ALL", "2")
    before, (a, b) = os.sched_getaffinity(0), two_cores
    runner = sweep(*["cores, all at once"] * 2, at_a_time=2, cores=[(a,), (b,)])
    runner.run()
    assert failed(runner) == {}
    assert last_words(runner) == [[a], [b]]
    assert [run.start for run in runner.display.runs] == [
        f"started on core {a}",
        f"started on core {b}",
    ]
    assert f"started on core {b}, its output in " in runner.display.text
    assert os.sched_getaffinity(0) == before


def test_more_children_than_cores_share_them_evenly(sweep, two_cores, monkeypatch):
    monkeypatch.setenv("ALL", "4")
    a, b = two_cores
    runner = sweep(*["cores, all at once"] * 4, at_a_time=4, cores=[(a,), (b,)])
    runner.run()
    assert sorted(last_words(runner)) == [[a], [a], [b], [b]]


def test_cores_that_are_free_again_are_the_next(sweep, two_cores):
    """Not those whose turn it would be: there the first run is still under way."""
    a, b = two_cores
    waits = "cores, until the last is there"
    runner = sweep(waits, "cores", "cores", "cores, the last", at_a_time=2, cores=[(a,), (b,)])
    runner.run()
    assert failed(runner) == {}
    assert last_words(runner) == [[a], [b], [b], [b]]


@pytest.mark.parametrize(
    ("at_a_time", "gpus"), [(1, ()), (1, ["a"]), (2, ["a"])], ids=["alone", "a GPU", "shared GPU"]
)
def test_a_child_alone_or_with_a_gpu_has_all_cores(sweep, two_cores, at_a_time, gpus):
    cores = [(core,) for core in two_cores]
    runner = sweep("cores", "cores", at_a_time=at_a_time, gpus=gpus, cores=cores)
    runner.run()
    assert last_words(runner) == [sorted(os.sched_getaffinity(0))] * 2
    assert "core" not in runner.display.text


def test_children_are_as_nice_as_the_sweep(sweep):
    runner, seen = sweep("niceness"), []

    def nicely():  # on Linux a thread has a niceness of its own
        seen.append(os.nice(3))
        runner.run()

    thread = threading.Thread(target=nicely)
    thread.start()
    thread.join()
    assert last_words(runner) == seen


def test_the_users_own_environment_is_kept(sweep, monkeypatch):
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    runner = sweep("environment", at_a_time=2)
    runner.run()
    environment = json.loads(runner.display.runs[0].log.read_text().splitlines()[-1])
    assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"


def test_what_another_sweep_has_done_meanwhile_is_left_alone(sweep):
    runner = sweep("crash", "succeed")
    job = runner.waiting[0]
    write(job.folder.path.parent.parent, record_of(job.experiment))
    runner.run()
    assert failed(runner) == {}
    assert "done meanwhile" in runner.display.text
    assert len(runner.display.runs) == 1


def test_children_of_a_sweep_in_the_background_can_be_interrupted(sweep):
    """Where SIGINT is ignored, as behind `&` in a script, runs would inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        runner = sweep("hang", patience=30)
        when_hanging(runner, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
        started = time.monotonic()
        with pytest.raises(Interrupted):
            runner.run()
        assert time.monotonic() - started < 20
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def when_hanging(runner, hanging, act):
    """Do `act` in a thread once `hanging` runs have done three epochs."""

    def wait():
        deadline = time.monotonic() + 20
        while sum(run.epoch == 3 for run in runner.display.runs) < hanging:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("number", REQUESTS)
def test_ctrl_c_stops_the_children(sweep, number):
    before = signal.getsignal(number)
    runner = sweep("hang", "hang", "succeed", at_a_time=2)
    thread = when_hanging(runner, 2, lambda: os.kill(os.getpid(), number))
    with pytest.raises(Interrupted) as caught:
        runner.run()
    assert caught.value.exit_code == 128 + number
    thread.join()
    codes = [run.process.returncode for run in runner.display.runs]
    assert codes == [-signal.SIGTERM] * 2
    assert len(runner.waiting) == 1
    assert signal.getsignal(number) is before


def test_a_child_that_does_not_stop_is_killed(sweep):
    runner = sweep("ignore", patience=0.3)
    thread = when_hanging(runner, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        runner.run()
    thread.join()
    assert runner.display.runs[0].process.returncode == -signal.SIGKILL


def test_a_scheduler_that_asks_twice_means_one_request(sweep):
    """SIGUSR1 some time before the end, SIGTERM at the end: what saves is not killed for it."""

    def twice():
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    runner = sweep("ignore", patience=2.5)
    thread = when_hanging(runner, 1, twice)
    started = time.monotonic()
    with pytest.raises(Interrupted) as caught:
        runner.run()
    thread.join()
    assert time.monotonic() - started > 2.5
    assert caught.value.exit_code == 128 + signal.SIGUSR1


def test_a_second_ctrl_c_kills_at_once(sweep):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    runner = sweep("ignore", patience=50)
    thread = when_hanging(runner, 1, twice)
    started = time.monotonic()
    with pytest.raises(Interrupted):
        runner.run()
    thread.join()
    assert time.monotonic() - started < 20
    assert runner.display.runs[0].process.returncode == -signal.SIGKILL


def test_a_log_that_cannot_be_written_stops_all(sweep, tmp_path):
    runner = sweep("hang", "succeed", at_a_time=2, patience=5)
    second = runner.waiting[1]
    (tmp_path / "logs" / f"{second.name}.log").mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be written"):
        runner.run()
    assert runner.display.runs[0].process.returncode is not None


def test_the_epoch_is_the_childs_own(sweep, tmp_path):
    """Not that of an earlier try, whose status stays until the run has started."""
    job = sweep("hang").waiting[0]
    job.folder.path.mkdir(parents=True)
    status = {"state": "failed", "epoch": 7, "epochs": 12, "pid": 1, "time": "now"}
    (job.folder.path / "status.json").write_text(json.dumps(status))
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    run = RunProcess(job, command, tmp_path / "logs", os.environ)
    try:
        assert run.epoch == 0
        own = status | {"pid": run.process.pid}
        (job.folder.path / "status.json").write_text(json.dumps(own))
        assert run.epoch == 7
    finally:
        run.kill()


def test_a_terminal_shows_bars(sweep):
    runner = sweep("succeed", "fail")
    file = io.StringIO()
    runner.display = Display(Console(file=file, force_terminal=True, width=120))
    runner.run()
    assert "epoch 0/12, left:" in file.getvalue()


def test_a_log_gets_a_line_a_minute_and_only_news(sweep, monkeypatch):
    from kreproduce.sweep import display

    monkeypatch.setattr(display, "_QUIET", 0.0)
    runner = sweep("hang")
    thread = when_hanging(runner, 1, lambda: (time.sleep(0.5), os.kill(os.getpid(), signal.SIGINT)))
    with pytest.raises(Interrupted):
        runner.run()
    thread.join()
    name = runner.display.runs[0].job.name
    lines = [line for line in runner.display.text.splitlines() if line.startswith("epochs done")]
    assert lines[-1] == f"epochs done: {name} 3/12; 0 not yet started"
    assert len(lines) == len(set(lines)) <= 2
