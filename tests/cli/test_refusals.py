"""Bad input: one sentence, the right exit code, nothing on disk, and no heavy import."""

import json

import pytest
from helpers.support import tree, write_images

from kreproduce.tables import recomputed

SETTINGS = {
    "unknown dataset": (["cifar11", "--ch", "4"], "did you mean 'cifar10'?"),
    "capitals": (["CIFAR10", "--ch", "4"], "did you mean 'cifar10'?"),
    "unknown key": (["digits", "--set", "epoch=2"], "did you mean 'epochs'?"),
    "no pair": (["digits", "--set", "epochs"], "--set takes key=value"),
    "bad value": (["digits", "--set", "epochs=[1"], "--set epochs=[1 is not valid YAML"),
    "wrong type": (["digits", "--set", "epochs=two"], "epochs: 'two' is refused"),
    "missing file": (["nothing.yaml"], "there is no settings file nothing.yaml"),
    "unknown size": (["digits", "--size", "B8"], "size: 'B8' is refused"),
    "unknown variant": (["digits", "--variant", "v3"], "variant: 'v3' is refused"),
    "ch of 0": (["digits", "--ch", "0"], "ch: 0 is refused"),
    "ch below 0": (["digits", "--ch", "-3"], "ch: -3 is refused"),
    "ch missing": (["cifar10"], "v2 needs the channels per group"),
    "ch with the baseline": (
        ["cifar10", "--variant", "baseline", "--ch", "4"],
        "ch has no meaning for the baseline",
    ),
    "no L with the baseline": (
        ["cifar10", "--variant", "baseline", "--no-l"],
        "no L (layer_l: false) has no meaning for baseline",
    ),
    "no L with v1": (["digits", "--variant", "v1", "--no-l"], "has no meaning for v1"),
    "epochs of 0": (["digits", "--epochs", "0"], "epochs: 0 is refused"),
    "limit of 0": (["digits", "--limit", "0"], "limit: 0 is refused"),
    "unknown precision": (["digits", "--precision", "half"], "precision: 'half' is refused"),
    "too small an input": (
        ["cifar10", "--ch", "4", "--set", "input_size=2", "--set", "skip_strides=0"],
        "an input of 2 pixels is too small",
    ),
    "digits from a folder": (["digits", "--data-dir", "."], "'digits' is built in"),
    "a path as a name": (["digits", "--data-name", "../up"], "data_name: '../up' is refused"),
}
FILES = {
    "syntax error": ("dataset: [digits", "s.yaml is not valid YAML, line 1"),
    "duplicate key": ("dataset: digits\nch: 1\nch: 2", "line 3: the key 'ch' stands twice"),
    "unknown key": ("dataset: digits\nepoch: 1", "s.yaml: unknown setting 'epoch'"),
    "wrong type": ("dataset: digits\nepochs: many", "s.yaml: epochs: 'many' is refused"),
    "no dataset": ("epochs: 2", "s.yaml: the settings name no dataset"),
}
USAGE = {
    "no command": ([], "Reproduce kEffNet-B0 V2"),
    "unknown command": (["rnu"], "No such command 'rnu'"),
    "unknown flag": (["run", "digits", "--chh", "4"], "No such option: --chh"),
    "no number": (["run", "digits", "--epochs", "four"], "Invalid value for '--epochs'"),
    "no target": (["run"], "Missing argument"),
}
NETWORK = {
    "variant": (["--variant", "v9"], "variant: 'v9' is refused"),
    "ch": (["--ch", "four"], "ch: 'four' is refused; give a number, 'sqrt'"),
    "size": (["--ch", "4", "--size", "B9"], "size: 'B9' is refused"),
    "ch missing": ([], "v2 needs the channels per group"),
    "no L with v1": (["--variant", "v1", "--ch", "4", "--no-l"], "has no meaning for v1"),
    "ch of 0": (["--ch", "0"], "ch: 0 is refused"),
    "strides": (["--ch", "4", "--skip-strides", "9"], "skip_strides: 9 is refused"),
    "classes": (["--ch", "4", "--classes", "0"], "classes: 0 is refused"),
    "input": (["--ch", "4", "--input-size", "0"], "input_size: 0 is refused"),
}


def check(kreproduce, result, code, message, before):
    assert result.code == code, result
    assert message in result.message
    assert "Traceback" not in result.message
    assert len(result.message.splitlines()) == 1, result.message
    assert result.output == ""
    assert result.imported == []
    assert tree(kreproduce.folder.parent) == before


@pytest.mark.parametrize(("arguments", "message"), SETTINGS.values(), ids=list(SETTINGS))
def test_settings(kreproduce, arguments, message):
    before = tree(kreproduce.folder.parent)
    check(kreproduce, kreproduce("run", *arguments), 2, message, before)


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=list(FILES))
def test_settings_files(kreproduce, content, message):
    (kreproduce.folder / "s.yaml").write_text(content)
    before = tree(kreproduce.folder.parent)
    check(kreproduce, kreproduce("run", "s.yaml"), 2, message, before)


@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=list(USAGE))
def test_usage(kreproduce, arguments, message):
    before = tree(kreproduce.folder.parent)
    result = kreproduce(*arguments)
    assert (result.code, result.imported) == (2, [])
    assert message in result.output + result.message  # without a command: the help
    assert "Traceback" not in result.message
    assert tree(kreproduce.folder.parent) == before


@pytest.mark.parametrize(("arguments", "message"), NETWORK.values(), ids=list(NETWORK))
def test_network_settings(kreproduce, arguments, message):
    before = tree(kreproduce.folder.parent)
    check(kreproduce, kreproduce("network", *arguments), 2, message, before)


def make_nothing(folder):
    pass


def make_empty(folder):
    folder.mkdir()


def make_file(folder):
    folder.write_text("no folder")


def make_one_class(folder):
    write_images(folder, {"cat": 5})


def make_empty_class(folder):
    write_images(folder, {"cat": 5, "dog": 5})
    (folder / "eel").mkdir()


def make_no_test(folder):
    write_images(folder / "train", {"cat": 5, "dog": 5})


def make_other_classes(folder):
    write_images(folder / "train", {"cat": 5, "dog": 5})
    write_images(folder / "test", {"cat": 5, "cow": 5})


def make_too_few(folder):
    write_images(folder, {"cat": 1, "dog": 1})


def make_damaged(folder):
    write_images(folder, {"cat": 9, "dog": 9})
    image = folder / "dog" / "004.png"
    image.write_bytes(image.read_bytes()[:60])


DATA = {
    "missing": (make_nothing, "pets does not exist"),
    "empty": (make_empty, "pets holds no class folders"),
    "a file": (make_file, "pets is a file"),
    "one class": (make_one_class, "pets has only one class, 'cat'"),
    "an empty class": (make_empty_class, "eel holds no images"),
    "no test images": (make_no_test, "has a folder 'train' but no 'test'"),
    "other test classes": (make_other_classes, "is missing: all parts of pets"),
    "too few": (make_too_few, "of class 'cat' are too few"),
    "a damaged image": (make_damaged, "dog/004.png cannot be read as an image"),
}


@pytest.mark.parametrize(("make", "message"), DATA.values(), ids=list(DATA))
@pytest.mark.parametrize("name", ["pets", "cifar10"])
def test_folders(kreproduce, make, message, name):
    make(kreproduce.folder / "pets")
    before = tree(kreproduce.folder.parent)
    extra = [] if name == "pets" else ["--set", "classes=2"]
    result = kreproduce("run", name, "--ch", "4", "--data-dir", "pets", *extra)
    check(kreproduce, result, 3, message, before)


def test_an_unreadable_folder(kreproduce, monkeypatch):
    write_images(kreproduce.folder / "pets", {"cat": 5, "dog": 5})
    before = tree(kreproduce.folder.parent)
    (kreproduce.folder / "pets").chmod(0)
    monkeypatch.setenv("AS_NOBODY", "1")
    result = kreproduce("run", "pets", "--ch", "4", "--data-dir", "pets")
    (kreproduce.folder / "pets").chmod(0o755)
    check(kreproduce, result, 3, "pets cannot be read (Permission denied)", before)


def test_other_classes_than_the_datasets(kreproduce):
    write_images(kreproduce.folder / "pets", {"cat": 5, "dog": 5})
    before = tree(kreproduce.folder.parent)
    result = kreproduce("run", "cifar10", "--ch", "4", "--data-dir", "pets")
    check(kreproduce, result, 3, "have 2 classes and the network 10", before)


def test_foreign_images_under_a_name_of_the_paper(kreproduce):
    write_images(kreproduce.folder / "pets", {"cat": 5, "dog": 5})
    before = tree(kreproduce.folder.parent)
    arguments = ["--data-dir", "pets", "--data-name", "malaria"]
    result = kreproduce("run", "malaria", "--ch", "4", *arguments)
    check(kreproduce, result, 3, "these are not the original images of malaria", before)


def test_a_limit_below_the_number_of_classes(kreproduce):
    write_images(kreproduce.folder / "pets", {"cat": 5, "dog": 5})
    before = tree(kreproduce.folder.parent)
    result = kreproduce("run", "pets", "--ch", "4", "--data-dir", "pets", "--limit", "1")
    check(kreproduce, result, 2, "1 images cannot show all 2 classes", before)


def test_no_network_and_no_data(kreproduce, monkeypatch):
    # A proxy that nobody answers at: as good as no network, wherever the test runs.
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = tree(kreproduce.folder.parent)
    result = kreproduce("run", "cifar10", "--ch", "4")
    check(kreproduce, result, 3, "run `kreproduce data prepare cifar10`", before)
    check(kreproduce, kreproduce("data", "prepare", "malaria"), 3, "no network", before)


def test_nothing_to_prepare(kreproduce):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("data", "prepare", "cifar100")
    check(kreproduce, result, 2, "did you mean 'cifar10'?", before)


def test_a_results_folder_that_is_a_file(kreproduce):
    (kreproduce.folder / "results").write_text("in the way")
    before = tree(kreproduce.folder.parent)
    result = kreproduce("run", "digits", "--limit", "20")
    check(kreproduce, result, 5, "results is not a folder that can be written", before)


@pytest.mark.slow
@pytest.mark.parametrize("there", [[], ["results"], ["results", "results/runs"]], ids=str)
def test_a_refusal_after_the_claim_leaves_nothing(kreproduce, there):
    """Only TensorFlow knows the devices; no lock and no folder that was not there is left."""
    for name in there:
        (kreproduce.folder / name).mkdir()
    before = tree(kreproduce.folder)
    result = kreproduce("run", "digits", "--limit", "20", "--devices", "9")
    assert (result.code, result.output) == (2, ""), result
    assert "--devices 9: this machine has " in result.message
    assert tree(kreproduce.folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["network", "--ch", "4"],
        ["network", "--ch", "4", "--json"],
        ["run", "digits", "--dry-run"],
        ["run", "cifar10", "--variant", "baseline", "--dry-run"],
        ["run", "malaria", "--ch", "12", "--hflip", "--dry-run"],
    ],
    ids=" ".join,
)
def test_what_needs_no_tensorflow_does_without(kreproduce, arguments):
    before = tree(kreproduce.folder.parent)
    result = kreproduce(*arguments)
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert result.output
    assert tree(kreproduce.folder.parent) == before


def test_the_dry_run_says_what_would_be_run(kreproduce):
    output = kreproduce("run", "cifar10", "--ch", "32", "--dry-run").output
    assert "batch_size: 64\n" in output
    assert "# parameters: 950,650\n" in output
    assert "# computations, as the paper counts: 123,209,110\n" in output
    assert "# computations of the network as trained: 110,958,190\n" in output
    assert "# run folder: results/runs/cifar10-v2-32ch-50epochs-" in output
    (kreproduce.folder / "again.yaml").write_text(output)
    assert kreproduce("run", "again.yaml", "--dry-run").output == output


def test_the_dry_run_counts_the_two_passes_of_hflip_as_the_tables_do(kreproduce):
    (row,) = (row for row in recomputed.rows(6) if "H Flip" in row["model"])
    command = ["run", "cifar10", "--ch", "32", "--epochs", "180", "--dry-run"]
    plain, both = kreproduce(*command).output, kreproduce(*command, "--hflip").output
    said = f"# computations, as the paper counts: {row['computations']:,} (two passes: H flip)\n"
    assert said in both
    assert f"# computations, as the paper counts: {row['computations'] // 2:,}\n" in plain


def test_network_as_json_sums_to_its_totals(kreproduce):
    table = json.loads(kreproduce("network", "--ch", "16", "--json").output)
    assert table["parameters"] == 623_226 == sum(row["parameters"] for row in table["layers"])
    total = sum(row["computations"] for row in table["layers"])
    assert table["computations"] == 124_683_198 == int(total)
    row = next(row for row in table["layers"] if row["layer"] == "block7a_project")
    assert {key: row[key] for key in ("ic", "f", "ch", "g_k1", "fg_k1", "g_k2", "g_l1")} == {
        "ic": 1152,
        "f": 320,
        "ch": 16,
        "g_k1": 72,
        "fg_k1": 4,
        "g_k2": 32,
        "g_l1": 20,
    }
    assert (row["fg_l1"], row["g_l2"]) == (16, 0)


def test_network_prints_a_row_a_layer(kreproduce):
    output = kreproduce("network", "--ch", "16", "--size", "B3").output
    assert "block7b_project" in output
    assert "1,280,612 parameters" in output
    assert "300x300 input" in output
