"""YAML as a settings file means it: plain values, each key once, nothing that runs or refers.

YAML 1.1 reads `no` as false and `1e-3` as a string and keeps the last of two equal keys without
a word; here scalars follow YAML 1.2's core schema, and equal keys, aliases and tags are refused.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from kreproduce.errors import SettingsError
from kreproduce.system import files
from kreproduce.text import printable

_LARGEST = 2**16  # bytes; PyYAML takes seconds for more, and settings have a thousand


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2 and without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"tags are not allowed, and {event.tag} is one", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key is not a plain word", key)
            if key.value in seen:
                raise _refusal(f"the key '{key.value}' stands twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


# YAML 1.1 would read 010 as octal.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


def _refusal(why: str, place: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, why, place.start_mark)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file.

    Raises:
        SettingsError: the file cannot be read, is not YAML, or holds no settings.
    """
    try:
        # A link may lead to it, and nothing else: a pipe would keep its reader waiting.
        text = files.read(path.resolve(), _LARGEST).decode("utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"there is no settings file {printable(path)}; check its path"
        ) from None
    except files.UnfitError as error:
        raise SettingsError(f"{printable(path)} {error}; a settings file is expected") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(
            f"{printable(path)} cannot be read as a settings file: {printable(error)}"
        ) from None
    values = _load(text, str(path))
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsError(
            f"{printable(path)} holds no settings; write lines such as 'dataset: cifar10'"
        )
    return values


def parse_value(text: str, source: str) -> Any:
    """Return the value of `text` as it would stand after a key of a settings file.

    Raises:
        SettingsError: it is no value; the message names `source`.
    """
    return _load(text, source)


def _load(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingsError(f"{printable(source)} is not valid YAML{_where(error)}") from None


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    said = printable(problem)
    return f", line {mark.line + 1}: {said}" if mark is not None else f": {said}"
