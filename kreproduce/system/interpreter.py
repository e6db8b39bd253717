"""Python processes of this package, this one and others, kept from the user's own modules.

`python -m` and `python -c` look for modules in the working folder first: a `random.py` or `yaml.py`
of the user's there would be run in place of the library's.
"""

# Nothing but what every Python has imported before: all else might be the user's.
import os
import sys

import kreproduce

_SAFE_PATH = "PYTHONSAFEPATH"


def _is_same(path: str, folder: str) -> bool:
    try:
        return os.path.realpath(path or os.curdir) == os.path.realpath(folder)
    except OSError:  # the working folder is gone, which the command line says
        return False


_root = os.path.dirname(os.path.dirname(os.path.abspath(kreproduce.__file__)))  # noqa: PTH100, PTH120
# In a checkout that is not installed, the working folder is where this package itself is found.
_is_only_here = _is_same("", _root) and not any(
    _is_same(path, _root) for path in sys.path[0 if sys.flags.safe_path else 1 :]
)


def python(*arguments: str) -> list[str]:
    """Return the command of a Python that imports nothing from its working folder.

    Unless this package is found there and nowhere else.
    """
    return [sys.executable, *([] if _is_only_here else ["-P"]), *arguments]


def leave_out_the_working_folder() -> None:
    """Import nothing more from the working folder; for the start of `python -m kreproduce`.

    What Python itself has imported until then is out of reach.
    """
    if not sys.flags.safe_path and not _is_only_here and _is_same(sys.path[0], ""):
        del sys.path[0]


class GuardedChildren:
    """Within it, Pythons that a library starts, as multiprocessing does, leave it out as well."""

    def __enter__(self) -> None:
        self._before = os.environ.get(_SAFE_PATH)
        if not _is_only_here:
            os.environ[_SAFE_PATH] = "1"

    def __exit__(self, *_: object) -> None:
        os.environ.pop(_SAFE_PATH, None)
        if self._before is not None:
            os.environ[_SAFE_PATH] = self._before
