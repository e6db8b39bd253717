"""Downloads that are really run, by the command line and TFDS, from a host on this machine."""

import contextlib
import hashlib
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.host import Host
from helpers.support import tree

from kreproduce.data import archives, cache, download
from kreproduce.data.archives import PUBLISHED, Archive
from kreproduce.data.prepare import prepare
from kreproduce.errors import DataError, StorageError
from kreproduce.system import disk

NAME = "cifar-10-binary.tar.gz"
WAY_OUT = (
    f": run the same command again later, or get {NAME} from elsewhere and run `kreproduce data "
    f"prepare cifar10 --archive {NAME}`"
)


def way_out_to(folder):
    """As `WAY_OUT`, to a folder that is not the one where datasets are looked for."""
    return f"{WAY_OUT[:-1]} --data-dir {folder}`"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("host"))
    yield host
    host.close()


@pytest.fixture
def host(server, monkeypatch):
    """The host, from which this process and those that it starts download."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    for dataset, known in server.known.items():
        monkeypatch.setitem(PUBLISHED, dataset, Archive(**known))
    server.manner = "whole"
    server.asked.clear()
    server.released.clear()
    yield server
    server.released.set()


@pytest.fixture
def data(tmp_path):
    """TFDS' data directory, which is not there yet."""
    return tmp_path / "tfds"


@contextlib.contextmanager
def largest_file(size):
    """No file that this process and those that it starts write may have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Begun:
    """A `kreproduce data prepare` under way."""

    def __init__(self, data, dataset="cifar10", stderr=subprocess.PIPE, **own):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kreproduce", "data", "prepare", dataset],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=data.parent,
            env=os.environ | {"HOME": str(data.parent), "TFDS_DATA_DIR": str(data)} | own,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def wait_for(self, *words):
        """Read on to a line with all of these."""
        for line in self.process.stderr:
            if all(word in line for word in words):
                return
        raise AssertionError(f"ended without {words}")

    def end(self, number):
        """Send it a signal; returns its exit code and what it said since."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said


def downloading(host):
    """The processes that download from `host`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if any(word.startswith(host.url) for word in words):
                found.append(words)
    return found


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("missing", "HOST answers with the HTTP status 404 to URL"),
        ("broken", "the download of URL broke off after 90.1 kB of 185.2 kB"),
        ("other", "URL sends another file than the published archive (its SHA-256 is OTHER where "),
        ("page", "URL sends another file than the published archive (it has 25 bytes where 185,20"),
        ("refusing", "URL cannot be downloaded (Remote end closed connection without response)"),
        ("busy", "URL cannot be downloaded (too many 503 error responses)"),
    ],
)
def test_a_host_that_does_not_send_the_archive(host, data, manner, message):
    host.manner = manner
    with pytest.raises(DataError) as caught:
        prepare("cifar10", data)
    zeros = hashlib.sha256(bytes(host.known["cifar10"]["size"])).hexdigest()
    named = {"URL": f"{host.url}/{NAME}", "HOST": host.url.removeprefix("http://"), "OTHER": zeros}
    for word, meant in named.items():
        message = message.replace(word, meant)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(way_out_to(data))
    assert not data.exists()


def test_the_command_line_says_it_and_imports_no_tensorflow(kreproduce, host, data):
    host.manner = "broken"
    result = kreproduce("data", "prepare", "cifar10")
    assert (result.code, result.output, result.imported) == (3, "", [])
    *lines, last = result.message.splitlines()
    assert last.startswith(f"kreproduce: the download of {host.url}/{NAME} broke off after 90.1 kB")
    assert lines[0] == "downloading cifar10: 0 bytes of 185.2 kB"
    assert all(line.startswith("downloading cifar10: ") for line in lines)
    assert not data.exists()


def test_a_run_without_its_images_downloads_them(kreproduce, host, data):
    host.manner = "missing"
    result = kreproduce("run", "cifar10", "--ch", "16")
    assert (result.code, result.imported) == (3, [])
    assert "answers with the HTTP status 404" in result.message
    assert host.asked == [f"/{NAME}"]
    assert not data.exists()
    assert not list(kreproduce.folder.iterdir())


def unused():
    """A port of this machine where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return closed.getsockname()[1]


@pytest.mark.parametrize("where", ["nowhere.invalid", "127.0.0.1"])
def test_no_network(kreproduce, host, data, monkeypatch, where):
    netloc = where if where.endswith("invalid") else f"{where}:{unused()}"
    elsewhere = host.environment(cifar10=f"http://{netloc}/{NAME}")
    monkeypatch.setenv("LOCAL_ARCHIVES", elsewhere["LOCAL_ARCHIVES"])
    result = kreproduce("data", "prepare", "cifar10")
    assert (result.code, result.output, result.imported) == (3, "", [])
    assert result.message.startswith(f"kreproduce: no network: the host of 'cifar10', {netloc}, ")
    assert "`kreproduce data prepare cifar10` on a machine that reaches it" in result.message
    assert result.message.endswith(
        f"get {NAME} from elsewhere and give it to the same command with --archive"
    )
    assert len(result.message.splitlines()) == 1
    assert not data.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_slow_download_is_seen_and_can_be_stopped(host, data, number, code):
    host.manner = "slow"
    with Begun(data) as begun:
        begun.wait_for("downloading cifar10: 0 bytes of 185.2 kB")
        begun.wait_for("downloading cifar10: ", " kB of 185.2 kB")
        ended, said = begun.end(number)
    assert ended == code
    assert said.splitlines()[-1] == f"kreproduce: interrupted by {number.name}"
    assert not downloading(host)
    assert not data.exists()


@pytest.mark.slow
def test_a_killed_download_ends_and_leaves_what_the_next_removes(kreproduce, host, data):
    host.manner = "slow"
    with Begun(data) as begun:
        begun.wait_for("downloading cifar10: ", " kB of 185.2 kB")
        begun.end(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while downloading(host):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    partial = [path for path in data.rglob(NAME) if path.is_file()]
    assert len(partial) == 1
    host.manner = "missing"
    assert kreproduce("data", "prepare", "cifar10").code == 3
    assert tree(data) == {}


@pytest.mark.slow
def test_a_terminal_is_shown_a_bar_in_bytes(host, data):
    host.manner = "broken"
    terminal, other = pty.openpty()
    shown = b""
    with Begun(data, stderr=other, TERM="xterm", COLUMNS="120") as begun:
        os.close(other)
        with contextlib.suppress(OSError):  # as Linux says that nobody has the other end any more
            while part := os.read(terminal, 4096):
                shown += part
        os.close(terminal)
        assert begun.process.wait(20) == 3
    text = shown.decode()
    assert "downloading cifar10" in text
    assert "90.1/185.2 kB" in text
    assert "kreproduce: the download of " in text
    assert "url/s" not in text  # as TFDS' own bars have


def test_what_came_last_is_said(host, data, monkeypatch):
    """However seldom it is looked at, as on a busy machine."""
    monkeypatch.setattr(download, "_LOOK", 60.0)
    host.manner = "broken"
    said = []

    class Watch:
        def downloading(self, received, size):
            said.append((received, size))

        def preparing(self):
            raise AssertionError("nothing is there to be prepared")

    with pytest.raises(DataError):
        prepare("cifar10", data, Watch())
    assert len(said) == 1
    received, size = said[0]
    assert 0 < received < size


def test_a_host_that_falls_silent(host, data, monkeypatch):
    host.manner = "silent"
    monkeypatch.setattr(download, "_SILENCE", 5.0)
    end = threading.Timer(60, host.released.set)  # if nobody else ends it
    end.start()
    with pytest.raises(DataError) as caught:
        prepare("cifar10", data)
    end.cancel()
    assert str(caught.value) == (
        f"{host.url.removeprefix('http://')} has sent nothing for 5 s, after 90.1 kB of 185.2 kB "
        f"of {host.url}/{NAME}{way_out_to(data)}"
    )
    assert not downloading(host)
    assert not data.exists()


def test_a_disk_that_fills_while_it_downloads(kreproduce, host, data):
    with largest_file(2**16):
        result = kreproduce("data", "prepare", "cifar10")
    assert (result.code, result.imported) == (5, [])
    assert result.message.splitlines()[-1] == (
        f"kreproduce: {data} cannot be written: File too large (the archive of 'cifar10' has "
        "185.2 kB); choose another folder with TFDS_DATA_DIR, "
        "or with --data-dir of `data prepare`"
    )
    assert not data.exists()


def test_a_disk_without_room_for_the_archive(host, data, monkeypatch):
    host.manner = "missing"
    monkeypatch.setattr(disk, "room", lambda folder: 1000)
    with pytest.raises(StorageError, match=r"has room for 1.0 kB, .* 185.2 kB: make room, or "):
        prepare("cifar10", data)
    assert not host.asked
    assert not data.exists()


def test_what_was_downloaded_is_known_again_if_it_is_whole(host, data):
    downloaded = []

    class Watch:
        def downloading(self, received, size):
            downloaded.append((received, size))

    def again(scratch):
        (data / scratch).mkdir(parents=True)
        download.download("malaria", data, data / scratch, Watch())

    again("first")
    size = host.known["malaria"]["size"]
    assert downloaded[-1] == (size, size)
    assert download.is_downloaded("malaria", data)
    assert not download.is_downloaded("cifar10", data)
    (file,) = (data / "downloads" / "malaria").glob("*.zip")
    content = file.read_bytes()
    assert content == host.content["/cell_images.zip"]
    for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        file.write_bytes(damaged)  # TFDS would take it for whole, by its name
        assert not download.is_downloaded("malaria", data)
    again("second")
    assert file.read_bytes() == content
    note = file.with_name(f"{file.name}.INFO")
    for damage in ("", "[]", "{}", '{"urls": 3}'):
        note.write_text(damage)
        assert not download.is_downloaded("malaria", data)


def same(path, dataset, host, folder):
    """Whether a cache holds the images of the archive, each as often."""
    archive = folder / "archive"
    archive.write_bytes(host.content[f"/{host.known[dataset]['url'].rpartition('/')[2]}"])
    source = cache.read(path)
    with archives.opened(archive, dataset) as known:
        listed = [
            sorted(
                (int(label), image.shape, image.tobytes())
                for label, image in zip(one.labels, one.read(range(len(one.labels))), strict=True)
            )
            for one in (source, known)
        ]
    return listed[0] == listed[1]


@pytest.mark.slow
def test_after_all_that_can_go_wrong_the_next_try_prepares_it(kreproduce, host, data, tmp_path):
    for manner in ("broken", "other", "missing"):
        host.manner = manner
        assert kreproduce("data", "prepare", "cifar10").code == 3
    host.manner = "slow"
    with Begun(data) as begun:
        begun.wait_for("downloading cifar10: ", " kB of 185.2 kB")
        begun.end(signal.SIGKILL)
    manual = data / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / NAME).write_text("TFDS would take this file, and refuse it")
    host.manner = "whole"
    result = kreproduce("data", "prepare", "cifar10")
    path = data / "cifar10.kreproduce.npz"
    assert (result.code, result.output) == (0, f"cifar10 is prepared in {path} (0 MB)\n")
    *lines, last = result.message.splitlines()
    assert all(line.startswith("downloading cifar10: ") for line in lines)
    assert lines[-1] == "downloading cifar10: 185.2 kB of 185.2 kB"
    assert last == "unpacking cifar10, which takes a minute or two"
    assert same(path, "cifar10", host, tmp_path)
    assert {one.name for one in data.iterdir()} == {"cifar10", "downloads", path.name}
    assert not list(data.rglob("*.tmp.*")) + list(data.rglob("*incomplete*"))
    asked = len(host.asked)
    again = kreproduce("data", "prepare", "cifar10")
    assert (again.code, again.message, again.imported) == (0, "", [])
    assert len(host.asked) == asked


@pytest.mark.slow
def test_it_is_stopped_while_the_images_are_prepared(host, data):
    """What was downloaded is kept, and nothing of what was begun."""
    with Begun(data, "malaria") as begun:
        begun.wait_for("unpacking malaria")
        while not list(data.glob("malaria/incomplete.*")):
            assert begun.process.poll() is None
            time.sleep(0.01)
        code, said = begun.end(signal.SIGTERM)
    assert (code, said) == (143, "kreproduce: interrupted by SIGTERM\n")
    assert download.is_downloaded("malaria", data)
    left = [path for path in data.rglob("*") if "downloads" not in path.parts]
    assert left == [data / "malaria"]
    assert not list(data.rglob("*incomplete*"))


@pytest.mark.slow
def test_a_run_on_what_was_downloaded(kreproduce, host, data, tmp_path):
    """As far as it goes: of this size the images are not those of the paper."""
    result = kreproduce("run", "malaria", "--ch", "8")
    assert result.code == 3
    assert "downloading malaria: " in result.message
    assert "not the original images of malaria (other numbers of images" in result.message
    assert same(data / "malaria.kreproduce.npz", "malaria", host, tmp_path)
    assert host.asked == ["/cell_images.zip"]


@pytest.mark.slow
def test_a_disk_that_fills_while_it_unpacks(kreproduce, host, data, tmp_path):
    """What was downloaded is kept; the next try needs no network."""
    with largest_file(2**16):
        result = kreproduce("data", "prepare", "colorectal_histology")
    assert result.code == 5
    assert result.message.splitlines()[-1] == (
        f"kreproduce: {data}, where 'colorectal_histology' is unpacked, cannot be written: File "
        "too large; choose another folder with TFDS_DATA_DIR, "
        "or with --data-dir of `data prepare`"
    )
    assert len(host.asked) == 1
    assert not list(data.rglob("*incomplete*"))
    host.manner = "missing"
    result = kreproduce("data", "prepare", "colorectal_histology")
    assert result.code == 0
    assert result.message == "unpacking colorectal_histology, which takes a minute or two"
    assert len(host.asked) == 1
    path = data / "colorectal_histology.kreproduce.npz"
    assert same(path, "colorectal_histology", host, tmp_path)
