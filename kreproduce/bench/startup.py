"""How long commands take to start, beside a bare Python's start and TensorFlow's import.

On the CPU, also where there is a GPU.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kreproduce.bench.timing import in_turn, starting
from kreproduce.data import cache
from kreproduce.data.images import Source

_BUILD = (
    "from kreproduce.network.architecture import Architecture; "
    "from kreproduce.network.model import build; build(Architecture(size='{}'))"
)
_LOAD = (
    "from kreproduce.data import dataset, sources; "
    "from kreproduce.experiment.settings import resolve; "
    "from pathlib import Path; "
    "dataset.load(resolve({'dataset': 'cifar10', 'ch': 32, 'data_name': 'noise'}), "
    "sources.locate('cifar10', Path('.')))"
)
_BARE, _TENSORFLOW = "bare Python", "import tensorflow"

# What is started: Python's arguments; what its time is compared with; the goal in seconds above
# that, on two idle cores.
_COMMANDS: dict[str, tuple[list[str], str | None, float | None]] = {
    _BARE: (["-c", "pass"], None, None),
    _TENSORFLOW: (["-c", "import tensorflow"], _BARE, None),
    "kreproduce --help": (["-m", "kreproduce", "--help"], _BARE, 0.3),
    "kreproduce table 5": (["-m", "kreproduce", "table", "5"], _BARE, 1.5),
    "CIFAR-10 from the cache": (["-c", _LOAD], _BARE, 2.0),
    "building V2 32ch, B0": (["-c", _BUILD.format("B0")], _TENSORFLOW, 6.0),
    "building V2 32ch, B7": (["-c", _BUILD.format("B7")], _TENSORFLOW, None),
}


def measure(repeats: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Start each command so many times, in turn; one row per command.

    Args:
        repeats: how many times.
        say: is told how it goes.

    Raises:
        StorageError: the disk for temporary files does not take 200 MB.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache.write(_noise(), cache.path_in(Path(folder), "cifar10"))
        measures = [starting(command, Path(folder)) for command, _, _ in _COMMANDS.values()]
        for name, measure in zip(_COMMANDS, measures, strict=True):
            say(f"{name}: {measure():.2f} s")  # reads files from the disk that are in memory later
        timings = dict(zip(_COMMANDS, in_turn(measures, repeats), strict=True))
    rows = []
    for name, (_, beside, goal) in _COMMANDS.items():
        timing = timings[name]
        more = timing.median - timings[beside].median if beside else None
        rows.append(
            {
                "what": name,
                "repeats": len(timing.seconds),
                "seconds": timing.median,
                "quartiles": list(timing.quartiles),
                "times_bare_python": timing.ratio(timings[_BARE]),
                "times_import_tensorflow": timing.ratio(timings[_TENSORFLOW]),
                "compared_with": beside,
                "seconds_above": more,
                "goal": goal,
                "reached": None if more is None or goal is None else more <= goal,
            }
        )
    return rows


def cells(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them."""
    return [
        {
            "what": row["what"],
            "s": f"{row['seconds']:.2f}",
            "quartiles": "–".join(f"{second:.2f}" for second in row["quartiles"]),
            "× bare Python": f"{row['times_bare_python']:.1f}",
            "× import tensorflow": f"{row['times_import_tensorflow']:.2f}",
            "s above": "" if row["compared_with"] is None else f"{row['seconds_above']:.2f}",
            "of": row["compared_with"] or "",
            "goal": "" if row["goal"] is None else f"{row['goal']:.1f}",
        }
        for row in rows
    ]


def _noise() -> Source:
    """As many images as CIFAR-10 has, of its size."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60_000, 32, 32, 3), np.uint8)
    return Source(
        name="cifar10",
        kind="folder",
        class_names=tuple("0123456789"),
        labels=np.arange(60_000, dtype=np.int32) % 10,
        names=[f"{number:05}" for number in range(60_000)],
        parts=np.array(["train"] * 50_000 + ["test"] * 10_000),
        decode=lambda index: images[index],
        sequence=True,
        cached=False,
    )
