import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kreproduce.data.folders import check_folder, read_folder
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError


def write_image(path, shade=0, size=(4, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (shade, 0, 0)).save(path)


@pytest.fixture
def divided(tmp_path):
    """Two classes, three training images and one test image of each."""
    for class_number, class_name in enumerate(("cat", "dog")):
        for number in range(3):
            write_image(
                tmp_path / "train" / class_name / f"{number}.png", 10 * class_number + number
            )
        write_image(tmp_path / "test" / class_name / "0.png", 10 * class_number + 9)
    return tmp_path


@pytest.fixture
def flat(tmp_path):
    for class_name in ("cat", "dog"):
        for number in range(3):
            write_image(tmp_path / class_name / f"{number}.png", number)
    return tmp_path


def snapshot(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def refusal(folder):
    """The message with which `folder` is refused: one sentence, and nothing written."""
    before = snapshot(folder.parent)
    with pytest.raises(DataError) as caught:
        open_source(locate("mine", folder), "mine")
    assert snapshot(folder.parent) == before
    message = str(caught.value)
    assert not message.endswith(".")
    assert ". " not in message
    assert "\n" not in message
    return message


def test_train_and_test_folders(divided):
    source = read_folder(divided, "mine")
    assert (source.name, source.kind, source.class_names) == ("mine", "folder", ("cat", "dog"))
    assert source.labels.dtype == np.int32
    assert source.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]
    assert source.parts.tolist() == ["train"] * 6 + ["test"] * 2
    assert source.names[0] == "train/cat/0.png"
    assert source.names == sorted(source.names[:6]) + source.names[6:]
    images = list(source.read(np.array([5, 0, 7])))
    assert [image.shape for image in images] == [(4, 6, 3)] * 3
    assert [int(image[0, 0, 0]) for image in images] == [12, 0, 19]


def test_class_folders_alone(flat):
    source = read_folder(flat, "mine")
    assert source.parts.tolist() == ["all"] * 6
    assert source.names[3] == "dog/0.png"


def test_images_are_known_by_their_suffix_and_the_rest_is_passed_over(flat):
    for number, suffix in enumerate((".JPG", ".jpeg", ".Tif", ".tiff", ".BMP", ".PNG")):
        write_image(flat / "cat" / f"more{number}{suffix}")
    for name in ("cat/Thumbs.db", "cat/.DS_Store", "cat/.hidden.png", "dog/notes.txt", "readme.md"):
        (flat / name).write_bytes(b"no image")
    (flat / ".git").mkdir()
    (flat / "dog" / "nested.png").mkdir()
    source = read_folder(flat, "mine")
    assert len(source.labels) == 12
    assert len(list(source.read(range(12)))) == 12


def test_only_images_asked_for_are_opened(flat):
    (flat / "cat" / "0.png").write_bytes(b"damaged")
    source = read_folder(flat, "mine")
    assert len(list(source.read([1, 2, 3]))) == 3
    with pytest.raises(DataError, match=str(flat / "cat" / "0.png")):
        list(source.read(range(6)))


def test_a_file_that_went_away_is_named(flat):
    source = read_folder(flat, "mine")
    (flat / "cat" / "0.png").unlink()
    with pytest.raises(DataError, match=str(flat / "cat" / "0.png")):
        list(source.read([0]))


def test_a_missing_folder(tmp_path):
    assert refusal(tmp_path / "gone").startswith(f"{tmp_path / 'gone'} does not exist")


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file").startswith(f"{tmp_path / 'file'} is a file")
    assert f"{tmp_path / 'file' / 'below'} cannot be read" in refusal(tmp_path / "file" / "below")


def test_an_empty_folder(tmp_path):
    assert refusal(tmp_path).startswith(f"{tmp_path} holds no class folders")


def test_images_without_class_folders(tmp_path):
    write_image(tmp_path / "a.png")
    assert refusal(tmp_path).startswith(f"{tmp_path} holds no class folders")


def test_one_class_only(tmp_path):
    write_image(tmp_path / "cat" / "a.png")
    assert refusal(tmp_path).startswith(f"{tmp_path} has only one class, 'cat'")


def test_an_empty_class(flat):
    (flat / "emu").mkdir()
    (flat / "emu" / "Thumbs.db").touch()
    assert refusal(flat).startswith(f"{flat / 'emu'} holds no images")


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_one_part_without_the_other(tmp_path, there, missing):
    for class_name in ("cat", "dog"):
        write_image(tmp_path / there / class_name / "a.png")
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path} has a folder '{there}' but no '{missing}'")
    assert len(read_folder(tmp_path / there, "mine").labels) == 2  # the way out that it names


@pytest.mark.parametrize("part", ["train", "test"])
def test_parts_with_different_classes(divided, part):
    write_image(divided / part / "emu" / "a.png")
    other = {"train": "test", "test": "train"}[part]
    assert refusal(divided).startswith(f"{divided / other / 'emu'} is missing")


def test_an_empty_part(divided):
    for path in sorted((divided / "test").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert refusal(divided).startswith(f"{divided / 'test'} holds no class folders")


@pytest.mark.parametrize("where", ["root", "class", "image"])
def test_a_link_to_itself(flat, where):
    loop = {"root": flat / "loop", "class": flat / "loop", "image": flat / "cat" / "loop.png"}[
        where
    ]
    loop.symlink_to(loop)
    message = refusal(loop if where == "root" else flat)
    assert message.startswith(f"{loop} cannot be read (Too many levels of symbolic links)")


def test_a_link_to_nothing(flat):
    (flat / "cat" / "broken.png").symlink_to(flat / "gone.png")
    assert refusal(flat).startswith(f"{flat / 'cat' / 'broken.png'} is not a file")


def test_a_class_may_be_a_link(flat, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_image(elsewhere / "a.png")
    (flat / "emu").symlink_to(elsewhere)
    assert read_folder(flat, "mine").class_names == ("cat", "dog", "emu")


@contextmanager
def as_nobody():
    """Root may read everything, so root becomes somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("inside", [False, True])
def test_an_unreadable_folder(inside):
    # Not tmp_path, which only its owner may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for class_name in ("cat", "dog"):
            write_image(folder / class_name / "a.png")
        folder.chmod(0o755)
        closed = folder / "dog" if inside else folder
        closed.chmod(0)
        try:
            with (
                as_nobody(),
                pytest.raises(DataError, match=f"{closed} cannot be read .Permission"),
            ):
                read_folder(folder, "mine")
        finally:
            closed.chmod(0o755)


def test_an_unreadable_folder_inside_a_class_is_named():
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, see above
        folder = Path(name)
        for class_name in ("cat", "dog", "dog/closed"):
            write_image(folder / class_name / "a.png")
        folder.chmod(0o755)
        (folder / "dog" / "closed").chmod(0)
        try:
            with as_nobody():
                source = read_folder(folder, "mine")
        finally:
            (folder / "dog" / "closed").chmod(0o755)
        assert source.passed_over == (
            f"folders that cannot be read, in {folder / 'dog' / 'closed'}",
        )


def test_a_folder_that_can_be_read_is_not_listed(tmp_path):
    check_folder(tmp_path)


def test_classes_are_sorted_by_code_point(flat):
    write_image(flat / "Zebra" / "a.png")
    assert read_folder(flat, "mine").class_names == ("Zebra", "cat", "dog")


@pytest.mark.parametrize("suffix", [".webp", ".jfif", ".jpe", ".WebP", ".JFIF"])
def test_half_of_a_class_of_another_suffix(flat, suffix):
    form = "WEBP" if suffix.lower() == ".webp" else "JPEG"
    for number in range(3):
        Image.new("RGB", (6, 4)).save(flat / "cat" / f"more{number}{suffix}", form)
    source = read_folder(flat, "mine")
    assert np.bincount(source.labels).tolist() == [6, 3]
    assert len(list(source.read(range(9)))) == 9
    assert source.passed_over == ()


def test_files_of_other_kinds_are_counted_by_suffix(flat):
    for name in ("cat/a.gif", "cat/b.GIF", "dog/c.heic", "dog/notes.txt", "dog/README"):
        (flat / name).touch()
    assert read_folder(flat, "mine").passed_over == (
        "5 files of other kinds (.gif 2, .heic 1, .txt 1, without a suffix 1)",
    )


def test_images_beside_class_folders_are_counted(divided):
    for name in ("a.png", "b.gif", "train/c.jpg", "labels.csv", "README.md"):
        (divided / name).touch()
    assert read_folder(divided, "mine").passed_over == (
        f"3 images beside the class folders ({divided / 'a.png'}, {divided / 'b.gif'}, "
        f"{divided / 'train' / 'c.jpg'})",
    )


def test_images_in_folders_inside_a_class_are_counted(flat):
    for number in range(5):
        write_image(flat / "cat" / f"{number}" / "deep" / "a.png")
        write_image(flat / "cat" / f"{number}" / "b.png")
    (flat / "dog" / "empty").mkdir()
    source = read_folder(flat, "mine")
    assert np.bincount(source.labels).tolist() == [3, 3]
    (line,) = source.passed_over
    assert line.startswith(f"10 images in folders inside class folders ({flat / 'cat' / '0'} has 2")
    assert line.endswith("and 2 more)")


def test_a_class_whose_images_are_in_folders_inside_it(flat):
    write_image(flat / "emu" / "2020" / "a.png")
    message = refusal(flat)
    assert message.startswith(f"{flat / 'emu'} holds no images itself, but 1 in folders inside it")
    (flat / "emu" / "2020" / "a.png").rename(flat / "emu" / "a.png")  # the way out that it names
    assert read_folder(flat, "mine").class_names == ("cat", "dog", "emu")


def test_a_folder_around_the_class_folders(tmp_path):
    write_image(tmp_path / "around" / "pets" / "cat" / "a.png")
    inner = tmp_path / "around" / "pets"
    assert f"pass {inner} if those are the classes" in refusal(tmp_path / "around")


def test_a_class_of_images_of_other_kinds_only(flat):
    (flat / "emu").mkdir()
    (flat / "emu" / "a.gif").touch()
    assert "convert the images to PNG" in refusal(flat)


SYSTEM = (
    *("#recycle", "@eaDir", ".ipynb_checkpoints", "__MACOSX", "System Volume Information"),
    *("$RECYCLE.BIN", "lost+found", ".Trash-1000", ".git", "@Recycle", "#snapshot", "found.000"),
)


@pytest.mark.parametrize("name", SYSTEM)
def test_what_a_system_has_left_is_neither_a_class_nor_counted(divided, name):
    for home in (divided, divided / "train", divided / "train" / "cat"):
        write_image(home / name / "a.png")
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._0.png", "Icon\r"):
        (divided / "train" / "cat" / name).touch()
    source = read_folder(divided, "mine")
    assert source.class_names == ("cat", "dog")
    assert len(source.labels) == 8
    assert source.passed_over == ()


def test_what_else_is_hidden_is_counted(flat):
    write_image(flat / ".net" / "a.png")
    write_image(flat / "cat" / ".b.png")
    (flat / ".empty").mkdir()
    assert read_folder(flat, "mine").passed_over == (
        f"what is hidden: {flat / '.net'}, {flat / 'cat' / '.b.png'}",
    )


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def test_a_class_that_is_spelled_in_both_ways_of_unicode(tmp_path):
    for part, name in (("train", COMPOSED), ("test", DECOMPOSED)):
        write_image(tmp_path / part / name / "a.png")
        write_image(tmp_path / part / "dog" / "a.png")
    source = read_folder(tmp_path, "mine")
    assert source.class_names == (COMPOSED, "dog")
    assert source.labels.tolist() == [0, 1, 0, 1]
    assert len(list(source.read(range(4)))) == 4


def test_both_spellings_in_one_folder_are_one_class(flat):
    write_image(flat / COMPOSED / "a.png", 1)
    write_image(flat / DECOMPOSED / "b.png", 2)
    source = read_folder(flat, "mine")
    assert source.class_names == (COMPOSED, "cat", "dog")
    assert source.names[:2] == [f"{COMPOSED}/a.png", f"{COMPOSED}/b.png"]
    assert [int(image[0, 0, 0]) for image in source.read([0, 1])] == [1, 2]


def test_names_of_files_are_the_same_in_both_ways_of_unicode(tmp_path):
    for copy, name in (("one", COMPOSED), ("other", DECOMPOSED)):
        for class_name in ("cat", "dog"):
            write_image(tmp_path / copy / class_name / f"{name}.png")
            write_image(tmp_path / copy / class_name / "caff.png")
    one, other = (read_folder(tmp_path / copy, "mine") for copy in ("one", "other"))
    assert one.names == other.names


@pytest.mark.parametrize("to", ["flat", "class"])
def test_a_link_back_up_is_not_followed(flat, to):
    (flat / "cat" / "up").symlink_to(flat if to == "flat" else flat / "cat")
    assert read_folder(flat, "mine").passed_over == ()


def test_a_link_inside_a_class_is_counted(flat):
    (flat / "cat" / "more").symlink_to(flat / "dog")
    assert "3 images in folders inside" in read_folder(flat, "mine").passed_over[0]


@pytest.mark.parametrize("name", ["[red]x[", ":smile:", "two\nlines", "\x1b[31mred", "a\\"])
def test_any_name_of_a_class(flat, name):
    write_image(flat / name / "a.png")
    source = read_folder(flat, "mine")
    assert name in source.class_names
    assert len(list(source.read(range(7)))) == 7
