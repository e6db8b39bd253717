"""What a run says, on a clock that the test sets."""

import io

import pytest
from helpers.recorded import parsed, record_of
from rich.console import Console

from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import Epoch
from kreproduce.text import duration
from kreproduce.training import console as module
from kreproduce.training.console import Report, summary
from kreproduce.training.devices import Devices

CPU = Devices(gpu=False, names=("a CPU, 2 cores",))
GPU = Devices(gpu=True, names=("an H200",))


def cifar10(**settings):
    return resolve({"dataset": "cifar10"}, {"ch": 32} | settings)


def said(monkeypatch, experiment, hardware, step_seconds, steps=704, evaluated=79):
    """The lines of the first 20 steps, each of so many seconds."""
    clock = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    console = Console(file=io.StringIO(), width=200)
    r = Report(console)
    with r.training(experiment, steps, evaluated, hardware):
        clock[0] += 100  # the first step compiles; it must not count
        for _ in range(20):
            r.step()
            clock[0] += step_seconds
    return console.file.getvalue()


def test_a_cpu_takes_days_and_says_what_a_gpu_would(monkeypatch):
    text = said(monkeypatch, cifar10(), CPU, step_seconds=4.0)
    # 50 epochs of 704 steps, and 79 validated at a quarter each: 4 s * 36,200 = 1.7 days
    assert "this will take about 1 day 16 h on a CPU, 2 cores" in text
    assert "the authors' Tesla V100 16 GB would take about 2 h 20 min" in text
    assert text.count("this will take") == 1


def test_a_gpu_only_says_how_long(monkeypatch):
    text = said(monkeypatch, cifar10(), GPU, step_seconds=0.01)
    assert text == "this will take about 6 min 2 s on an H200\n"


@pytest.mark.parametrize("settings", [{"size": "B3"}, {"limit": 20_000}], ids=str)
def test_the_authors_time_is_not_quoted_for_what_they_did_not_run(monkeypatch, settings):
    text = said(monkeypatch, cifar10(**settings), CPU, step_seconds=4.0)
    assert "a GPU takes a small part of that" in text
    assert "V100" not in text


def test_off_a_terminal_there_are_only_plain_lines(monkeypatch):
    console = Console(file=io.StringIO(), width=200)
    r = Report(console)
    with r.training(cifar10(), 2, 1, GPU):
        r.step()
        r.epoch(Epoch(3, 1.5, 0.25, 1.25, 0.5, 0.002, 65.0), ["best_val_loss"])
    assert console.file.getvalue() == (
        "epoch  3/50  loss 1.5000  accuracy 25.00%  validation 1.2500, 50.00%  "
        "rate 0.002000  1 min 5 s  (best_val_loss)\n"
    )


def record(experiment, **options):
    return parsed(record_of(experiment, **options))


def test_the_summary_stands_beside_the_paper():
    text = "\n".join(summary(record(cifar10())))
    assert "best_val_loss (epoch 1): test accuracy 90.00%, loss 0.3000 (hflip 91.00%" in text
    assert "2 computations as the paper counts" in text
    assert "  the paper prints 93.67% (Table 2, kEffNet-B0 V2 32ch)" in text
    text = "\n".join(summary(record(cifar10()), hflip=True))
    assert "test accuracy 91.00% with H flip" in text
    assert "the paper prints 94.01% (Table 4, kEffNet-B0 V2 32ch + H Flip)" in text


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"data_name": "other"}, "these are other images"),
        ({"limit": 100}, "this run took only some of the images"),
    ],
)
def test_what_is_not_comparable_says_so(settings, why):
    experiment = cifar10(**settings)
    text = "\n".join(summary(record(experiment)))
    assert "not comparable: the paper prints 93.67%" in text
    assert why in text


def test_no_number_of_the_paper_where_it_has_none():
    assert "paper prints" not in "\n".join(summary(record(cifar10(epochs=3))))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 day 0 h"),
        (200_000, "2 days 7 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
