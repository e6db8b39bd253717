"""Words that docs/style.md keeps out of messages, help and pages."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT_OUT = {
    r"\banew\b": "again, or from scratch",
    r"\b[Bb]ehind (epoch|step|how many|so many|`done`)": "after",
    r"process is at\b": "is using",
    r"\bAs of `": "Same as for `run`",
    r"\bas of (run\b|`)": "same as for `run`",
    r"\b[Aa] (row|line|check|dict|key|letter|panel|GPU|folder|permutation|product|seed) an? "
    r"(row|line|run|number|epoch|stage|case|command|thing|layer|group|class|column|check|claim"
    r"|experiment|metric|step)\b": "one row per epoch",
    r"give it back what it had": "restore it",
    r"asked faster": "faster with the folded network",
    r"be it finished or interrupted": "discarding any earlier progress",
    r"(?i)\bplease\b": "(no such word)",
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
