"""A run that a command line names: by its folder, or by its name below the results."""

import difflib
from pathlib import Path

from kreproduce.errors import DataError, SettingsError
from kreproduce.text import quoted


def find_run(where: str | Path, results: Path, file: str = "") -> Path:
    """Return the folder, or where `file` says what it is the file, that `where` means.

    Raises:
        SettingsError: there is nothing of that name.
        DataError: it cannot be looked at, or is a file where only a folder will do.
    """
    for path in (Path(where), results / "runs" / where):
        try:
            if path.is_dir():  # its name is that of its run, also where it is "."
                return path if path.name not in ("", "..") else path.resolve()
            if path.exists():
                if file:
                    return path
                raise DataError(f"{quoted(where)} is a file: name a run, or its folder")
        except (OSError, ValueError) as error:
            raise DataError(f"{quoted(where)} cannot be read: {_reason(error)}") from error
    kinds = f"no {file.removeprefix('a ')}, no" if file else "no"
    raise SettingsError(
        f"there is {kinds} run's folder and no run below {results / 'runs'} that is called "
        f"{quoted(where)}{nearest_run(str(where), results)}"
    )


def nearest_run(where: str, results: Path) -> str:
    """Return the end of a message about an unknown run: which was meant, or what lists them."""
    try:
        names = [path.name for path in (results / "runs").iterdir() if path.is_dir()]
    except OSError:
        return ""
    close = difflib.get_close_matches(where[:200], names, n=1)
    close = close or sorted(name for name in names if where and name.startswith(where))
    if close:
        return f"; did you mean '{close[0]}'?"
    return "; kreproduce status lists the runs" if names else ""


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
