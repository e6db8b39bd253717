"""docs/colab.ipynb as it is committed, executed on the CPU with the built-in digits.

Only the cell of parameters is another. That the package is installed already, the notebook finds
out by itself.
"""

import contextlib
import json
import os
import re
import signal
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "colab.ipynb"
PATIENCE = 1800  # seconds of a cell
EPOCHS = 20  # of a second each, so that a kill after the first comes before the last


def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_as_it_was_written():
    """Without what an execution leaves."""
    nbformat.validate(notebook())
    for cell in notebook().cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_what_it_installs_with_is_there():
    (cell,) = (cell for cell in notebook().cells if cell.id == "install")
    locks = re.findall(r'"(requirements\S*)"', cell.source)
    assert locks == ["requirements.lock", "requirements-cuda.lock"]
    assert all((ROOT / lock).is_file() for lock in locks)


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Executes the notebook in a kernel of its own; returns what each code cell printed."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    results = tmp_path / "drive"

    def run():
        executed = notebook()
        (parameters,) = (
            cell for cell in executed.cells if "parameters" in cell.metadata.get("tags", [])
        )
        row = ["digits", "--ch", "32", "--epochs", str(EPOCHS), "--limit", "100"]
        given = (row, "5", str(results), "not cloned")
        parameters.source = f"RUN, TABLE, RESULTS, REPOSITORY = {given}"
        where = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(executed, timeout=PATIENCE, resources=where).execute()
        return {cell.id: printed(cell) for cell in executed.cells if cell.cell_type == "code"}

    run.results = results
    return run


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@contextlib.contextmanager
def killed_after_an_epoch(results):
    """Kills the process that trains below `results`, as a machine does that is taken away."""
    over = threading.Event()

    def kill():
        while not over.wait(0.1):
            for checkpoint in results.glob("runs/*/checkpoints/epoch-0000001-*"):
                status = json.loads((checkpoint.parents[1] / "status.json").read_bytes())
                os.kill(status["pid"], signal.SIGKILL)
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_it_trains_and_goes_on_where_it_was_killed(execute):
    with killed_after_an_epoch(execute.results), pytest.raises(CellExecutionError) as end:
        execute()
    assert "the command above ended with -9" in str(end.value)
    assert not list(execute.results.rglob("record.json"))
    output = execute()
    assert output["install"] == ""
    assert "no faults" in output["doctor"]
    assert re.search(rf"going on in epoch \d+ of {EPOCHS}", output["train"])
    assert f"epoch 1/{EPOCHS}" not in output["train"]
    assert f"epoch {EPOCHS}/{EPOCHS}" in output["train"]
    assert "recorded in" in output["train"]
    assert "files: 5 whole, 0 damaged, 0 missing" in output["look"]
    assert "Table 5" in output["look"]
