"""`kreproduce data` as a user meets it, in a process of its own."""

import io

import pytest
from helpers.encoded import noise, with_cut_exif
from helpers.published import archive, unpacked
from helpers.support import tree, write_images
from helpers.tfds_json import write_version
from PIL import Image

from kreproduce.data.archives import PUBLISHED


def refused(kreproduce, code, message, *arguments):
    """One sentence at once, and nothing on disk."""
    before = tree(kreproduce.folder.parent)
    result = kreproduce("data", *arguments)
    assert result.code == code, result
    assert message in result.message
    assert len(result.message.splitlines()) == 1, result.message
    assert result.imported == []
    assert tree(kreproduce.folder.parent) == before
    return result


@pytest.fixture
def pets(kreproduce):
    write_images(kreproduce.folder / "pets", {"cat": 9, "dog": 9})
    return kreproduce.folder / "pets"


def test_a_cache_of_a_folder_is_prepared_checked_and_run(kreproduce, pets):
    prepared = kreproduce("data", "prepare", "pets", "--folder", "pets", "--data-dir", "kept")
    assert (prepared.code, prepared.message, prepared.imported) == (0, "", [])
    assert prepared.output == "pets is prepared in kept/pets.kreproduce.npz (0 MB)\n"
    assert [path.name for path in (kreproduce.folder / "kept").iterdir()] == ["pets.kreproduce.npz"]
    results = [kreproduce("data", "check", "pets", "--data-dir", d) for d in ("pets", "kept")]
    for result, where in zip(
        results, ("folder: pets", "folder, through a cache: kept"), strict=True
    ):
        assert (result.code, result.message, result.imported) == (0, "", [])
        assert f"read         {where}" in result.output
        assert "original     no: read from a folder of images" in result.output
        assert "pixels       12x12" in result.output
    fingerprints = [result.output.split("fingerprint")[1] for result in results]
    assert fingerprints[0] == fingerprints[1]
    plans = [
        kreproduce("run", "pets", "--ch", "16", "--dry-run", "--data-dir", d)
        for d in ("pets", "kept")
    ]
    assert plans[0].output == plans[1].output
    assert "classes: 2" in plans[0].output


def test_a_set_of_tfds_says_its_number_of_classes(kreproduce, tmp_path):
    write_version(tmp_path / "sets" / "pets" / "1.0.0")
    result = kreproduce("run", "pets", "--ch", "16", "--data-dir", tmp_path / "sets", "--dry-run")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert "data_name: pets\nclasses: 3\n" in result.output
    (tmp_path / "sets" / "pets" / "1.0.0" / "label.labels.txt").unlink()
    for command in (["run", "--ch", "16"], ["data", "check"], ["data", "show"]):
        result = kreproduce(*command, "pets", "--data-dir", tmp_path / "sets")
        assert (result.code, result.imported) == (3, [])
        assert "label.labels.txt is missing, and the names of the 3 classes" in result.message


@pytest.mark.parametrize(
    ("dataset", "ch"), [("malaria", 8), ("colorectal_histology", 4), ("cifar10", 16)]
)
def test_an_unpacked_archive_is_run_without_configuration(kreproduce, dataset, ch):
    unpacked(kreproduce.folder, dataset)
    result = kreproduce("run", dataset, "--ch", ch, "--data-dir", ".", "--dry-run")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert f"data_name: {dataset}-folder\n" in result.output


def test_other_batches_of_cifar10_are_held_out_under_another_name(kreproduce):
    unpacked(kreproduce.folder, "cifar10")
    result = kreproduce("run", "cifar10-heldout", "--ch", 4, "--data-dir", ".", "--dry-run")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert "data_name: cifar10-heldout-folder\n" in result.output


def test_a_folder_without_the_batches_holds_nothing_out(kreproduce, pets):
    result = refused(
        kreproduce, 3, "pets holds no cifar-10", "check", "cifar10-heldout", "--data-dir", "pets"
    )
    assert "training batches in their order" in result.message


def test_a_cache_of_a_folder_under_a_name_of_the_paper_gets_another(kreproduce):
    unpacked(kreproduce.folder, "malaria")
    kreproduce("data", "prepare", "malaria", "--folder", ".", "--data-dir", "kept")
    direct, cached = (
        kreproduce("run", "malaria", "--ch", "8", "--data-dir", d, "--dry-run")
        for d in (".", "kept")
    )
    assert cached.code == 0
    assert "data_name: malaria-folder\n" in cached.output
    assert cached.output == direct.output
    refusal = kreproduce(
        "run", "malaria", "--ch", "8", "--data-dir", "kept", "--data-name", "malaria"
    )
    assert refusal.code == 3
    assert "not the original images of malaria (read from a folder" in refusal.message


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_an_archive_that_is_not_the_published_one(kreproduce, dataset):
    path = archive(kreproduce.folder, dataset)
    size, expected = path.stat().st_size, PUBLISHED[dataset].size
    message = f"it has {size:,} bytes where {expected:,} are expected"
    refused(kreproduce, 3, message, "prepare", dataset, "--archive", path.name)


def test_an_archive_of_the_right_size_and_another_content(kreproduce):
    with (kreproduce.folder / "a.zip").open("wb") as file:
        file.truncate(PUBLISHED["malaria"].size)  # takes no room on the disk
    result = kreproduce("data", "prepare", "malaria", "--archive", "a.zip")
    assert (result.code, result.imported) == (3, [])
    assert "its SHA-256 is " in result.message
    assert PUBLISHED["malaria"].sha256 in result.message


PREPARE = {
    "no such dataset": (2, "did you mean 'cifar10'?", ["cifar11"]),
    "no such dataset for an archive": (2, "'cifar11': did", ["cifar11", "--archive", "x"]),
    "digits": (2, "'digits' is built in", ["digits"]),
    "no such archive": (3, "x.zip cannot be read (No such", ["malaria", "--archive", "x.zip"]),
    "a folder as an archive": (3, "pets is not a file", ["malaria", "--archive", "pets"]),
    "both": (2, "give one of them", ["malaria", "--archive", "x", "--folder", "y"]),
    "no place": (2, "--folder needs --data-dir", ["pets", "--folder", "pets"]),
    "no folder": (3, "x does not exist", ["pets", "--folder", "x", "--data-dir", "y"]),
    "no name": (2, "'../x' is neither", ["../x", "--folder", "pets", "--data-dir", "y"]),
    "a place that is a file": (
        5,
        "file cannot be written: there is a file where a folder has to be",
        ["pets", "--folder", "pets", "--data-dir", "file"],
    ),
}


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize(("code", "message", "arguments"), PREPARE.values(), ids=list(PREPARE))
def test_what_cannot_be_prepared(kreproduce, code, message, arguments):
    (kreproduce.folder / "file").touch()
    refused(kreproduce, code, message, "prepare", *arguments)


def test_what_is_refused_while_it_is_prepared_leaves_nothing(kreproduce, pets):
    (pets / "dog" / "004.png").write_bytes(b"")
    arguments = ["prepare", "pets", "--folder", "pets", "--data-dir", "kept/here"]
    refused(kreproduce, 3, "pets/dog/004.png cannot be read as an image", *arguments)


def test_check_names_what_is_damaged(kreproduce, pets):
    (pets / "dog" / "004.png").write_bytes(b"")
    before = tree(kreproduce.folder.parent)
    result = kreproduce("data", "check", "pets", "--data-dir", "pets")
    assert (result.code, result.imported) == (3, [])
    assert "wrong: pets/dog/004.png cannot be read as an image" in result.output
    assert "fingerprint  none" in result.output
    assert result.message.startswith("kreproduce: one thing is wrong with the images of 'pets'")
    assert tree(kreproduce.folder.parent) == before


@pytest.mark.parametrize("command", ["check", "prepare"])
def test_what_pillow_warns_of_is_one_line_with_the_number_of_files(kreproduce, pets, command):
    for name in ("cat", "dog"):
        for number in (3, 7):
            (pets / name / f"{number}.jpg").write_bytes(with_cut_exif(noise(12, 12)))
    where = {"check": ("--data-dir", "pets"), "prepare": ("--folder", "pets", "--data-dir", ".")}
    result = kreproduce("data", command, "pets", *where[command])
    assert (result.code, result.imported) == (0, [])
    assert result.message == (
        "kreproduce: warning: 4 images were read although Pillow warned of a flaw: "
        "pets/cat/3.jpg (Corrupt EXIF data. Expecting to read 12 bytes but only got 8) "
        "and 3 others"
    )


def test_check_counts_the_classes_of_the_paper(kreproduce):
    unpacked(kreproduce.folder, "malaria")
    result = kreproduce("data", "check", "malaria", "--data-dir", ".")
    assert (result.code, result.imported) == (3, [])
    assert "Parasitized     16           2     2        20\n" in result.output
    assert "all             32           4     4        40\n" in result.output
    assert "pixels       40 sizes from 20x30 to 59x30" in result.output
    assert "wrong: class Uninfected has 20 images, and 13,779 in the original" in result.output
    assert "2 things are wrong" in result.message


def test_check_obeys_no_name(kreproduce):
    """Neither what a terminal would, nor what the library of the table would."""
    write_images(kreproduce.folder / "pets", {"\x1b[31mcat": 4, "[bold]dog": 4})
    (kreproduce.folder / "pets" / "[bold]dog" / "a\nb.png").touch()
    result = kreproduce("data", "check", "pets", "--data-dir", "pets")
    assert "?[31mcat" in result.output
    assert "[bold]dog  " in result.output
    assert "wrong: pets/[bold]dog/a?b.png cannot be read as an image (it is empty" in result.output
    assert "\x1b" not in result.output


CHECK = {
    "an unknown name": (2, "did you mean 'cifar10'?", ["cifar11"]),
    "nothing prepared": (3, "run `kreproduce data prepare cifar10`", ["cifar10"]),
    "no folder": (3, "x does not exist", ["pets", "--data-dir", "x"]),
    "a file": (3, "file is a file", ["pets", "--data-dir", "file"]),
    "digits elsewhere": (2, "'digits' is built in", ["digits", "--data-dir", "pets"]),
}
SHOW = CHECK | {
    "no png": (
        2,
        "let its name end in .png",
        ["digits", "--output", "x.jpg"],
    ),
    "a folder": (5, "d.png cannot be written: it is a folder", ["digits", "--output", "d.png"]),
    "no such folder": (5, "there is no folder away", ["digits", "--output", "away/x.png"]),
    "a photograph": (
        7,
        "photo.png is not a file as `kreproduce data show` made it; choose another --output, or",
        ["digits", "--output", "photo.png"],
    ),
    "the default's name": (7, "digits.png is not a file as", ["digits"]),
    "below a file": (5, "there is no folder file", ["digits", "--output", "file/x.png"]),
}


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize(
    ("command", "code", "message", "arguments"),
    [("check", *case) for case in CHECK.values()] + [("show", *case) for case in SHOW.values()],
    ids=[f"check {name}" for name in CHECK] + [f"show {name}" for name in SHOW],
)
def test_refusals_are_immediate(kreproduce, command, code, message, arguments):
    (kreproduce.folder / "file").touch()
    (kreproduce.folder / "d.png").mkdir()
    Image.new("RGB", (20, 20)).save(kreproduce.folder / "photo.png")
    (kreproduce.folder / "digits.png").write_text("digits that somebody drew")
    refused(kreproduce, code, message, command, *arguments)


@pytest.mark.parametrize("option", ["--count", "--epoch"])
def test_show_of_nothing(kreproduce, option):
    result = kreproduce("data", "show", "digits", option, "0")
    assert (result.code, result.imported) == (2, [])
    assert f"Invalid value for '{option}'" in result.message


def test_show_writes_a_png_and_knows_it_again(kreproduce):
    (kreproduce.folder / "digits.png").write_text("digits that somebody drew")
    for count, force in ((1, ["--force"]), (9, [])):
        result = kreproduce("data", "show", "digits", "--count", count, *force)
        assert (result.code, result.message, result.output) == (0, "", "wrote digits.png\n")
    with Image.open(io.BytesIO((kreproduce.folder / "digits.png").read_bytes())) as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (8 * 118 + 6, 2 * (14 + 2 * 118 + 6) + 6))


def test_show_of_a_damaged_image(kreproduce, pets):
    for path in pets.rglob("*.png"):
        path.write_bytes(b"")
    result = kreproduce("data", "show", "pets", "--data-dir", "pets")
    assert result.code == 3
    assert "cannot be read as an image" in result.message
    assert len(result.message.splitlines()) == 1
    assert not (kreproduce.folder / "pets.png").exists()


def test_check_names_what_is_passed_over_and_what_is_repeated(kreproduce, pets):
    for name in ("dog/a.gif", "beside.png", "cat/Thumbs.db"):
        (pets / name).touch()
    (pets / "dog" / "copy.png").write_bytes((pets / "cat" / "000.png").read_bytes())
    result = kreproduce("data", "check", "pets", "--data-dir", "pets")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert "passed over  1 image beside the class folders (pets/beside.png)\n" in result.output
    assert "passed over  1 file of other kinds (.gif 1)\n" in result.output
    assert (
        "repeated     1 picture stands in two classes (say cat/000.png and dog/copy.png)\n"
        in result.output
    )
    prepared = kreproduce("data", "prepare", "pets", "--folder", "pets", "--data-dir", "kept")
    assert prepared.code == 0
    assert prepared.message == (
        "kreproduce: warning: passed over: 1 image beside the class folders (pets/beside.png); "
        "1 file of other kinds (.gif 1)"
    )
    cached = kreproduce("data", "check", "pets", "--data-dir", "kept")
    assert "repeated     1 picture stands in two classes" in cached.output


def test_check_of_a_folder_with_nothing_else_in_it(kreproduce, pets):
    assert pets.is_dir()
    result = kreproduce("data", "check", "pets", "--data-dir", "pets")
    assert result.output.endswith("passed over  none\nrepeated     none\n")


def test_any_name_of_a_class_is_checked_prepared_and_planned(kreproduce):
    """Neither brackets nor colons mean anything, as they do to the library of the table."""
    names = ("[red]x[", ":smile:", "a\\")
    write_images(kreproduce.folder / "pets", dict.fromkeys(names, 4))
    for command in (
        ("data", "check", "pets", "--data-dir", "pets"),
        ("data", "prepare", "pets", "--folder", "pets", "--data-dir", "kept"),
        ("run", "pets", "--ch", "16", "--dry-run", "--data-dir", "kept"),
    ):
        result = kreproduce(*command)
        assert (result.code, result.message) == (0, ""), result
        if command[1] == "check":
            rows = [line.split()[0] for line in result.output.splitlines()[1:4]]
            assert sorted(rows) == sorted(names)


def test_classes_that_are_called_like_parts(kreproduce):
    """A class of trains, say, as PASCAL VOC has."""
    write_images(kreproduce.folder / "vehicles", {"bus": 6, "car": 6, "train": 6})
    result = kreproduce("data", "check", "vehicles", "--data-dir", "vehicles")
    assert (result.code, result.message) == (0, "")
    assert "train      4           1     1         6\n" in result.output
