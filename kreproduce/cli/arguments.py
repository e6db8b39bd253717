"""What every command refuses on its line, whatever the option is for."""

import errno
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from kreproduce.errors import SettingsError
from kreproduce.text import quoted

CH_HELP = (
    "Channels per group, Ch: a number, sqrt, share:0.15, or patterns of layers: '*_expand=16,*=32'."
)
_FOLDERS = {"results"}
"""Parameters that take a folder, which may be still to be made. What is to hold images is not among
them: the data that it names say themselves what is wrong with it."""


class Command(TyperCommand):
    """A command that takes no empty values and no file for a folder.

    An empty value is what `--results "$RESULTS"` gives where the variable is not set. Click takes
    it, and a `Path` of it is the working folder.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the line as Click does, with what was given looked at first.

        Raises:
            SettingsError: a value is empty or no folder.
        """
        if ctx.resilient_parsing:  # a shell asks how to complete it
            return super().parse_args(ctx, args)
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in [] if given.get("help") else self.params:
            name = parameter.name or ""
            found = given.get(name)
            for value in found if isinstance(found, list | tuple) else [found]:
                if isinstance(value, str):
                    is_option = parameter.param_type_name == "option"
                    _check(parameter.opts[0] if is_option else _shown(parameter), name, value)
        return super().parse_args(ctx, args)


def _shown(argument: Any) -> str:
    """Return what the help calls an argument."""
    return str(argument.metavar or argument.name)


def _check(called: str, name: str, value: str) -> None:
    what = f"{called} {quoted(value)}"
    if not value.strip():
        raise SettingsError(f"{what} is empty; give it a value (a shell variable may be unset)")
    if name in _FOLDERS and _is_no_folder(Path(value)):
        raise SettingsError(f"{what} is not a folder; name one, or one that is still to be made")


def _is_no_folder(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError as error:  # what may not be looked at is refused by whoever writes there
        return error.errno == errno.ENAMETOOLONG
