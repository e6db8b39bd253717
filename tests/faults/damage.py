"""Bytes flipped, cut off or zeroed in the files of a run, each time in a run of its own.

    python damage.py FOLDER NUMBER

Run as a program, because it forks, see `moments`. Prints as JSON what became of the damage; ends
with 1 at the first wrong result, crash or message that is none.
"""

import contextlib
import json
import os
import random
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

from faults.acts import kill
from faults.moments import check_readers, new, survives, train
from faults.outcome import folder_of, outcome

from kreproduce import cli, tables  # noqa: F401 (imported once, not in every fork)
from kreproduce.runs import records

AT = 121  # the operation before which the unfinished run was killed: in its third epoch


def flip(content, rng):
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def cut(content, rng):
    return content[: rng.randrange(len(content))]


def zero(content, rng):
    """As a file's end may be behind a loss of power."""
    start = rng.randrange(len(content))
    return content[:start] + bytes(len(content) - start)


def damage(results, rng):
    """Damage one file of the only run; returns what was done to which."""
    folder = folder_of(results)
    beside = [folder.with_name(f"{folder.name}.lock.json")]
    every = [
        path for path in [*folder.rglob("*"), *beside] if path.is_file() and path.stat().st_size
    ]
    path, how = rng.choice(sorted(every)), rng.choice([flip, cut, zero])
    before = path.read_bytes()
    path.write_bytes(how(bytearray(before), rng))
    return how.__name__, path.name, path.read_bytes() != before


def command(results, *arguments):
    """The command line in a process of its own: its exit code, output and message."""
    said = [results / "output", results / "message"]
    process = os.fork()
    if process == 0:
        with said[0].open("w") as output, said[1].open("w") as message:
            os.dup2(output.fileno(), 1)
            os.dup2(message.fileno(), 2)
            sys.argv = ["kreproduce", *arguments, "--results", str(results)]
            code = 1
            with contextlib.suppress(SystemExit):
                try:
                    cli.main()
                    code = 0
                except SystemExit as end:
                    code = end.code or 0
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, ended = os.waitpid(process, 0)
    output, message = (path.read_text() for path in said)
    for path in said:
        path.unlink()
    return os.waitstatus_to_exitcode(ended), output, message


def look(results, settings):
    """Have every command that only looks look at it: none fails. Returns what `status` says."""
    for arguments in (["status"], ["table", "recorded"], ["sweep", str(settings), "--dry-run"]):
        code, output, message = command(results, *arguments)
        assert (code, "Traceback" in message) == (0, False), (arguments, output, message)
    code, output, message = command(results, "status", "--json", "--verify")
    (entry,) = json.loads(output)
    damaged = [one["file"] for one in entry["verified"] if one["found"] == "damaged"]
    assert code == (9 if damaged or entry["state"] == "damaged" else 0), (code, message)
    return entry["state"], damaged


def unfinished(results, settings, expected, rng):
    """It goes on to the same result; or is refused, and from scratch comes to the same result."""
    what = damage(results, rng)
    look(results, settings)
    check_readers(results)
    end, said = train(results)
    if end == 7:
        assert re.fullmatch(r"\S+/digits-\S+: .*--force.*\n", said), (what, said)
        end, said = train(results, force=True)
        assert (end, outcome(results)) == (0, expected), (what, said)
        return f"{what[0]}, unfinished: refused"
    found = outcome(results)
    found["left"] = [name for name in found["left"] if not name.endswith(".damaged")]
    assert (end, found) == (0, expected), (what, said)
    return f"{what[0]}, unfinished: {'warned' if 'warning: ' in said else 'made good'}"


def finished(results, settings, expected, rng):
    """Its record counts, and is what it was; or it is named as damaged, and is run again."""
    record = records.read(results).records
    how, name, changed = what = damage(results, rng)
    state, damaged = look(results, settings)
    end, said = train(results)
    if records.read(results).records == record:
        assert (state, end) == ("done", 0), what
        own = name in ("settings.json", "status.json") or name.endswith((".lock", ".lock.json"))
        # A record has no hash of model.keras: whoever opens that finds out, see `model_file.read`.
        seen = not own and name not in ("record.json", "model.keras")
        assert (damaged == [name]) == (changed and seen), (
            what,
            damaged,
        )
        return f"{how}, finished: {'found by --verify' if damaged else 'the record is whole'}"
    assert records.read(results).records == ()
    assert name in ("record.json", "history.csv", "predictions.csv.gz"), what
    assert (state, end) == ("damaged", 7), (what, said)
    ways_out = "start from scratch with --force|use the version .*|mend that first"
    assert re.fullmatch(rf"\S+/digits-\S+: .*({ways_out})\n", said), said
    end, said = train(results, force=True)
    found = outcome(results)
    assert (end, found) == (0, expected), (what, end, said, found)
    return f"{how}, finished: refused"


def main(folder, number):
    rng, ends = random.Random(6), Counter()
    settings = folder / "settings.yaml"
    settings.write_text("dataset: digits\nepochs: 3\n")
    whole, broken = new(folder, "whole"), new(folder, "broken")
    assert train(whole)[0] == 0
    expected = outcome(whole)
    assert train(broken, kill, AT)[0] == -9
    shutil.copytree(broken, folder / "copy")
    survives(folder / "copy", expected, kill)  # undamaged it goes on
    for turn in range(number):
        results = folder / str(turn)
        test, start = [(unfinished, broken), (finished, whole)][turn % 2]
        shutil.copytree(start, results)
        ends[test(results, settings, expected, rng)] += 1
        shutil.rmtree(results)
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
