"""500 random settings files and overrides: each is a valid experiment, or refused in a sentence."""

import json
import os
import random
import time
from collections import Counter

import pytest
import yaml

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Augmentation, Experiment, parse_overrides, read, resolve
from kreproduce.runs.folder import RunFolder

NUMBER = 500
KEYS = [*Experiment.model_fields, *(f"augmentation.{name}" for name in Augmentation.model_fields)]
FITTING = {
    "dataset": ["cifar10", "malaria", "colorectal_histology", "digits", "pets"],
    "data_name": ["mine", "cifar10-jpeg75", "a.b_c-d"],
    "variant": ["baseline", "v1", "v2"],
    "size": ["B0", "B1", "B7"],
    "ch": ["2", "4", "16", "32", "null"],
    "layer_l": ["true", "false"],
    "activation": ["swish", "relu"],
    "interleaving": ["authors", "paper"],
    "padding": ["trained", "counted"],
    "precision": ["auto", "float32", "mixed_float16"],
    "resize": ["pil", "opencv"],
    "validation": ["augmented", "fourfold", "plain"],
    "hflip": ["true", "false"],
    "bn_momentum": ["0.9", "9e-1"],
    "input_size": ["32", "64", "224"],
    "skip_strides": ["0", "3"],
    "augmentation": ["{zoom: 0.2}", "{rotation: 5}"],
}
SCALARS = [
    *("", "~", "null", "yes", "no", "on", "True", "0", "-1", "1e3", "1e-3", ".5", ".inf", "-.inf"),
    *(".nan", "nan", "1e999", "9" * 30, "9" * 5000, "-0", "0x10", "0o17", "010", "1_000", "12:30"),
    *("2026-01-01", "2026-01-01T00:00:00Z", "'16'", '"\\0"', '"\\x1b[2J"', "'../../etc/passwd'"),
    *("../up", "a/b", "a\\b", ".", "..", "...", "/", "~root", "$HOME", "`id`", "$(id)", "|", ">-"),
    *("é", "ﬁ", "𝟏𝟔", "١٦", "\u202eabc", "a\u0000b", "\ud7ff", "CIFAR10", "cifar10 ", " digits"),
    *("x" * 300, "!!python/object/apply:os.system ['true']", "!!python/name:os.system"),
    *(
        "!!binary aGk=",
        "!!set {a, b}",
        "!!int 'x'",
        "!<tag:yaml.org,2002:int> 3",
        "! 3",
        "!!float 1",
    ),
    *("&a 3", "*a", "&a [*a]", "<<", "=", "[]", "{}", "[1, [2, [3]]]", "{a: {b: c}}", "? a"),
    *("[" * 500, "{a: " * 500, "- " * 500, "'", '"', "%YAML 9.9", "---", "...", "@", "a: b: c"),
    *("B0\n", "v2#x", "v2 #x", "32.0", "3.2e1", "true # no", "0.1.2", "--", "\t16", "1 2"),
]
FILES = [
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\ndataset: digits",
    "defaults: &d {dataset: digits}\n<<: *d",
    "<<: {dataset: digits}",
    "<<: [{dataset: digits}, {epochs: 1}]",
    "? [dataset]\n: digits",
    "? {dataset: digits}\n: 1",
    "dataset: digits\n---\ndataset: malaria",
    "dataset: digits\ndataset: digits",
    "{dataset: digits, ch: 4}",
    "[dataset, digits]",
    "dataset",
    "3",
    "",
    "# nothing",
    "\ufeffdataset: digits",
    "dataset: digits\r\nch: 4\r\n",
    "dataset: digits\nch: 4 \x85",
    "1: digits",
    "null: digits",
    "true: 1\ndataset: digits",
    "!!python/object/new:os.system [touch SIGN]",
    "dataset: !!python/object/apply:os.mkdir [SIGN]",
    "dataset: !!python/object/apply:subprocess.check_output [[mkdir, SIGN]]",
    "- " * 2000 + "a",
    "a: " * 3 + "b",
    "[" * 20_000,
    "{" * 20_000,
    "dataset: digits\n" + "".join(f"k{i}: {i}\n" for i in range(2000)),
    "dataset: " + "x" * 60_000,
    "dataset: digits\n" + "#" * 70_000,
    "%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system",
]


def fitting(rng):
    """Settings of which each alone has a meaning, as lines."""
    chosen = rng.sample(sorted(FITTING), rng.randint(0, 6))
    values = {"dataset": "digits"} | {key: rng.choice(FITTING[key]) for key in chosen}
    lines = {"epochs": "7", "seed": "3", "limit": "50"} if rng.random() < 0.3 else {}
    return values | lines


def with_a_strange_value(rng):
    return fitting(rng) | {rng.choice(KEYS): rng.choice(SCALARS)}


def with_a_strange_key(rng):
    key = rng.choice([*SCALARS, "epoch", "Dataset", "augmentation.", ".zoom", "augmentation.x.y"])
    return fitting(rng) | {key: rng.choice(SCALARS)}


def text_of(values):
    return "\n".join(f"{key}: {value}" for key, value in values.items())


def shuffled_bytes(rng):
    """A settings file with some of its characters changed."""
    text = list(text_of(fitting(rng)))
    for _ in range(rng.randint(1, 8)):
        strange = rng.choice(["\n", "\t", ":", "&", "*", "!", "{", "[", "'", "\x00", "\x1b", "é"])
        text[rng.randrange(len(text))] = rng.choice([strange, chr(rng.randrange(1, 0xD7FF))])
    return "".join(text)


def cases(rng, sign):
    """Random files, each with random overrides."""
    for text in FILES:
        yield text.replace("SIGN", str(sign)), []
    for _ in range(NUMBER - len(FILES)):
        make = rng.choice(
            [fitting, fitting, with_a_strange_value, with_a_strange_key, shuffled_bytes]
        )
        made = make(rng)
        text = made if isinstance(made, str) else text_of(made)
        pair = f"{rng.choice([*KEYS, *KEYS, *SCALARS])}={rng.choice(SCALARS)}"
        yield text, [pair] if rng.random() < 0.3 else []


@pytest.mark.slow
def test_random_settings(tmp_path, tally):
    rng, ends, sign = random.Random(6), Counter(), tmp_path / "sign"
    file = tmp_path / "settings.yaml"
    for text, overrides in cases(rng, sign):
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        started = time.process_time()
        end = outcome(file, overrides, tmp_path)
        assert time.process_time() - started < 5, (text[:100], overrides)
        assert end.isprintable(), (text, overrides)
        ends["refused" if end else "valid"] += 1
    assert not sign.exists()
    assert ends.total() == NUMBER
    assert min(ends.values()) > 80
    for end, times in ends.items():
        tally(f"random settings: {end}", times)


def outcome(file, overrides, results):
    """Why the settings are refused; nothing if they are valid. All else is raised."""
    try:
        experiment = resolve(read(file), parse_overrides(overrides))
    except SettingsError as error:
        return str(error)
    check(experiment, results)
    return ""


def check(experiment, results):
    """It is what its own settings say, and its folder is below results/runs."""
    assert resolve(experiment.model_dump()) == experiment
    assert Experiment(**json.loads(json.dumps(experiment.model_dump()))) == experiment
    folder = RunFolder(results, experiment).path
    assert folder.parent == results / "runs"
    assert os.path.normpath(folder) == str(folder)
    assert experiment.run_name.isascii()
    assert experiment.run_name.isprintable()


@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "missing", "link to a pipe"])
def test_what_is_no_settings_file(kind, tmp_path):
    file = tmp_path / "settings.yaml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "large":
        with file.open("wb") as large:
            large.truncate(2**40)  # takes no room
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        file.symlink_to("pipe")
    with pytest.raises(SettingsError, match=r"settings\.yaml"):
        read(file)


def test_a_settings_file_may_be_a_link(tmp_path):
    (tmp_path / "there.yaml").write_text(yaml.safe_dump({"dataset": "digits"}))
    (tmp_path / "here.yaml").symlink_to("there.yaml")
    assert read(tmp_path / "here.yaml") == {"dataset": "digits"}
