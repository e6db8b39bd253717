"""`python -m kreproduce.data.download_process DATASET URL FOLDER`: a download, and nothing else.

TFDS' own download manager fetches the archive into the folder and compares it with the checksum
that TFDS has of it. Neither needs TensorFlow. What became of it is JSON on standard output.
"""

import os
import re
import sys
import threading
from typing import Literal

from kreproduce.data.images import reason
from kreproduce.system.strict import Strict

_RETRIES = 4  # of a connection, within 3 seconds; TFDS' own 10 take minutes
_STATUS = re.compile(r"HTTP code: (\d+)")


class Outcome(Strict):
    """What became of a download.

    Attributes:
        file: The path of the archive; empty if there is none.
        fault: What is to blame if there is none: the host or the way to it, that it sent something
            else, the disk, or this installation.
        status: The host's HTTP status, where that is the fault.
        errno: The disk's answer, where that is the fault.
        reason: In words.
    """

    file: str = ""
    fault: Literal["", "host", "content", "disk", "installation"] = ""
    status: int | None = None
    errno: int | None = None
    reason: str = ""


def fetch(dataset: str, url: str, folder: str) -> Outcome:
    """Download one archive of a dataset into a folder; raises nothing."""
    try:
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core.download import download_manager, downloader

        tfds.disable_progress_bar()
        downloader.MAX_RETRIES = _RETRIES
        manager = tfds.download.DownloadManager(
            download_dir=folder,
            dataset_name=dataset,
            url_infos=tfds.builder_cls(dataset).url_infos,
            force_checksums_validation=True,
        )
    except Exception as error:
        return _failed(error, "installation")
    try:
        return Outcome(file=os.fspath(manager.download(url)))
    except download_manager.NonMatchingChecksumError:
        return Outcome(fault="content")
    # Requests raises kinds of OSError, and TFDS passes on what else the connection's libraries do.
    except Exception as error:
        return _failed(error, "host")


def _failed(error: Exception, fault: Literal["host", "installation"]) -> Outcome:
    if isinstance(error, OSError) and error.errno:  # those of Requests have none
        return Outcome(fault="disk", errno=error.errno, reason=error.strerror or reason(error))
    found = _STATUS.search(str(error))
    return Outcome(fault=fault, status=int(found[1]) if found else None, reason=_cause(error))


def _cause(error: BaseException) -> str:
    """Return what the last in a chain of exceptions says: those above it quote it, or hold it."""
    held = error.args[-1] if error.args else None
    below = error.__cause__ or error.__context__ or held
    if isinstance(below, BaseException):
        return _cause(below)
    return (isinstance(error, OSError) and error.strerror) or reason(error)


def _end_with_the_parent() -> None:
    """Leave as soon as nobody holds the other end of standard input any more."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    sys.stdout.write(fetch(*sys.argv[1:]).model_dump_json())
