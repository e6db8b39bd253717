"""`python -m kreproduce.cli.reference`: docs/cli.md, from the commands as `--help` prints them."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from kreproduce.cli import NAME, app, faults

_HEAD = """# The command line

<!-- Written by `make reference` from the commands themselves; a test holds it to them. -->

What each command prints with `--help`, on one page.
"""


def markdown() -> str:
    """Return the page: what there is, then each command, then the exit codes."""
    root: Any = typer.main.get_command(app)
    commands = list(_commands(typer.Context(root, info_name=NAME)))
    ends = re.split(r"(?<=\D), (?=\d)", faults.EXIT_CODES.rstrip("."))
    codes = [re.sub(r"^([\d, and]*\d)", r"\1:", end) for end in ends]
    parts = [
        _HEAD,
        "\n".join(_summary(one) for one in commands),
        *(f"\n{_section(one)}" for one in commands),
        "\n## Exit codes\n",
        "\n".join(f"- {code}" for code in codes),
    ]
    return "\n".join(parts) + "\n"


def _commands(ctx: Any) -> Iterator[Any]:
    """Yield the context of a command, then those of the commands in it, in their order."""
    yield ctx
    for name, command in getattr(ctx.command, "commands", {}).items():
        yield from _commands(typer.Context(command, info_name=name, parent=ctx))


def _depth(ctx: Any) -> int:
    return 0 if ctx.parent is None else 1 + _depth(ctx.parent)


def _summary(ctx: Any) -> str:
    anchor = ctx.command_path.replace(" ", "-")
    first = _text(ctx)[0].partition("\n")[0]
    return f"{'  ' * _depth(ctx)}- [`{ctx.command_path}`](#{anchor}): {first}"


def _section(ctx: Any) -> str:
    usage = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
    lines = [f"{'##' if _depth(ctx) < 2 else '###'} {ctx.command_path}", ""]
    lines += [] if hasattr(ctx.command, "commands") else [f"    {usage}", ""]
    lines += ["\n\n".join(_text(ctx)), ""]
    for parameter in ctx.command.params:
        called, meaning = parameter.get_help_record(ctx)
        lines.append(f"- `{called}`: {_plain(' '.join(meaning.split()))}")
    return "\n".join(lines).rstrip()


def _text(ctx: Any) -> list[str]:
    """Return what a command does; the program's own epilog, the exit codes, ends the page."""
    texts = [ctx.command.help, ctx.command.epilog if ctx.parent else None]
    return [_plain(inspect.cleandoc(text)) for text in texts if text]


def _plain(text: str) -> str:
    """As Markdown that shows the text as it is."""
    return text.replace("*", r"\*")


if __name__ == "__main__":
    print(markdown(), end="")
