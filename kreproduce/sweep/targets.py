"""What a sweep was asked for: tables of the paper, all of them, files of settings, or folders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kreproduce import paper
from kreproduce.errors import SettingsError
from kreproduce.text import nearest, quoted

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Target:
    """One row of a table, or one file of settings.

    Attributes:
        table: the row's table; None for a file.
        label: the row's first cell as printed, or the file's path.
        source: what `kreproduce run` takes first: a dataset, or a file.
        settings: the row's settings; empty for a file, which holds its own.
    """

    table: int | None
    label: str
    source: str
    settings: dict[str, Any] = field(default_factory=dict)


def find(asked: Sequence[str], only: Sequence[str] = ()) -> list[Target]:
    """Return the rows and files that `asked` names, in the paper's order where it names tables.

    Args:
        asked: numbers of tables, "all", paths that end in .yaml or .yml, or folders of such files.
            What is a number or "all" is no folder: one of that name is asked for as ./5.
        only: labels, or parts of labels from the beginning of a word; if there are any, a target
            must have one of them.

    Raises:
        SettingsError: there is no such table, a folder has no files, or nothing has such a label.
    """
    targets = [target for one in asked for target in _targets(one)]
    if not only:
        return targets
    chosen = [target for part in only for target in _labelled(part, targets)]
    return [target for target in targets if target in chosen]


def _targets(asked: str) -> list[Target]:
    if asked == "all":
        return [target for table in paper.TRAINED for target in _table(table)]
    if re.fullmatch("[0-9]{1,3}", asked):
        return _table(int(asked))
    if _is_folder(asked):
        return [Target(None, path, path) for path in _files(Path(asked))]
    if Path(asked).suffix in _SUFFIXES:
        return [Target(None, asked, asked)]
    raise SettingsError(
        f"a sweep takes the number of a table ({', '.join(map(str, paper.TRAINED))}), 'all', "
        f"settings files that end in .yaml or a folder of them, not {quoted(asked)}"
    )


def _is_folder(asked: str) -> bool:
    try:
        return bool(asked) and Path(asked).is_dir()
    except (OSError, ValueError):  # too long a name; one with a NUL
        return False


def _files(folder: Path) -> list[str]:
    """Return the files of settings directly in a folder, by name; hidden ones are an editor's."""
    try:
        found = sorted(
            path
            for path in folder.iterdir()
            # Also what is no file, such as a link to nowhere: whoever reads it says so.
            if path.suffix in _SUFFIXES and not path.name.startswith(".") and not path.is_dir()
        )
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be read: {error.strerror}; mend it or its permissions"
        ) from error
    if not found:
        raise SettingsError(
            f"{folder} holds no settings files that end in .yaml; name a folder that does"
        )
    return [str(path) for path in found]


def _table(table: int) -> list[Target]:
    names = ("epochs", "variant", "ch", "layer_l", "activation", "hflip")
    return [
        Target(table, row.label, row.dataset, {name: getattr(row, name) for name in names})
        for row in paper.rows(table)
    ]


def _labelled(part: str, targets: list[Target]) -> list[Target]:
    """Return the targets of exactly this label, or else those with it as a part."""
    exact = [target for target in targets if target.label.lower() == part.strip().lower()]
    # From the beginning of a word: "2ch" is no part of "32ch".
    pattern = re.compile(rf"(?<![a-z0-9]){re.escape(part.strip())}", re.IGNORECASE)
    found = exact or [target for target in targets if pattern.search(target.label)]
    if not (part.strip() and found):
        short = dict.fromkeys(target.label.removeprefix("kEffNet-B0 ") for target in targets)
        raise SettingsError(f"--only: no row is called {quoted(part)}; {nearest(part, short)}")
    return found
