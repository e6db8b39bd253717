"""Words that docs/style.md keeps out of messages, help and pages."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT_OUT = {
    r"\banew\b": "again, or from scratch",
    r"\bbehind (epoch|step)\b": "after",
    r"process is at\b": "is using",
    r"\bAs of `run`": "Same as for `run`",
    r"\ba row an epoch\b": "one row per epoch",
    r"give it back what it had": "restore it",
}
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "kreproduce", "configs")


def found(pattern):
    tracked = subprocess.run(
        ["git", "ls-files", "--", *PAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in tracked.stdout.splitlines() if not name.endswith("style.md")]
    assert files
    texts = {path: path.read_text(errors="replace") for path in files if path.is_file()}
    return [str(path) for path, text in texts.items() if re.search(pattern, text)]


@pytest.mark.parametrize("pattern", KEPT_OUT)
def test_a_word_is_kept_out(pattern):
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    assert found(pattern) == [], f"write {KEPT_OUT[pattern]!r}"


@pytest.mark.parametrize("pattern", KEPT_OUT)
def test_it_would_be_found(pattern):
    assert re.search(pattern, (ROOT / "docs" / "style.md").read_text())
