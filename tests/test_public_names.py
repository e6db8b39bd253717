"""`from kreproduce import ...`: every name is there, and none costs anything before it is used."""

import subprocess
import sys

import pytest

import kreproduce

HEAVY = ("keras", "numpy", "pandas", "pydantic", "tensorflow")


def imported(code):
    """Which heavy packages a process has after some code."""
    heavy = f"import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    command = [sys.executable, "-c", f"{code}\n{heavy}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_imports_nothing_heavy():
    assert imported("import kreproduce; dir(kreproduce)") == []


def test_what_is_heavy_would_be_seen():
    assert imported("from kreproduce import resolve") == ["pydantic"]
    assert "keras" in imported("from kreproduce import fold")


@pytest.mark.parametrize("name", kreproduce.__all__)
def test_every_name_is_there_and_documented(name):
    assert getattr(kreproduce, name).__doc__
    assert name in dir(kreproduce)


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="module 'kreproduce' has no attribute 'bild'"):
        kreproduce.bild  # noqa: B018


def test_a_network_by_the_public_names():
    network = kreproduce.build(kreproduce.Architecture(ch=2, input_size=32, skip_strides=3))
    assert network.count_params() > 0
    assert network.output_shape == (None, 10)
