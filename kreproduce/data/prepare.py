"""Downloading a dataset of the paper, or saying at once that it cannot be."""

import http.client
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from kreproduce.data.images import reason
from kreproduce.data.tfds import default_root, prepared
from kreproduce.errors import DataError, SettingsError, nearest

# What TFDS 4.9.10 downloads for each.
URLS = {
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "malaria": "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
    "colorectal_histology": (
        "https://zenodo.org/record/53169/files/Kather_texture_2016_image_tiles_5000.zip"
    ),
}

_PATIENCE = 5.0  # seconds


def prepare(dataset: str, data_dir: Path | None = None) -> Path:
    """Downloads and prepares `dataset` through TFDS, unless that has been done.

    Args:
        dataset: One of cifar10, malaria and colorectal_histology.
        data_dir: TFDS' data directory; its usual one where None.

    Returns:
        The folder of the prepared version.

    Raises:
        SettingsError: There is nothing to download for `dataset`.
        DataError: The dataset's host does not answer within 5 seconds (nothing is left on disk
            then), or TFDS fails.
    """
    if dataset == "digits":
        raise SettingsError("'digits' comes with scikit-learn: there is nothing to prepare")
    if dataset not in URLS:
        raise SettingsError(
            f"there is nothing to download for '{dataset}': {nearest(dataset, URLS)}"
        )
    root = default_root() if data_dir is None else data_dir
    found = prepared(root, dataset)
    if found:
        return found
    if not _answers(URLS[dataset]):
        raise DataError(
            f"no network: the host of '{dataset}', {urllib.parse.urlsplit(URLS[dataset]).netloc},"
            f" does not answer; run `kreproduce data prepare {dataset}` on a machine that reaches "
            f"it, copy the folder {dataset} from its TFDS directory (~/tensorflow_datasets), "
            "and pass --data-dir with the folder that holds the copy"
        )
    return _download(dataset, root)


def _answers(url: str) -> bool:
    """Whether the host says anything, be it an error, to a HEAD request (proxies honoured)."""
    answers: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.build_opener().open(request, timeout=_PATIENCE).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, http.client.HTTPException):
            return
        answers.append(True)

    # In a thread because the timeout does not cover the look-up of the host's name.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE + 0.5)
    return bool(answers)


def _download(dataset: str, root: Path) -> Path:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(dataset, data_dir=root)
        builder.download_and_prepare()
    # TFDS lets through whatever its downloads, archives and file system raise.
    except Exception as error:
        raise DataError(
            f"'{dataset}' could not be prepared in {root} ({reason(error)}): try again, or "
            "prepare it on another machine and pass --data-dir"
        ) from error
    return Path(builder.data_dir)
