"""Preparing a dataset: its images, from wherever they are to be had, put into a cache.

Through TensorFlow Datasets, which downloads them; from the published archive; or from a folder.
What cannot be had is said at once.
"""

import contextlib
import errno
import http.client
import io
import os
import shutil
import ssl
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kreproduce.data import archives, cache, download, heldout, sources
from kreproduce.data.archives import PUBLISHED, Archive
from kreproduce.data.builtin import BUILT_IN
from kreproduce.data.dataset import warn
from kreproduce.data.download import ELSEWHERE, Watch
from kreproduce.data.images import Source, reason, same
from kreproduce.data.sources import Location
from kreproduce.data.tfds import default_root
from kreproduce.errors import DataError, LockedError, SettingsError, StorageError
from kreproduce.experiment.settings import dataset_of
from kreproduce.system import disk, outputs, quiet
from kreproduce.system.lock import Lock
from kreproduce.system.provenance import now
from kreproduce.text import nearest

_PATIENCE = 5.0  # seconds


def prepare(dataset: str, data_dir: Path | None = None, watch: Watch | None = None) -> Path:
    """Download `dataset` through TFDS, unless that has been done, and put it into a cache.

    Whatever interrupts it, nothing is left that a second try would take for whole.

    Args:
        dataset: One of cifar10, cifar10-heldout, malaria and colorectal_histology.
        data_dir: TFDS' data directory; its usual one where None.
        watch: Is told how far it is.

    Returns:
        The cache's file.

    Raises:
        SettingsError: There is nothing to download for `dataset`.
        DataError: The dataset's host does not answer within 5 seconds (nothing is left on disk
            then), or as `download.download` says, or TFDS fails; or there is a cache of a folder's
            images.
        StorageError: The disk does not take it.
        LockedError: Another process is preparing it.
    """
    _check_published(dataset)
    root = default_root() if data_dir is None else data_dir
    path = cache.path_in(root, dataset)
    found = sources.prepared_in(root, dataset)
    if found and found.path == path:
        if found.of_folder:
            raise _taken(path, "a folder")
        return path
    location = found or Location("tfds", _from_host(dataset, root, watch))
    with _locked(root, dataset):
        _keep(sources.open_source(location, dataset), path)
    return path


def prepare_archive(
    dataset: str,
    archive: Path,
    data_dir: Path | None = None,
    published: Mapping[str, Archive] = PUBLISHED,
) -> Path:
    """Put the images of a published archive, fetched by hand, into a cache.

    Args:
        dataset: One of cifar10, cifar10-heldout, malaria and colorectal_histology.
        archive: The file.
        data_dir: Where to keep the cache; in TFDS' usual data directory where None.
        published: What the file must be, by dataset.

    Returns:
        The cache's file.

    Raises:
        SettingsError: There is no archive of `dataset`.
        DataError: It is not the published one, or cannot be read; or there is a cache of other
            images.
        StorageError: The disk does not take it.
        LockedError: Another process is preparing it.
    """
    _check_published(dataset)
    root = default_root() if data_dir is None else data_dir
    path = cache.path_in(root, dataset)
    origin = heldout.origin(dataset)
    with archives.opened(archive, origin, published) as source, _locked(root, dataset):
        _keep(source if dataset == origin else heldout.taken_from(source), path)
    return path


def prepare_folder(dataset: str, folder: Path, data_dir: Path) -> Path:
    """Put a folder of images into a cache; they stay as foreign or original as they were.

    Logs, as a warning, what in the folder is passed over.

    Args:
        dataset: Any name.
        folder: As `sources.locate` takes one.
        data_dir: Where to keep the cache.

    Returns:
        The cache's file.

    Raises:
        SettingsError: `dataset` is no name, or built in.
        DataError: The images cannot be read, or there is a cache of others.
        StorageError: The disk does not take it.
        LockedError: Another process is preparing it.
    """
    location = sources.locate(dataset_of({"dataset": dataset}), folder)
    if location.kind != "folder":
        raise DataError(f"{folder} holds '{dataset}' prepared: pass it as --data-dir as it is")
    source = sources.open_source(location, dataset)
    path = cache.path_in(data_dir, dataset)
    with _locked(data_dir, dataset):
        _keep(source, path)
    warn("passed over", source.passed_over)
    return path


def _check_published(dataset: str) -> None:
    if dataset in BUILT_IN:
        raise SettingsError(f"'{dataset}' is built in: there is nothing to prepare")
    if heldout.origin(dataset) not in PUBLISHED:
        known = (*PUBLISHED, heldout.NAME)
        raise SettingsError(
            f"there is nothing to download for '{dataset}': {nearest(dataset, known)}"
        )


def _no_network(dataset: str) -> DataError:
    url = PUBLISHED[heldout.origin(dataset)].url
    file = cache.path_in(Path(), dataset)
    return DataError(
        f"no network: the host of '{dataset}', {urllib.parse.urlsplit(url).netloc}, does not "
        f"answer; run `kreproduce data prepare {dataset}` on a machine that reaches it and copy "
        f"the {file} that it writes, or get {url.rpartition('/')[2]} from elsewhere and give it to "
        "the same command with --archive"
    )


def _answers(url: str) -> bool:
    """Whether the host says anything, be it an error, to a HEAD request (proxies honoured)."""
    answers: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.build_opener().open(request, timeout=_PATIENCE).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, http.client.HTTPException) as error:
            # Whose certificates are not trusted here, but perhaps by what downloads, is there.
            if not isinstance(getattr(error, "reason", None), ssl.SSLError):
                return
        answers.append(True)

    # In a thread because the timeout does not cover the look-up of the host's name.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE + 0.5)
    return bool(answers)


def _from_host(dataset: str, root: Path, watch: Watch | None) -> Path:
    """Download a dataset, or what it is part of, have TFDS prepare it, and return its folder."""
    watch = watch or _Nobody()
    origin = heldout.origin(dataset)
    if not download.is_downloaded(origin, root) and not _answers(PUBLISHED[origin].url):
        raise _no_network(dataset)
    with _locked(root, origin), _scratch(root, origin) as scratch:
        if not download.is_downloaded(origin, root):  # another process may have done it meanwhile
            download.download(origin, root, scratch / "downloads", watch)
        watch.preparing()
        return _prepared(origin, root, scratch)


class _Nobody:
    """Is told how far a download is, and tells nobody."""

    def downloading(self, received: int, size: int) -> None:
        pass

    def preparing(self) -> None:
        pass


def _prepared(dataset: str, root: Path, scratch: Path) -> Path:
    """Have TFDS prepare what has been downloaded, and return the version's folder."""
    # TFDS lets through whatever its archives and its file system raise.
    try:
        # TensorFlow writes on standard error, TFDS draws bars there, and prints what it does as if
        # it downloaded.
        with quiet.silence_stderr(), contextlib.redirect_stdout(io.StringIO()), _temporary():
            import tensorflow  # noqa: F401  # TFDS would in a thread, for which a Ctrl-C has to wait
            import tensorflow_datasets as tfds

            builder = tfds.builder(dataset, data_dir=root)
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(
                    extract_dir=scratch / "extracted",
                    manual_dir=scratch / "manual",  # for what is fetched by hand is --archive
                    force_checksums_validation=True,
                    try_download_gcs=False,  # for it is the archive whose checksum is known
                )
            )
    except Exception as error:
        refused = _refused(error)
        if refused is not None:
            what = f"{root}, where '{dataset}' is unpacked,"
            raise StorageError(disk.refusal(what, refused, ELSEWHERE)) from error
        raise DataError(
            f"'{dataset}' could not be prepared in {root} ({reason(error)}): try again, or "
            "prepare it on another machine and pass --data-dir"
        ) from error
    return Path(builder.data_dir)


def _refused(error: Exception) -> OSError | None:
    """Return what the disk answered, if it is at fault: TensorFlow has its own errors for that."""
    if "Not enough disk space" in str(error):  # as TFDS finds before it begins
        return OSError(errno.ENOSPC, reason(error))
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number))
    return None


@contextmanager
def _scratch(root: Path, dataset: str) -> Iterator[Path]:
    """Hold a folder for what is passing, which a process that was killed leaves to the next."""
    path = root / f".{dataset}.download"
    shutil.rmtree(path, ignore_errors=True)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(disk.refusal(f"{path}", error, ELSEWHERE)) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _temporary() -> Iterator[None]:
    """Remove the temporary folders that TFDS makes and leaves, say `*tfds` for every builder."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextmanager
def _locked(root: Path, dataset: str) -> Iterator[None]:
    lock = Lock(root / f".{dataset}")
    made: list[Path] = []
    try:
        made = outputs.make_folder(root)
        if not lock.take(now()):
            raise LockedError(lock.refusal(f"preparing '{dataset}' in {root}"))
    except BaseException as error:
        outputs.remove_empty(made)
        if not isinstance(error, OSError):
            raise
        what, elsewhere = f"{root}", ELSEWHERE
        raise StorageError(disk.refusal(what, error, elsewhere)) from error
    try:
        yield
    finally:
        lock.free()
        outputs.remove_empty(made)


def _keep(source: Source, path: Path) -> None:
    """Write a cache, unless one of just these images, pixel by pixel, is there."""
    if path.exists():
        cache.peek(path, source.name)  # refuses one of another dataset
        there = cache.read(path)
        if there.may_be_anything == source.may_be_anything and same(there, source):
            return
        raise _taken(path, "a folder" if there.kind == "folder" else f"the {there.kind}")
    cache.write(source, path)


def _taken(path: Path, origin: str) -> DataError:
    return DataError(
        f"{path} was made from {origin} with other images: move it away, or choose another place "
        "with --data-dir"
    )
