import importlib.util
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers import published
from helpers.support import tree, write_images
from helpers.tfds_sets import store_cifar10, store_malaria

from kreproduce.data import archives, cache, download
from kreproduce.data import prepare as module
from kreproduce.data.archives import PUBLISHED, Archive
from kreproduce.data.folders import read_folder
from kreproduce.data.prepare import prepare, prepare_archive, prepare_folder
from kreproduce.data.sources import Location, class_names, locate
from kreproduce.data.tfds import read_tfds
from kreproduce.errors import DataError, LockedError, SettingsError, StorageError
from kreproduce.system.lock import Lock


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    """An HTTP server that answers HEAD with 403 and remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.server.asked.append(self.path)
            self.send_error(403)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url_of(server, path="/x.zip"):
    return f"http://127.0.0.1:{server.server_port}{path}"


@pytest.fixture
def host(monkeypatch):
    """Makes a URL the one of malaria's archive, which is not really downloaded from there."""
    monkeypatch.setattr(download, "download", lambda *args: None)
    return lambda url: monkeypatch.setitem(PUBLISHED, "malaria", Archive(url, 1, ""))


class Builder:
    """Stands in for TFDS' builder; stores a small set."""

    def __init__(self, name, data_dir, error=None):
        tempfile.mkdtemp("tfds")  # as that of TFDS does, which leaves it there
        self.data_dir = str(Path(data_dir) / name / "1.0.0")
        self.root = data_dir
        self.error = error

    def download_and_prepare(self, download_config):
        if self.error:
            raise self.error
        store_malaria(self.root)


def assert_refused_at_once(tmp_path):
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        prepare("malaria", tmp_path)
    assert time.monotonic() - began < 6
    message = str(caught.value)
    assert message.startswith("no network: the host of 'malaria', ")
    assert "`kreproduce data prepare malaria`" in message
    assert "malaria.kreproduce.npz" in message
    assert "with --archive" in message
    assert message.count(". ") == 0
    assert not list(tmp_path.iterdir())


def test_a_host_that_is_not_there(tmp_path, host):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    host(f"http://127.0.0.1:{port}/x.zip")
    assert_refused_at_once(tmp_path)


def test_a_name_that_takes_for_ever_to_look_up(tmp_path, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait() and [])
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    assert_refused_at_once(tmp_path)
    released.set()


def test_whoever_cannot_prove_who_he_is_answers(monkeypatch):
    """Downloads have certificates of their own, which may know him."""
    distrust = urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed"))

    def open_(*args, **kwargs):
        raise distrust

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", open_)
    assert module._answers("https://127.0.0.1/x.zip")
    distrust.reason = ConnectionRefusedError()
    assert not module._answers("https://127.0.0.1/x.zip")


@pytest.mark.slow
def test_a_host_that_keeps_silent(tmp_path, host):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.zip"
        host(url)
        assert_refused_at_once(tmp_path)


def test_a_host_that_answers_is_downloaded_from(tmp_path, monkeypatch, server, host):
    host(url_of(server))
    monkeypatch.setattr(tfds, "builder", Builder)
    path = prepare("malaria", tmp_path)
    assert path == tmp_path / "malaria.kreproduce.npz"
    assert server.asked == ["/x.zip"]
    version = tmp_path / "malaria" / "1.0.0"
    assert_same(cache.read(path), read_tfds(version, "malaria"))


def test_a_proxy_is_asked(tmp_path, monkeypatch, server, host):
    monkeypatch.setenv("http_proxy", url_of(server, ""))
    host("http://far.invalid/x.zip")
    monkeypatch.setattr(tfds, "builder", Builder)
    prepare("malaria", tmp_path)
    assert server.asked == ["http://far.invalid/x.zip"]


@pytest.mark.parametrize("error", [OSError("no space\nleft"), AssertionError(), KeyError("x")])
def test_what_tfds_raises_becomes_a_sentence(tmp_path, monkeypatch, server, host, error):
    host(url_of(server))
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: Builder(name, data_dir, error))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with pytest.raises(DataError) as caught:
        prepare("malaria", tmp_path / "a" / "b")
    assert str(caught.value).startswith(
        f"'malaria' could not be prepared in {tmp_path / 'a' / 'b'} ("
    )
    assert "\n" not in str(caught.value)
    assert tree(tmp_path) == {"tmp": None}


def test_what_is_prepared_is_all_that_is_left(tmp_path, monkeypatch, server, host):
    """No lock, no temporary folder of TFDS, only what it downloaded and made."""
    host(url_of(server))
    monkeypatch.setattr(tfds, "builder", Builder)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    prepare("malaria", tmp_path / "data")
    assert tree(tmp_path / "tmp") == {}
    left = {path.name for path in (tmp_path / "data").iterdir()}
    assert left == {"downloads", "malaria", "malaria.kreproduce.npz"}


def test_what_is_part_of_another_is_downloaded_as_that(tmp_path, monkeypatch):
    """And two processes that want different parts of it are not at it at once."""
    downloaded = []
    monkeypatch.setattr(module, "_answers", lambda url: url == PUBLISHED["cifar10"].url)
    monkeypatch.setattr(download, "download", lambda *args: downloaded.append(args[:2]))
    monkeypatch.setattr(module, "_prepared", lambda *args: Path())
    monkeypatch.setattr(module, "_keep", lambda *args: None)
    monkeypatch.setattr(module.sources, "open_source", lambda *args: None)
    prepare("cifar10-heldout", tmp_path)
    assert downloaded == [("cifar10", tmp_path)]
    other = Lock(tmp_path / ".cifar10")
    assert other.take("then")
    with pytest.raises(LockedError, match="another process is preparing 'cifar10' in "):
        prepare("cifar10-heldout", tmp_path)
    other.free()


def test_what_is_not_installed_is_said_before_the_download(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_answers", lambda url: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"with the package tensorflow, which is not installed"):
        prepare("malaria", tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_what_tfds_has_prepared_is_not_downloaded_again(tmp_path, monkeypatch):
    store_cifar10(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    path = prepare("cifar10")
    assert locate("cifar10", None) == locate("cifar10", tmp_path) == Location("cache", path)
    assert_same(cache.read(path), read_tfds(tmp_path / "cifar10" / "3.0.2", "cifar10"))
    written = path.stat().st_mtime_ns
    shutil.rmtree(tmp_path / "cifar10")  # it is no longer needed
    assert prepare("cifar10") == path
    assert path.stat().st_mtime_ns == written


def assert_same(one, other):
    """But for how they are read, two sources are the same."""
    for field in ("name", "kind", "class_names", "names", "sequence"):
        assert getattr(one, field) == getattr(other, field), field
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.parts, other.parts)
    every = range(len(one.labels))
    for image, same in zip(one.read(every), other.read(every), strict=True):
        np.testing.assert_array_equal(image, same)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_an_archive_fetched_by_hand_is_the_published_one_or_refused(tmp_path, dataset):
    archive = published.archive(tmp_path, dataset)
    with pytest.raises(DataError, match="is not the published archive"):
        prepare_archive(dataset, archive, tmp_path / "data")
    assert list(tmp_path.iterdir()) == [archive]
    known = {dataset: published.described(archive)}
    path = prepare_archive(dataset, archive, tmp_path / "data", known)
    with archives.opened(archive, dataset, known) as source:
        assert_same(cache.read(path), source)
    # A cache of just these images is left as it is, be they prepared once more.
    written = path.stat().st_mtime_ns
    assert prepare_archive(dataset, archive, tmp_path / "data", known) == path
    assert path.stat().st_mtime_ns == written


def test_a_folder_becomes_a_cache_that_says_so(tmp_path):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    path = prepare_folder("pets", tmp_path / "pets", tmp_path / "data")
    assert_same(cache.read(path), read_folder(tmp_path / "pets", "pets"))
    assert locate("pets", tmp_path / "data") == Location("cache", path, of_folder=True)
    assert class_names(locate("pets", tmp_path / "data"), "pets") == ("cat", "dog")
    with pytest.raises(DataError, match="pass it as --data-dir as it is"):
        prepare_folder("pets", tmp_path / "data", tmp_path / "other")


def test_a_cache_of_other_images_is_not_written_over(tmp_path):
    unpacked = published.unpacked(tmp_path, "malaria")
    path = prepare_folder("malaria", unpacked, tmp_path)
    before = path.read_bytes()
    assert prepare_folder("malaria", tmp_path / "cell_images", tmp_path) == path
    (unpacked / "Uninfected" / "C101.png").unlink()
    archive = published.archive(tmp_path, "malaria")
    known = {"malaria": published.described(archive)}
    for again in (
        lambda: prepare("malaria", tmp_path),
        lambda: prepare_archive("malaria", archive, tmp_path, known),
        lambda: prepare_folder("malaria", unpacked, tmp_path),
    ):
        with pytest.raises(DataError, match="made from a folder with other images: move it away"):
            again()
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", [0, 1, 5000, -1])
def test_the_same_names_and_sizes_are_not_the_same_images(tmp_path, at):
    top = published.unpacked(tmp_path, "cifar10")
    path = prepare_folder("cifar10", top, tmp_path / "kept")
    before = path.read_bytes()
    content = bytearray((top / "data_batch_4.bin").read_bytes())
    content[at] ^= 1
    (top / "data_batch_4.bin").write_bytes(content)
    with pytest.raises(DataError, match="made from a folder with other images: move it away"):
        prepare_folder("cifar10", top, tmp_path / "kept")
    content[at] ^= 1
    (top / "data_batch_4.bin").write_bytes(content)
    assert prepare_folder("cifar10", top, tmp_path / "kept") == path
    assert path.read_bytes() == before


def test_a_damaged_cache_is_not_kept(tmp_path):
    top = published.unpacked(tmp_path, "cifar10")
    path = prepare_folder("cifar10", top, tmp_path / "kept")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged .*: move it away, and make or copy it again"):
        prepare_folder("cifar10", top, tmp_path / "kept")


def test_a_folder_that_cannot_be_written(tmp_path):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    (tmp_path / "file").touch()
    with pytest.raises(
        StorageError, match="there is a file where a folder has to be; choose another folder with"
    ):
        prepare_folder("pets", tmp_path / "pets", tmp_path / "file" / "data")


def test_two_at_the_same_time(tmp_path):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    other = Lock(tmp_path / ".pets")
    assert other.take("then")
    who = rf"another process is preparing 'pets' in .* \(process {os.getpid()} on .*, since then\)"
    with pytest.raises(LockedError, match=who):
        prepare_folder("pets", tmp_path / "pets", tmp_path)
    other.free()
    assert not list(tmp_path.glob("*.npz"))
    prepare_folder("pets", tmp_path / "pets", tmp_path)


def test_names_without_a_download():
    with pytest.raises(SettingsError, match="'digits' is built in: there is nothing to prepare"):
        prepare("digits")
    with pytest.raises(SettingsError, match="'cifar11': did you mean 'cifar10'"):
        prepare("cifar11")
    with pytest.raises(SettingsError, match="'cifar11': did you mean 'cifar10'"):
        prepare_archive("cifar11", Path("x.zip"))
    with pytest.raises(SettingsError, match=r"'\.\./up' is neither"):
        prepare_folder("../up", Path(), Path())
    with pytest.raises(SettingsError, match="'digits' is built in"):
        prepare_folder("digits", Path(), Path())
