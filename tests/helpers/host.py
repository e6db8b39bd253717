"""A host of archives on this machine, which sends them as well or as badly as a test wants."""

import contextlib
import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from helpers import published

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_ROW = 3073  # bytes: a label and a picture


def files(dataset):
    """What the archive of `dataset` holds, by name."""
    if dataset != "cifar10":
        return published.LAYOUTS[dataset][1]()
    own = published.cifar_files()
    rng = np.random.default_rng(1)
    for name in filter(lambda name: name.endswith(".bin"), own):
        rows = np.frombuffer(own[name], np.uint8).reshape(-1, _ROW).copy()
        rows[:, 1:] = rng.integers(0, 256, rows[:, 1:].shape)  # no archive makes it smaller
        own[name] = rows.tobytes()
    # TFDS takes the names of the classes from it.
    return own | {"batches.meta.txt": "\n".join(NAMES).encode() + b"\n"}


class Host:
    """Serves the archives of all datasets over HTTP, on a port of its own.

    Attributes:
        manner: How it answers a GET of any of them: see `Handler`.
        asked: The paths of the GETs so far.
        known: URL, size and SHA-256 of the archive of each dataset.
        released: Set when what it is holding back may go on.
    """

    def __init__(self, folder: Path):
        self.manner = "whole"
        self.asked: list[str] = []
        self.released = threading.Event()
        self.content: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.host = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._checksums = folder / "checksums"
        self._checksums.mkdir()
        self.known: dict[str, dict] = {}
        for dataset, (top, _, name) in published.LAYOUTS.items():
            path = published.archive(
                folder, dataset, {f"{top}/{inner}": data for inner, data in files(dataset).items()}
            )
            self._offer(dataset, name, path.read_bytes())
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._thread.start()

    def _offer(self, dataset, name, content):
        self.content[f"/{name}"] = content
        known = {
            "url": f"{self.url}/{name}",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        self.known[dataset] = known
        line = "\t".join([*map(str, known.values()), name])
        (self._checksums / f"local_{dataset}.txt").write_text(f"{line}\n")

    def environment(self, **urls):
        """What a process needs in its environment to download from here, or from other `urls`."""
        folders = [str(Path(__file__).parent / "redirected"), os.environ.get("PYTHONPATH", "")]
        known = {
            name: own | {"url": urls.get(name, own["url"])} for name, own in self.known.items()
        }
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, folders)),
            "LOCAL_ARCHIVES": json.dumps(known),
            "LOCAL_CHECKSUMS": str(self._checksums),
        }

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers every HEAD, and a GET in its host's manner.

    whole; broken: half of it, then the connection is closed; other: as many other bytes; page: a
    page of a few bytes; missing: 404; busy: 503; refusing: the connection is closed at once;
    slow: half of it in small pieces, and the rest when it is released; silent: half, then nothing.
    """

    def do_HEAD(self):
        self.send_response(404 if self.server.host.manner == "missing" else 200)
        self.end_headers()

    def do_GET(self):
        host = self.server.host
        host.asked.append(self.path)
        content = host.content[self.path]
        half = len(content) // 2
        match host.manner:
            case "whole":
                self._send(content)
            case "broken":
                self._send(content[:half], len(content))
            case "other":
                self._send(bytes(len(content)))
            case "page":
                self._send(b"<html>log in first</html>")
            case "missing":
                self.send_error(404)
            case "busy":
                self.send_error(503)
            case "refusing":
                self.close_connection = True
            case "slow":
                self._send(b"", len(content))
                for begin in range(0, half, half // 8):
                    self._write(content[begin : min(half, begin + half // 8)])
                    host.released.wait(0.3)
                host.released.wait()
                self._write(content[half:])
            case "silent":
                self._send(content[:half], len(content))
                host.released.wait()

    def _send(self, content, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self._write(content)

    def _write(self, content):
        self.wfile.write(content)
        self.wfile.flush()

    def handle(self):
        with contextlib.suppress(ConnectionError):  # whoever asked was ended
            super().handle()

    def log_message(self, *args):
        pass
