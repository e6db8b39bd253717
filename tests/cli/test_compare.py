"""`kreproduce compare` in a process of its own: what it prints, draws and refuses."""

import json
import os
import subprocess
import sys

import pytest
from helpers.support import tree
from PIL import Image

HEADER = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n"
OURS = HEADER + "1,2.0,0.25,2.5,0.2,0.001,3\n2,1.0,0.5,1.25,0.4,0.0015,3\n"
THEIRS = "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n"
THEIRS += "1,1.5,0.5,2.25,0.3,99\n2,0.5,0.75,1.5,0.5,99\n3,0.25,0.9,1.0,0.6,99\n"


@pytest.fixture
def two(kreproduce):
    """An unfinished run of two epochs, and a reference of three."""
    run = kreproduce.folder / "results" / "runs" / "digits-v2"
    run.mkdir(parents=True)
    (run / "history.csv").write_text(OURS)
    (kreproduce.folder / "theirs.csv").write_text(THEIRS)
    return kreproduce


def drawn(two, name):
    with Image.open(two.folder / name) as picture:
        return picture.format, picture.size


def test_a_run_beside_a_reference(two):
    result = two("compare", "digits-v2", "--reference", "theirs.csv")
    assert (result.code, result.imported) == (0, []), result
    lines = [line.split() for line in result.output.splitlines()]
    first = (
        "1 2.0000 1.5000 +0.5000 0.2500 0.5000 -0.2500 2.5000 2.2500 +0.2500 0.2000 0.3000 -0.1000"
    )
    assert lines[2] == first.split()
    assert lines[4] == []  # only the two epochs that both have
    assert "run: digits-v2, epochs 1 to 2\nreference: theirs, epochs 1 to 3\n" in result.output
    picture = "digits-v2-beside-theirs.png"
    assert result.output.endswith(f"drawn in {picture}\n")
    kind, size = drawn(two, picture)
    assert kind == "PNG"
    assert min(size) > 600


def test_as_json_into_a_file_of_choice(two):
    run = two.folder / "results" / "runs" / "digits-v2"
    result = two("compare", run, "--reference", "theirs.csv", "--json", "--output", "p.png")
    values = json.loads(result.output)
    assert values["epochs"][1]["val_loss"] == {"run": 1.25, "reference": 1.5, "gap": -0.25}
    assert values["picture"] == "p.png"
    assert drawn(two, "p.png")[0] == "PNG"
    assert not (two.folder / "digits-v2-beside-theirs.png").exists()


def test_its_own_picture_is_written_over_and_no_other_file(two):
    """One that it made and somebody changed is somebody else's."""
    arguments = ["compare", "digits-v2", "--reference", "theirs.csv"]
    path = two.folder / "digits-v2-beside-theirs.png"
    assert two(*arguments).code == 0
    first = path.read_bytes()
    history = two.folder / "results" / "runs" / "digits-v2" / "history.csv"
    history.write_text(OURS + "3,0.5,0.75,1.25,0.4,0.001,3\n")
    assert two(*arguments).code == 0
    assert path.read_bytes() != first
    path.write_bytes(first[:200] + b"!" + first[201:])
    before = tree(two.folder)
    message = f"{path.name} is not a file as `kreproduce compare` made it; choose another --outp"
    check(two, before, two(*arguments), 7, message)
    assert two(*arguments, "--force").code == 0
    assert drawn(two, path.name)[0] == "PNG"
    assert tree(two.folder).keys() == before.keys()


def test_a_log_of_keras_with_a_word(two):
    (two.folder / "log.csv").write_text("epoch,acc,val_acc\n0,0.6,0.5\n1,0.625,0.5\n")
    result = two("compare", "digits-v2", "--reference", "log.csv", "--force")
    assert (result.code, result.message) == (0, "")
    assert "reference: log, epochs 1 to 2\n" in result.output
    assert "log.csv counts its epochs from 0, as Keras does: here they count from 1\n" in (
        result.output
    )


def test_without_a_display_and_with_an_unknown_backend(two, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "of a notebook")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert two("compare", "digits-v2", "--reference", "digits-v2").code == 0


def check(two, before, result, code, message):
    assert result.code == code, result
    assert message in result.message
    assert len(result.message.splitlines()) == 1, result.message
    assert (result.output, result.imported) == ("", [])
    assert tree(two.folder) == before


REFUSED = {
    "no such run": (["digits-v3", "--reference", "theirs.csv"], 2, "did you mean 'digits-v2'?"),
    "no such reference": (["digits-v2", "--reference", "other.csv"], 2, "called 'other.csv'"),
    "no name": (["", "--reference", "theirs.csv"], 2, "RUN '' is empty"),
    "no file can be called so": (["x" * 999, "--reference", "theirs.csv"], 3, "cannot be read"),
    "a folder": (["digits-v2", "--reference", "results"], 3, "results holds no history.csv"),
    "a pipe": (["digits-v2", "--reference", "pipe"], 3, "pipe is not a file"),
    "a folder in its place": (["odd", "--reference", "theirs.csv"], 3, "history.csv is not a file"),
    "unreadable": (["digits-v2", "--reference", "/proc/self/mem"], 3, "cannot be read: Input/outp"),
    "damaged": (["digits-v2", "--reference", "inf.csv"], 3, "inf.csv, line 2: loss is 'inf'"),
    "another kind of picture": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "p.xyz"],
        2,
        "--output p.xyz: let its name end in .svg, .png or .pdf",
    ),
    "no folder": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "no/p.png"],
        5,
        "no/p.png cannot be written: there is no folder no",
    ),
    "onto a folder": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "d.png"],
        5,
        "d.png cannot be written: it is a folder",
    ),
    "not allowed": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "/sys/p.png"],
        5,
        "/sys/p.png cannot be written: ",
    ),
    "onto a photograph": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "photo.png"],
        7,
        "photo.png is not a file as `kreproduce compare` made it; choose another --output, or",
    ),
    "onto a link": (
        ["digits-v2", "--reference", "theirs.csv", "--output", "link.png"],
        7,
        "link.png is not a file as",
    ),
    "a name that is too long": (
        ["digits-v2", "--reference", "theirs.csv", "--output", f"{'x' * 300}.png"],
        5,
        "cannot be written: File name too long",
    ),
    "a quote that is not closed": (
        ["digits-v2", "--reference", "quote.csv"],
        3,
        "quote.csv, line 2: a quote is not closed on its line",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED.values(), ids=list(REFUSED))
def test_refused_in_one_sentence(two, arguments, code, message):
    os.mkfifo(two.folder / "pipe")
    (two.folder / "odd" / "history.csv").mkdir(parents=True)
    (two.folder / "inf.csv").write_text("epoch,loss\n1,inf\n")
    (two.folder / "quote.csv").write_text('epoch,loss,note\n1,1,"best\n2,1,\n')
    (two.folder / "d.png").mkdir()
    Image.new("RGB", (20, 20)).save(two.folder / "photo.png")
    (two.folder / "link.png").symlink_to("nowhere.png")
    before = tree(two.folder)
    check(two, before, two("compare", *arguments), code, message)


def test_without_a_reference(two):
    result = two("compare", "digits-v2")
    assert result.code == 2
    assert result.message == (
        "kreproduce: a run is compared with a second run or with a --reference; give one of them"
    )


def test_a_full_disk(two):
    """The old picture stays as it was, and so does a file called as one on its way there was."""
    (two.folder / "p.png").write_text("what was there before")
    (two.folder / "new-p.png").write_text("somebody else's")
    before = tree(two.folder)
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from kreproduce.cli import main; main()"
    )
    arguments = [
        "compare",
        "digits-v2",
        "--reference",
        "theirs.csv",
        "--output",
        "p.png",
        "--force",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=two.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("kreproduce: p.png cannot be written: File too large; choose")
    assert tree(two.folder) == before
