import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from kreproduce.data import prepare as module
from kreproduce.data.prepare import prepare
from kreproduce.errors import DataError, SettingsError


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


class Builder:
    """Stands in for TFDS' builder, whose downloads no test can have."""

    def __init__(self, name, data_dir, error=None):
        self.data_dir = str(Path(data_dir) / name / "1.0.0")
        self.error = error

    def download_and_prepare(self):
        if self.error:
            raise self.error
        Path(self.data_dir).mkdir(parents=True)


def assert_refused_at_once(tmp_path):
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        prepare("malaria", tmp_path)
    assert time.monotonic() - began < 6
    message = str(caught.value)
    assert message.startswith("no network: the host of 'malaria', ")
    assert "`kreproduce data prepare malaria`" in message
    assert "--data-dir" in message
    assert message.count(". ") == 0
    assert not list(tmp_path.iterdir())


def test_a_host_that_is_not_there(tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setitem(module.URLS, "malaria", f"http://127.0.0.1:{port}/x.zip")
    assert_refused_at_once(tmp_path)


def test_a_name_that_takes_for_ever_to_look_up(tmp_path, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait() and [])
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    assert_refused_at_once(tmp_path)
    released.set()


@pytest.mark.slow
def test_a_host_that_keeps_silent(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.zip"
        monkeypatch.setitem(module.URLS, "malaria", url)
        assert_refused_at_once(tmp_path)


def test_a_host_that_answers_is_downloaded_from(tmp_path, monkeypatch, server):
    monkeypatch.setitem(module.URLS, "malaria", url_of(server))
    monkeypatch.setattr(tfds, "builder", Builder)
    assert prepare("malaria", tmp_path) == tmp_path / "malaria" / "1.0.0"
    assert server.asked == ["/x.zip"]


def test_a_proxy_is_asked(tmp_path, monkeypatch, server):
    monkeypatch.setenv("http_proxy", url_of(server, ""))
    monkeypatch.setitem(module.URLS, "malaria", "http://far.invalid/x.zip")
    monkeypatch.setattr(tfds, "builder", Builder)
    prepare("malaria", tmp_path)
    assert server.asked == ["http://far.invalid/x.zip"]


@pytest.mark.parametrize("error", [OSError("no space\nleft"), AssertionError(), KeyError("x")])
def test_what_tfds_raises_becomes_a_sentence(tmp_path, monkeypatch, server, error):
    monkeypatch.setitem(module.URLS, "malaria", url_of(server))
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: Builder(name, data_dir, error))
    with pytest.raises(DataError) as caught:
        prepare("malaria", tmp_path)
    assert str(caught.value).startswith(f"'malaria' could not be prepared in {tmp_path} (")
    assert "\n" not in str(caught.value)


def test_what_is_prepared_is_left_alone(tmp_path, monkeypatch):
    version = tmp_path / "cifar10" / "3.0.2"
    version.mkdir(parents=True)
    (version / "dataset_info.json").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert prepare("cifar10") == version


def test_the_urls_are_those_of_tfds():
    checksums = Path(tfds.__file__).parent
    texts = [
        *(
            checksums / "url_checksums" / f"{name}.txt"
            for name in ("cifar10", "colorectal_histology")
        ),
        checksums / "datasets" / "malaria" / "checksums.tsv",
    ]
    listed = {line.split("\t")[0] for text in texts for line in text.read_text().splitlines()}
    assert listed == set(module.URLS.values())


def test_names_without_a_download():
    with pytest.raises(SettingsError, match="comes with scikit-learn"):
        prepare("digits")
    with pytest.raises(SettingsError, match="'cifar11': did you mean 'cifar10'"):
        prepare("cifar11")
