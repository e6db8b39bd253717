"""Requests to stop: heard at once, or when there is time for them."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tree

from kreproduce.system.interruption import REQUESTS, Interrupted, Interruptions

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 138}


@pytest.mark.parametrize("number", CODES)
def test_a_request_is_heard_at_once_where_nothing_is_to_save(number):
    with pytest.raises(Interrupted, match=number.name) as heard, Interruptions():
        os.kill(os.getpid(), number)
    assert heard.value.exit_code == CODES[number]


@pytest.mark.parametrize("number", CODES)
def test_a_request_waits_where_something_is_to_save(number):
    with Interruptions() as interruptions:
        with interruptions.deferred():
            interruptions.check()
            assert not interruptions.requested
            os.kill(os.getpid(), number)
            assert interruptions.requested
            with pytest.raises(Interrupted) as heard:
                interruptions.check()
        assert heard.value.exit_code == CODES[number]


def ask_behind_the_saving():
    with Interruptions() as interruptions:
        with interruptions.deferred():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("came here")


def test_behind_the_saving_a_request_is_heard_at_once_again():
    with pytest.raises(Interrupted):
        ask_behind_the_saving()


class Asks:
    """Asks to stop the process when code in C asks for its class."""

    number = signal.SIGTERM

    @property
    def __class__(self):
        os.kill(os.getpid(), type(self).number)
        return Asks


def came_here():
    raise SystemExit("came here")  # no error that a request takes the place of


def work_on_behind_code_in_c():
    with Interruptions():
        tree.flatten({"a": Asks()})  # an AttributeError: a string has no keys
        came_here()


def work_on_behind_code_in_c_that_fails():
    with Interruptions():
        with contextlib.suppress(AttributeError):
            tree.flatten({"a": Asks()})
        came_here()


def work_on_behind_code_that_catches_all():
    with Interruptions():
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
        came_here()


@pytest.mark.parametrize(
    "work",
    [
        work_on_behind_code_in_c,
        work_on_behind_code_in_c_that_fails,
        work_on_behind_code_that_catches_all,
    ],
)
def test_a_request_that_is_swallowed_is_raised_again_at_once(work):
    with pytest.raises(Interrupted, match="SIGTERM"):
        work()


def test_a_request_that_is_swallowed_again_and_again():
    def ask_in_a_loop():
        with Interruptions():
            for _ in range(100):
                with contextlib.suppress(BaseException):
                    tree.flatten({"a": Asks()})
            came_here()

    with pytest.raises(Interrupted, match="SIGTERM"):
        ask_in_a_loop()


def test_a_swallowed_ctrl_c_is_no_second_ctrl_c(monkeypatch):
    monkeypatch.setattr(Asks, "number", signal.SIGINT)
    with pytest.raises(Interrupted, match="SIGINT"):
        work_on_behind_code_in_c()


@pytest.mark.parametrize("call", range(7))
def test_a_request_while_handlers_are_set_or_restored(call, monkeypatch):
    """Four on entering, three on leaving; at the fourth no handler is left."""
    before = {number: signal.getsignal(number) for number in CODES}
    set_handler = signal.signal
    calls = []

    def set_and_ask(number, handler):
        set_handler(number, handler)
        calls.append(number)
        if len(calls) == call + 1:
            os.kill(os.getpid(), REQUESTS[0 if call < 4 else -1])  # one whose handler is set

    def work():
        with Interruptions():
            pass

    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", set_and_ask)
        with pytest.raises(Interrupted):
            work()
    assert {number: signal.getsignal(number) for number in CODES} == before
    gc.collect()  # nothing is raised again


def test_a_request_that_is_kept_by_the_code_is_heard_in_the_end():
    kept = []

    def keep():
        with Interruptions():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except BaseException as error:
                kept.append(error)

    with pytest.raises(Interrupted, match="SIGTERM"):
        keep()


def test_the_clean_up_that_a_request_begins_is_not_broken_into():
    done = []

    def work():
        with Interruptions():
            try:
                try:
                    os.kill(os.getpid(), signal.SIGTERM)
                except BaseException:
                    gc.collect()
                    done.append("first")
                    raise
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                gc.collect()
                with contextlib.suppress(OSError):
                    raise OSError
                done.append("second")

    with pytest.raises(Interrupted, match="SIGTERM"):
        work()
    assert done == ["first", "second"]


def fail_behind_a_request_that_waits():
    with Interruptions() as interruptions, interruptions.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        raise OSError("full")


def test_a_fault_behind_a_request_that_waits_is_a_fault():
    with pytest.raises(OSError, match="full"):
        fail_behind_a_request_that_waits()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_scheduler_may_say_it_twice(second):
    with Interruptions() as interruptions, interruptions.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), second)
        with pytest.raises(Interrupted) as heard:
            interruptions.check()
    assert heard.value.exit_code == 143


SCRIPT = """
import os, signal, sys
from kreproduce.system.interruption import Interruptions
with Interruptions() as interruptions, interruptions.deferred():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        print("came here")
"""


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_behind_a_request_leaves_at_once(first):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(int(first))], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, b"")


def test_no_fault_handler_takes_it_for_a_fault():
    assert not issubclass(Interrupted, Exception)


def test_afterwards_all_is_as_before():
    before = {number: signal.getsignal(number) for number in CODES}
    with Interruptions():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in CODES} == before


def test_what_was_ignored_stays_ignored():
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruptions() as interruptions:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interruptions.requested
    finally:
        signal.signal(signal.SIGHUP, before)


AFFECTED = ("test_interruption.py", "../sweep/test_runner.py")


@pytest.mark.slow
@pytest.mark.parametrize("file", AFFECTED)
@pytest.mark.parametrize("how", ["ignored", "blocked"])
def test_the_tests_do_not_inherit_the_signals_of_whoever_starts_them(file, how):
    """As under `nohup`, or in the background of a script."""
    start = "signal.signal(n, signal.SIG_IGN)"
    if how == "blocked":
        start = "signal.pthread_sigmask(signal.SIG_BLOCK, [n])"
    tests = [str(Path(__file__).parent / file), "--quiet", "-p", "no:cacheprovider"]
    script = (
        "import os, signal, sys\n"
        f"for n in {[*map(int, CODES)]}: {start}\n"
        f"os.execv(sys.executable, [sys.executable, '-m', 'pytest', *{tests}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_another_thread_takes_none():
    found = []

    def enter():
        with Interruptions() as interruptions:
            found.append(interruptions.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [False]
