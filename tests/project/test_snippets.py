"""The Python that pages print runs as it stands there, with a run's name for RUN.

Networks have three blocks instead of 16. The tutorial has a test of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import pages
from PIL import Image

ROOT = Path(__file__).parents[2]
# What a page's reader has already: images in the size of the digits, of CIFAR-10, of a layer.
GIVEN = {
    "README.md": "",
    "docs/training.md": "",
    "docs/tables.md": "",
    "docs/export.md": "images = np.zeros((2, 8, 8, 3))",
    "docs/records.md": "",
    "docs/any-network.md": "",
    "docs/network.md": "images = np.zeros((2, 32, 32, 3)); inputs = np.zeros((1, 14, 14, 480))",
}


def snippets(page):
    return [text for language, text in pages.blocks(page) if language == "python"]


def test_every_page_with_python_is_here():
    followed = {ROOT / "docs" / "tutorial.md", ROOT / "docs" / "example.md"}  # by their own tests
    found = {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - followed
    assert {str(page.relative_to(ROOT)) for page in found if snippets(page)} == {*GIVEN}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, short_network):
    """A folder in which a run has been trained; and the run's name."""
    folder = tmp_path_factory.mktemp("trained")
    code = "from kreproduce.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "digits", "--epochs", "1", "--limit", "100"]
    subprocess.run(command, cwd=folder, check=True)
    (run,) = (folder / "results" / "runs").iterdir()
    shutil.copy(run / "model.keras", folder)
    pixels = np.random.default_rng(1).integers(256, size=(40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.jpg")
    return folder, run.name


@pytest.mark.slow
@pytest.mark.parametrize("page", GIVEN)
def test_it_runs(page, trained):
    folder, run = trained
    code = "\n".join(["import numpy as np", GIVEN[page], *snippets(ROOT / page)])
    command = [sys.executable, "-c", code.replace("RUN", run)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if page == "README.md":
        assert "kEffNet-B0 V2 32ch" in done.stdout
