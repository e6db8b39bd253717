"""What several of these tests use."""

import sys
from pathlib import Path

import pytest

from kreproduce.doctor import child


@pytest.fixture
def small_network(monkeypatch):
    """Has processes of the doctor's train two blocks."""
    worker = str(Path(__file__).parent / "small_worker.py")
    monkeypatch.setattr(child, "python", lambda *rest: [sys.executable, worker, *rest[2:]])
