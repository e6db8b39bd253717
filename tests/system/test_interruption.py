"""Requests to stop: heard at once, or when there is time for them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tree

from kreproduce.system.interruption import Interrupted, Interruptions

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

    @property
    def __class__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return Asks


def test_a_request_that_code_in_c_swallows_is_heard_in_the_end():
    with pytest.raises(Interrupted, match="SIGTERM"), Interruptions():
        tree.flatten({"a": Asks()})  # an AttributeError: a string has no keys
    swallows = pytest.raises(AttributeError, match="keys")
    with pytest.raises(Interrupted, match="SIGTERM"), Interruptions(), swallows:
        tree.flatten({"a": Asks()})


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
