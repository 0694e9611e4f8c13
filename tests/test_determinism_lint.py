"""The pure rooms take time, chance and order from nowhere but their arguments: a lint over their source.

Each finding names file, line, and what to do instead. `import-linter` forbids the modules; this
looks at what can be reached without an import, and at order that depends on a hash.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "fabio"
PURE = ("model", "features", "portfolio", "regime", "strategies", "guards", "exchange", "engine")
MODULES = {
    "time": "take `ts_ns` from the event", "datetime.now": "take `ts_ns` from the event",
    "random": "no chance in pure rooms: a seed belongs to the shell", "secrets": "ids are counts",
    "uuid": "ids are counts", "os": "settings come as plain values", "asyncio": "the shell waits, the machine does not",
    "threading": "the machine is one thread", "socket": "the outside is an event",
}
# module, or what of one -> what to do instead
CALLS = {
    "hash": "it differs from run to run (PYTHONHASHSEED): use hashlib, or a tuple as it is",
    "id": "addresses differ from run to run: use an id of the record", "input": "the outside is an event",
    "open": "files belong to the shell", "globals": "state is an argument", "vars": "name the field",
}
ATTRIBUTES = {
    ("datetime", "now"): MODULES["datetime.now"], ("datetime", "utcnow"): MODULES["datetime.now"],
    ("datetime", "today"): MODULES["datetime.now"], ("date", "today"): MODULES["datetime.now"],
    ("os", "environ"): MODULES["os"], ("np", "random"): MODULES["random"], ("numpy", "random"): MODULES["random"],
}
SET_MAKERS = {"set", "frozenset"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
ORDERLESS = {"sorted", "len", "any", "all", "sum", "min", "max", "set", "frozenset", "isinstance", "bool"}
ORDERED_TAKERS = {"list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "dict", "reversed"}
SET_CURE = "the order of a set depends on hashes: `sorted(...)` it, or use a dict"


class Lint(ast.NodeVisitor):
    """Collects what a pure room must not do, by line."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[tuple[int, str, str]] = []
        self._sets: list[set[str]] = [set()]  # names that hold sets, by scope
        self.visit(tree)

    def _note(self, node: ast.AST, what: str, cure: str) -> None:
        self.found.append((getattr(node, "lineno", 0), what, cure))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.split(".")[0]
            if top in MODULES:
                self._note(node, f"import {alias.name}", MODULES[top])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        top = (node.module or "").split(".")[0]
        if node.level == 0 and top in MODULES:
            self._note(node, f"from {node.module} import ...", MODULES[top])

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        cure = ATTRIBUTES.get((base, node.attr))
        if cure is not None:
            self._note(node, f"{base}.{node.attr}", cure)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
        self._sets.append({each.arg for each in arguments if _is_set_type(each.annotation)})
        self.generic_visit(node)
        self._sets.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                (self._sets[-1].add if self._is_set(node.value) else self._sets[-1].discard)(target.id)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and _is_set_type(node.annotation):
            self._sets[-1].add(node.target.id)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._look_at_order(node.iter)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def visit_Set(self, node: ast.Set) -> None:
        for element in node.elts:  # a set poured into a set has no order to lose
            self.visit(element.value if isinstance(element, ast.Starred) else element)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._look_at_order(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in CALLS:
            self._note(node, f"{name}(", CALLS[name])
        if name in ORDERED_TAKERS:
            for argument in node.args:
                self._look_at_order(argument)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
            self._look_at_order(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
            self._look_at_order(node.func.value)
        if name in ORDERLESS:  # a generator over a set is fine where order cannot matter
            for argument in node.args:
                if isinstance(argument, ast.GeneratorExp | ast.ListComp):
                    for generator in argument.generators:
                        self.generic_visit(generator)
                    self.visit(argument.elt)
                elif not self._is_set(argument):
                    self.visit(argument)
            return
        self.generic_visit(node)

    def _comprehension(self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp) -> None:
        for generator in node.generators:
            self._look_at_order(generator.iter)
        self.generic_visit(node)

    def _look_at_order(self, node: ast.AST) -> None:
        if self._is_set(node):
            self._note(node, f"iteration over the set {ast.unparse(node)}", SET_CURE)

    def _is_set(self, node: ast.AST | None) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name):
            return any(node.id in scope for scope in self._sets)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in SET_MAKERS
            return isinstance(node.func, ast.Attribute) and node.func.attr in SET_METHODS and self._is_set(
                node.func.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
            return self._is_set(node.left) or self._is_set(node.right) or _are_keys(node.left, node.right)
        return isinstance(node, ast.IfExp) and (self._is_set(node.body) or self._is_set(node.orelse))


def _are_keys(left: ast.AST, right: ast.AST) -> bool:
    """Tell whether two sides are views of keys: what `|` makes of them is a set."""
    return any(
        isinstance(side, ast.Call) and isinstance(side.func, ast.Attribute) and side.func.attr in ("keys", "items")
        for side in (left, right)
    )


def _is_set_type(annotation: ast.AST | None) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return isinstance(annotation, ast.Name) and annotation.id in {"set", "frozenset", "AbstractSet", "Set"}


def lint(text: str) -> list[str]:
    """Give what is found in a source: `line: what: cure`."""
    return [f"{line}: {what}: {cure}" for line, what, cure in Lint(ast.parse(text)).found]


def sources() -> Iterator[Path]:
    for room in PURE:
        yield from sorted((ROOT / room).rglob("*.py"))


def test_the_pure_rooms_are_there() -> None:
    assert len(list(sources())) > 60


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_pure_file_takes_time_chance_and_order_from_its_arguments_alone(path: Path) -> None:
    assert [f"fabio/{path.relative_to(ROOT)}:{each}" for each in lint(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("source", [
    "import time", "import time as clock", "from time import monotonic", "import random", "from random import Random",
    "import os", "from os import environ", "import secrets", "from uuid import uuid4", "import asyncio",
    "import datetime as dt\nnow = dt.datetime.now()", "from datetime import datetime\nnow = datetime.utcnow()",
    "from datetime import date\ntoday = date.today()", "import numpy as np\nx = np.random.default_rng()",
    "key = hash(name)", "key = id(order)", "text = open('x').read()",
    "for name in {1, 2}:\n    print(name)", "for name in set(names):\n    print(name)",
    "found = set(a)\nfor each in found:\n    print(each)",
    "def f(a: set[str]) -> None:\n    for each in a:\n        g(each)",
    "rows = [each for each in frozenset(a)]", "rows = list({each for each in a})", "rows = tuple(set(a) | set(b))",
    "text = ', '.join(set(a))", "first = next(iter(set(a)))", "rows = [*set(a)]",
    "for key in a.keys() | b.keys():\n    f(key)",
    "rows = {key: 1 for key in set(a)}", "last = set(a).pop()", "for n, each in enumerate(set(a)):\n    f(each)",
])
def test_the_lint_bites(source: str) -> None:
    found = lint(source)
    assert found
    assert all(each.split(": ", 2)[2] for each in found)  # a cure


@pytest.mark.parametrize("source", [
    "for name in sorted(set(names)):\n    print(name)", "count = len({1, 2})", "holds = name in {'a', 'b'}",
    "holds = any(each > 1 for each in set(a))", "total = sum(each for each in {1, 2})",
    "for name in {'a': 1}:\n    print(name)", "rows = [each for each in a]", "same = set(a) == set(b)",
    "timer = view.now_ns", "identity = order.id", "found = {each for each in sorted(a)}",
    "both = {*set(a), *set(b)}",
])
def test_the_lint_lets_pass_what_cannot_differ(source: str) -> None:
    assert lint(source) == []
