"""Which formats are refused, and why."""

import sys

import pytest

from kreproduce.errors import SettingsError
from kreproduce.export import formats


@pytest.mark.parametrize(
    ("name", "quantize", "why"),
    [
        (None, None, "say which format, as in --format onnx"),
        ("tflite", None, "--format 'tflite' is unknown"),
        ("onnx", "int8", "onnx is not quantised to int8 here; leave --quantize out, or say"),
        ("litert", "int4", "--quantize 'int4' is unknown; did you mean 'int8'"),
        ("keras", "float16", "keras is not quantised to float16"),
    ],
)
def test_refused(name, quantize, why):
    with pytest.raises(SettingsError, match=why):
        formats.chosen(name, quantize)


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingsError) as refused:
        formats.chosen("onnx", None)
    assert str(refused.value) == (
        "onnx needs tf2onnx and onnxruntime, not installed here: pip install 'kreproduce[onnx]'"
    )


def test_exports_are_tensorflow_s(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(formats.backend, "check", lambda: None)
    with pytest.raises(SettingsError, match="KERAS_BACKEND is jax: set KERAS_BACKEND=tensorflow"):
        formats.chosen("litert", None)
    assert formats.chosen("keras", None).name == "keras"


def test_the_list(kreproduce):
    done = kreproduce("export", "--list")
    assert done.code == 0
    for name in formats.FORMATS:
        assert f"{name} (" in done.output
    assert "pip install 'kreproduce[onnx]' (installed)" in done.output
    assert not {"tensorflow", "keras"} & set(done.imported)
