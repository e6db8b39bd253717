import re

import pytest
from helpers.line_ends import LINE_ENDS

from kreproduce import paper
from kreproduce.errors import SettingsError
from kreproduce.experiment.recipes import RECIPES
from kreproduce.experiment.settings import (
    PROTOCOL,
    Experiment,
    asks_for_hflip,
    of_row,
    parse_overrides,
    read,
    resolve,
)


def cifar10(**settings):
    return resolve({"dataset": "cifar10"}, {"ch": 32} | settings)


def baseline(**settings):
    return resolve({"dataset": "cifar10", "variant": "baseline"}, settings)


def test_cifar10_is_trained_as_by_the_authors():
    e = cifar10()
    assert (e.epochs, e.cycle, e.batch_size, e.input_size, e.skip_strides) == (50, 25, 64, 32, 3)
    assert (e.validation, e.resize, e.padding, e.interleaving) == (
        "augmented",
        "pil",
        "trained",
        "authors",
    )
    assert e.augmentation.model_dump() == {
        "rotation": 20.0,
        "shift": 0.3,
        "shear": 0.2,
        "zoom": 0.3,
        "horizontal_flip": True,
        "vertical_flip": False,
    }


@pytest.mark.parametrize(("dataset", "epochs"), [("malaria", 75), ("colorectal_histology", 1000)])
@pytest.mark.parametrize("variant", [{"variant": "baseline"}, {"ch": 8}])
def test_the_medical_sets(dataset, epochs, variant):
    e = resolve({"dataset": dataset}, variant)
    assert (e.epochs, e.cycle, e.batch_size, e.input_size, e.skip_strides) == (
        epochs,
        25,
        64,
        224,
        0,
    )
    assert (e.validation, e.resize, e.gpu_precision) == ("fourfold", "opencv", "float32")
    assert (e.augmentation.rotation, e.augmentation.vertical_flip) == (179.0, True)


def test_what_the_baseline_of_cifar10_ties():
    e = baseline()
    assert (e.input_size, e.skip_strides, e.batch_size, e.gpu_precision) == (224, 0, 32, "float32")
    assert baseline(epochs=180).batch_size == 64
    assert baseline(input_size=32).input_size == 32  # unless it is set


@pytest.mark.parametrize(
    "settings",
    [
        {"ch": 32},
        {"ch": 4, "epochs": 180},
        {"variant": "v1", "ch": 16},
        {"variant": "baseline"},
        {"variant": "baseline", "epochs": 180},
    ],
    ids=str,
)
def test_cifar10_heldout_is_trained_as_cifar10(settings):
    theirs, e = (resolve({"dataset": name} | settings) for name in ("cifar10", "cifar10-heldout"))
    assert e.row_settings == theirs.row_settings | {"dataset": "cifar10-heldout"}
    assert (e.data_name, e.gpu_precision) == ("cifar10-heldout", theirs.gpu_precision)
    assert e.identity != theirs.identity
    assert e.published() is None


@pytest.mark.parametrize(
    ("epochs", "cycle"),
    [(50, 25), (75, 25), (1000, 25), (180, 30), (60, 30), (7, 25), (150, 25)],
)
def test_the_cycle_follows_from_the_epochs(epochs, cycle):
    assert cifar10(epochs=epochs).cycle == cycle
    assert cifar10(epochs=epochs, cycle=9).cycle == 9


@pytest.mark.parametrize(
    ("settings", "precision"),
    [
        ({}, "mixed_float16"),
        ({"variant": "v1"}, "mixed_float16"),
        ({"epochs": 180}, "float32"),
        ({"epochs": 180, "precision": "mixed_bfloat16"}, "mixed_bfloat16"),
    ],
)
def test_the_precision_on_a_gpu(settings, precision):
    assert cifar10(**settings).gpu_precision == precision


@pytest.mark.parametrize("dataset", RECIPES)
def test_every_recipe_is_an_experiment(dataset):
    experiment = resolve({"dataset": dataset, "ch": 16})
    assert Experiment(**experiment.model_dump()) == experiment


def test_every_setting_is_described():
    described = set(re.findall(r"\w+", Experiment.__doc__.partition("Attributes:")[2]))
    assert described >= Experiment.model_fields.keys()


def test_later_layers_lie_over_earlier_ones():
    e = resolve({"dataset": "cifar10", "ch": 2, "epochs": 9}, {"ch": 4}, {"epochs": 3})
    assert (e.ch, e.epochs) == (4, 3)


def test_a_part_of_the_augmentation_can_be_set():
    whole = cifar10().augmentation
    for settings in ({"augmentation": {"zoom": 0.1}}, {"augmentation.zoom": 0.1}):
        assert cifar10(**settings).augmentation == whole.model_copy(update={"zoom": 0.1})


# Of protocol 2. A change here orphans every run that was recorded.
IDENTITIES = {
    "3e90c609": {"dataset": "cifar10", "ch": 32},
    "0b87332c": {"dataset": "malaria", "variant": "baseline"},
    "8ff83a80": {"dataset": "digits"},
}


# Of protocol 1, which trained with another optimizer, and of which no run was ever recorded.
OF_OLD = {"7d35cba4", "d8e19f89", "92bd72ce"}


def test_another_protocol_gives_other_identities(monkeypatch):
    assert OF_OLD.isdisjoint(IDENTITIES)
    before = {resolve(settings).identity for settings in IDENTITIES.values()}
    monkeypatch.setattr("kreproduce.experiment.settings.PROTOCOL", PROTOCOL + 1)
    assert before.isdisjoint(resolve(settings).identity for settings in IDENTITIES.values())


@pytest.mark.parametrize(("identity", "settings"), IDENTITIES.items())
def test_the_identity_is_stable(identity, settings):
    assert resolve(settings).identity == identity


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 2},
        {"precision": "float32"},
        {"limit": 100},
        {"data_name": "other"},
        {"epochs": 51},
        {"interleaving": "paper"},
        {"padding": "counted"},
        {"augmentation.rotation": 21.0},
        {"activation": "relu"},
        {"layer_l": False},
    ],
    ids=str,
)
def test_the_identity_holds_what_decides_a_result(settings):
    assert cifar10(**settings).identity != cifar10().identity


def test_the_identity_leaves_out_the_flip_and_how_settings_were_given():
    assert cifar10(hflip=True) == cifar10()
    assert asks_for_hflip({"hflip": True}, {"hflip": False}, {"hflip": True})
    assert not asks_for_hflip({"hflip": True}, {"hflip": False})
    assert not asks_for_hflip({"dataset": "cifar10"})
    assert cifar10(epochs=50, seed=1, variant="v2").identity == cifar10().identity


ROWS = [row for table in (2, 4, 5, 6, 7, 8) for row in paper.rows(table)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}-{row.label}")
def test_every_row_of_the_paper_is_an_experiment_that_knows_it(row):
    published = of_row(row).published(hflip=row.hflip)
    assert published.label == row.label
    assert published.test_accuracy == row.test_accuracy


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 51}, {"batch_size": 32}, {"interleaving": "paper"}, {"size": "B1"}, {"ch": 3}],
    ids=str,
)
def test_another_experiment_is_no_row(settings):
    assert cifar10().published() is not None
    assert cifar10(**settings).published() is None


def test_conditions_do_not_make_another_row():
    assert cifar10(seed=5, precision="float32").published() is not None
    assert cifar10(data_name="other", limit=100).published() is not None


REFUSED = {
    "ch of 0": ({"ch": 0}, "ch: 0 is refused; a group has 1 to 100,000 channels"),
    "ch missing": ({"ch": None}, "v2 needs the channels per group; say how many"),
    "ch missing, v1": ({"ch": None, "variant": "v1"}, "v1 needs the channels per group"),
    "ch with the baseline": ({"variant": "baseline"}, "ch has no meaning for the baseline"),
    "no L with the baseline": (
        {"variant": "baseline", "ch": None, "layer_l": False},
        "no L (layer_l: false) has no meaning for baseline",
    ),
    "no L with v1": ({"variant": "v1", "layer_l": False}, "no L (layer_l: false) has no meaning"),
    "interleaving without L": (
        {"layer_l": False, "interleaving": "paper"},
        "interleaving can be chosen only for v2 with layer L",
    ),
    "unknown key": ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'?"),
    "unknown inner key": (
        {"augmentation": {"zooom": 0.1}},
        "unknown setting 'augmentation.zooom'; did you mean 'augmentation.zoom'?",
    ),
    "no group": ({"augmentation": 3}, "augmentation: 3 is not a group of settings"),
    "wrong type": ({"epochs": "ten"}, "epochs: 'ten' is refused"),
    "a number for a flag": ({"hflip": 1}, "hflip: 1 is refused; it is true or false"),
    "a flag for a number": ({"seed": True}, "seed: True is refused"),
    "not a number": ({"bn_momentum": float("nan")}, "bn_momentum: nan is refused"),
    "unknown variant": ({"variant": "v3"}, "variant: 'v3' is refused"),
    "unknown size": ({"size": "B8"}, "size: 'B8' is refused"),
    "a path as a name": ({"data_name": "../x"}, "data_name: '../x' is refused; a name has only"),
    "another dataset's name": ({"data_name": "malaria"}, "is the name of another dataset"),
    "a path as a dataset": ({"dataset": "../x"}, "'../x' is neither a dataset nor a settings file"),
    "too small": (
        {"input_size": 2, "skip_strides": 0},
        "strides: input_size must be at least 32, or skip_strides 5",
    ),
    "too many strides": ({"skip_strides": 6}, "skip_strides: 6 is refused"),
    "dataset is no name": ({"dataset": 3}, "dataset: 3 is not a name"),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_meaning_is_refused(settings, message):
    with pytest.raises(SettingsError) as refusal:
        cifar10(**settings)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_overrides_are_read_as_in_yaml():
    assert parse_overrides(["ch=010", "seed=09"]) == {"ch": 10, "seed": 9}  # not octal
    pairs = ["epochs=2", "bn_momentum=9e-1", "hflip=true", "limit=null", "data_name=a=b", "x=no"]
    assert parse_overrides(pairs) == {
        "epochs": 2,
        "bn_momentum": 0.9,
        "hflip": True,
        "limit": None,
        "data_name": "a=b",
        "x": "no",
    }
    for pair in ("epochs", "=2"):
        with pytest.raises(SettingsError, match="takes key=value"):
            parse_overrides([pair])


@pytest.mark.parametrize("change", LINE_ENDS.values(), ids=list(LINE_ENDS))
def test_git_may_change_the_line_ends_of_a_settings_file(tmp_path, change):
    path = tmp_path / "s.yaml"
    path.write_bytes(change(b"# ours\ndataset: cifar10\nch: 4\naugmentation:\n  zoom: 0.1\n"))
    assert resolve(read(path)) == cifar10(ch=4, augmentation={"zoom": 0.1})


def test_a_settings_file(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("# Table 4\ndataset: cifar10\nch: 4\naugmentation: {zoom: 0.1}\n")
    assert resolve(read(path)) == cifar10(ch=4, augmentation={"zoom": 0.1})


BAD_FILES = {
    "syntax": ("dataset: [", "is not valid YAML, line 1"),
    "duplicate": ("ch: 1\nch: 2\n", "line 2: the key 'ch' stands twice"),
    "duplicate below": ("augmentation:\n  zoom: 0.1\n  zoom: 0.2\n", "'zoom' stands twice"),
    "unknown": ("dataset: digits\nepoch: 2\n", "unknown setting 'epoch'; did you mean 'epochs'?"),
    "alias": ("dataset: &a digits\ndata_name: *a\n", "line 2: aliases are not allowed"),
    "tag": ("dataset: !!python/object/apply:os.system [ls]\n", "line 1: tags are not allowed"),
    "a list": ("- digits\n", "holds no settings"),
    "empty": ("", "holds no settings"),
    "keys that are no names": ("1: 2\n", "holds no settings"),
    "binary": (b"\xff\xfe\x00", "cannot be read as a settings file"),
    "two documents": ("ch: 1\n---\nch: 2\n", "is not valid YAML"),
    "a harmless tag": ("dataset: digits\nch: !!int 3\n", "line 2: tags are not allowed"),
    "a mapping as a key": ("? {a: 1}\n: 2\n", "is not valid YAML"),
    "deep": ("[" * 3000, "is not valid YAML"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_bad_settings_files_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as refusal:
        read(path)
    assert message in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_of_any_name_is_trained_like_the_medical_sets_but_upright():
    e = resolve({"dataset": "pets", "classes": 2, "ch": 16})
    assert (e.epochs, e.cycle, e.batch_size, e.input_size, e.skip_strides) == (75, 25, 64, 224, 0)
    assert (e.validation, e.resize, e.gpu_precision) == ("plain", "opencv", "float32")
    assert e.augmentation == cifar10().augmentation
