"""Every sentence by which something is refused, side by side in refusals.txt, for a reader.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/project/test_refusals.py, and read the diff.

They are read from the source, so that a sentence stands there that no test provokes. Before each is
the exit code. What is filled in stands in {braces}, `{one | other}` is either, and a "part" is no
refusal by itself: it is filled into others, as is what a function returns, under the function's
name.
"""

import ast
import os
import re
from pathlib import Path

from kreproduce import errors

PACKAGE = Path(errors.__file__).parent
REFUSALS = Path(__file__).with_name("refusals.txt")
CODES = {
    name: str(kind.exit_code)
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.KreproduceError)
}
PARTS = ("UnfitError", "ValueError", "_DamagedError", "_NotTakenError")
SAME = ("printable", "quoted", "str", "get", "rpartition", "strip")  # of a text, for the name of it


class Names:
    """What the names of a function and of its file stand for, as far as that is a text."""

    def __init__(self, file, function):
        self.constants = _assigned(file.body)
        self.locals = _assigned(ast.walk(function)) if function else {}

    def sentences(self, node):
        """What an argument may say: one text, or those that its name is given."""
        values = self.locals.get(node.id, []) if isinstance(node, ast.Name) else []
        texts = [text for value in values if (text := self._text(value)) is not None]
        return texts or [self._filled(node)]

    def within(self, node):
        """All that an expression is made of, and the values of its names."""
        for each in ast.walk(node):
            yield each
            for value in self.locals.get(each.id, []) if isinstance(each, ast.Name) else []:
                yield from ast.walk(value)

    def _text(self, node):
        match node:
            case ast.Constant(value=str() | int() as value):
                return str(value)
            case ast.JoinedStr(values=parts):
                return "".join(map(self._filled, parts))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                if None not in (self._text(left), self._text(right)):
                    return self._filled(left) + self._filled(right)
            case ast.IfExp(body=one, orelse=other):
                return f"{{{self._either(one)} | {self._either(other)}}}"
            case ast.Name(id=name) if len(self.constants.get(name, [])) == 1:
                return self._text(self.constants[name][0])
            case ast.FormattedValue(value=value):
                return self._text(value)
        return None

    def _filled(self, node):
        text = self._text(node)
        return f"{{{self._name(node)}}}" if text is None else text

    def _either(self, node):
        text = self._text(node)
        return self._name(node) if text is None else text

    def _name(self, node):
        match node:
            case ast.FormattedValue(value=value) | ast.Subscript(value=value):
                return self._name(value)
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in SAME:
                return self._name(first)
            case ast.Call(func=ast.Name(id="len"), args=[counted]):
                return f"number of {self._name(counted)}"
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in SAME:
                return self._name(value)
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join")):
                return "..."
            case ast.Call(func=function):
                return f"{self._name(function)}()"
            case ast.Attribute(attr=name) | ast.Name(id=name):
                return name
            case ast.BoolOp(op=ast.And(), values=[*_, last]):
                return self._name(last)
            case ast.BoolOp(values=values):
                return " | ".join(map(self._either, values))
        return "..."


def _assigned(nodes):
    values = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values.setdefault(node.targets[0].id, []).append(node.value)
    return values


def _called(node):
    """The name of the function or class that is called; of anything else the empty text."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", None) or getattr(function, "id", "")


def _made(file):
    """(exit code, line, sentence) of the errors that are made, and what words them: functions."""
    inside = {}  # the innermost function of each node
    for function in ast.walk(file):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside |= dict.fromkeys(ast.walk(function), function)
    found, wording = [], set()
    for node in ast.walk(file):
        name = _called(node)
        if (name in CODES or name in PARTS) and node.args:
            names = Names(file, inside.get(node))
            texts = names.sentences(node.args[0])
            found += [(CODES.get(name, "part"), node.lineno, text) for text in texts]
            wording |= set(map(_called, names.within(node.args[0])))
    return found, wording


def _returned(file, functions):
    """(function, line, sentence) of what functions of these names return."""
    for function in ast.walk(file):
        if not isinstance(function, ast.FunctionDef) or function.name not in functions:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                for text in Names(file, function).sentences(node.value):
                    if re.search(r"[a-z]+ [a-z]+", text):
                        yield f"{function.name}()", node.lineno, text


def listing():
    """By file; in each the refusals by exit code, then what functions return; each in order."""
    files = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    made = {path: _made(file) for path, file in files.items()}
    public = {name for _, names in made.values() for name in names if not name.startswith("_")}
    lines = []
    for path, file in files.items():
        found, wording = made[path]
        returned = list(_returned(file, wording | public))
        if found or returned:
            lines += ["", path.relative_to(PACKAGE.parent).as_posix()]
            lines += [f"  {code}: {text}" for code, _, text in sorted(found) + sorted(returned)]
    return "\n".join(lines).lstrip() + "\n"


def test_the_snapshot():
    found = listing()
    if os.environ.get("UPDATE_GOLDEN"):
        REFUSALS.write_text(found, encoding="utf-8")
    assert found == REFUSALS.read_text(encoding="utf-8")


def test_each_kind_of_error_is_among_them():
    codes = {line.split(":")[0].strip() for line in listing().splitlines() if line[:2] == "  "}
    assert {*"234567", "part"} <= codes
