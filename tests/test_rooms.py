"""The rooms of the package, and that what stands in one imports from those below it alone."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "kreproduce"

# The lowest first: a room imports from those above its line in this list, never from those below.
# Nothing is exempt: imports inside functions and those for type checkers count, too.
ROOMS = [
    "__init__",  # the version, and the names for Python callers, which it imports when asked
    "text",
    "errors",
    "system",
    "paper",
    "network",
    "experiment",
    "data",
    "runs",
    "export",
    "training",
    "tables",
    "audit",
    "claims",
    "compare",
    "report",
    "bench",
    "sweep",
    "doctor",
    "cli",
    "__main__",
]


def modules(root):
    """The syntax tree of every module of a package, by its name."""
    found = {}
    for file in root.rglob("*.py"):
        parts = (root.name, *file.relative_to(root).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(file.read_text("utf-8"))
    return found


def arrows(root):
    """Every import of one module of a package by another, as (importing, imported)."""
    known = modules(root)
    for name, tree in known.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name} imports relatively"
                wholes = [f"{node.module}.{alias.name}" for alias in node.names]
                imported = [whole if whole in known else node.module for whole in wholes]
            else:
                continue
            for target in imported:
                if target in known and target != name:
                    yield name, target


def room(module, root):
    """The part of the package right below its top in which a module stands."""
    below = module.removeprefix(root.name).removeprefix(".")
    return below.partition(".")[0] or "__init__"


def circle(pairs):
    """The first circle among arrows; None where there is none."""
    graph = {}
    for importing, imported in pairs:
        graph.setdefault(importing, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def upward(root, rooms):
    """The imports that run up."""
    order = {name: floor for floor, name in enumerate(rooms)}
    return [
        (importing, imported)
        for importing, imported in arrows(root)
        if room(importing, root) != "__init__"
        and order[room(importing, root)] < order[room(imported, root)]
    ]


def test_every_room_is_in_the_list_and_there_is_no_other():
    assert {room(name, ROOT) for name in modules(ROOT)} == set(ROOMS)


def test_the_map_has_the_rooms_from_the_top_down():
    text = (ROOT.parent / "docs" / "index.md").read_text("utf-8")
    listed = re.findall(r"`([a-z]+)(?:/|\.py)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.M)))
    assert listed == [room for room in reversed(ROOMS) if not room.startswith("__")]


def test_no_import_runs_up():
    assert upward(ROOT, ROOMS) == []


def test_of_the_top_only_its_version_and_place_are_used_within():
    """For its other names are those of rooms above, whose imports would not be seen."""
    known = modules(ROOT)
    taken = {
        alias.name
        for tree in known.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "kreproduce"
        for alias in node.names
        if f"kreproduce.{alias.name}" not in known
    }
    taken |= {
        node.attr
        for tree in known.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "kreproduce"
        and f"kreproduce.{node.attr}" not in known
    }
    assert taken == {"__version__", "__file__"}


def test_no_circle_of_imports_between_files():
    pairs = [pair for pair in arrows(ROOT) if pair[0] != "kreproduce"]
    assert circle(pairs) is None


@pytest.fixture
def small(tmp_path):
    """A package of two rooms, and a writer of its files."""
    root = tmp_path / "package"

    def write(**files):
        for name, text in files.items():
            path = root / f"{name.replace('__', '/', 1)}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


UP = {
    "at the top": "from package.above import b\n",
    "of a name": "from package.above.b import name\n",
    "in a function": "def f():\n    from package.above.b import name\n",
    "for a type checker": "if TYPE_CHECKING:\n    import package.above.b\n",
}


@pytest.mark.parametrize("text", UP.values(), ids=list(UP))
def test_an_import_that_runs_up_is_seen(small, text):
    root = small(below__a=text, above__b="name = 1\n")
    assert upward(root, ["below", "above"]) == [("package.below.a", "package.above.b")]


def test_a_circle_within_a_room_is_seen(small):
    root = small(below__a="import package.below.b\n", below__b="from package.below import a\n")
    assert set(circle(arrows(root))) == {"package.below.a", "package.below.b"}
