"""Mutants: a function with one thing in it changed, as a code object that takes the function's place."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

NEGATED = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}
SHIFTED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
WORDS = frozenset({"reason", "seen", "word"})
"""Names of what is only said."""
OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


class Mutant(NamedTuple):
    """One change.

    Parameters
    ----------
    key
        `fabio/guards/cooldown.py Guard.check: since_ns >= needed -> since_ns > needed`, with a number where the
        same change can be made in several places.
    path
        Names of the classes and functions around the code, outermost first.
    code
        Of the changed function.
    """

    key: str
    file: str
    module: str
    path: tuple[str, ...]
    code: CodeType


def mutants_of(root: Path, file: str, only: frozenset[str] = frozenset()) -> Iterator[Mutant]:
    """Give every mutant of a file's functions, or of those named in `only`."""
    tree = ast.parse((root / file).read_text("utf-8"))
    seen: dict[str, int] = {}
    for path, function in _functions(tree):
        if only and path[-1] not in only:
            continue
        for place, variant, words in _changes(function):
            target = copy.deepcopy(function)
            variant(list(ast.walk(target))[place])
            changed = _alone(tree, path, target)
            key = f"{file} {'.'.join(path)}: {words}"
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > 1:
                key += f" ({seen[key]})"
            code = _code_of(compile(changed, str(root / file), "exec"), path)
            yield Mutant(key, file, file.removesuffix(".py").replace("/", "."), path, code)


def counted(
    root: Path, file: str, only: frozenset[str], counter: str
) -> Iterator[tuple[str, tuple[str, ...], CodeType]]:
    """Give module, path and code of every function of a file, with a first line that calls `counter` with its path."""
    tree = ast.parse((root / file).read_text("utf-8"))
    paths = [path for path, _ in _functions(tree) if not only or path[-1] in only]
    for path, function in _functions(tree):
        call = ast.parse(f"{counter}({file!r}, {path!r})").body[0]
        function.body.insert(0, call)
    code = compile(ast.fix_missing_locations(tree), str(root / file), "exec")
    for path in paths:
        yield file.removesuffix(".py").replace("/", "."), path, _code_of(code, path)


def _functions(tree: ast.Module) -> list[tuple[tuple[str, ...], ast.FunctionDef]]:
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.append(((node.name,), node))
        elif isinstance(node, ast.ClassDef):
            found += [((node.name, inner.name), inner) for inner in node.body if isinstance(inner, ast.FunctionDef)]
    return found


def _alone(tree: ast.Module, path: tuple[str, ...], function: ast.FunctionDef) -> ast.Module:
    """Give a module of one function, in its class where it has one."""
    whole = next(node for node in tree.body if getattr(node, "name", "") == path[0])
    if isinstance(whole, ast.ClassDef):
        whole = copy.copy(whole)
        whole.body, whole.decorator_list = [function], []
    return ast.fix_missing_locations(ast.Module(body=[whole if len(path) > 1 else function], type_ignores=[]))


def _code_of(code: CodeType, path: tuple[str, ...]) -> CodeType:
    for name in path:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    return code


def _changes(function: ast.FunctionDef) -> Iterator[tuple[int, object, str]]:
    """Give (place in the walk, what to do to the node there, in words) for each change."""
    silent = _silent(function)
    for place, node in enumerate(ast.walk(function)):
        if node in silent:
            continue
        before = "" if isinstance(node, ast.FunctionDef) else _short(node)
        for variant in _variants(node, function):
            after = copy.deepcopy(node)
            variant(after)
            words = "the whole of it -> return None" if node is function else f"{before} -> {_short(after)}"
            yield place, variant, words


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split("\n")[0].split())
    return text if len(text) <= 110 else f"{text[:107]}..."


def _silent(function: ast.FunctionDef) -> set[ast.AST]:
    """Give what no control depends on: words for people, annotations, decorators, docstrings."""
    roots: list[ast.AST] = [*function.decorator_list, function.args]
    if function.returns is not None:
        roots.append(function.returns)
    for node in ast.walk(function):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.JoinedStr) or (isinstance(target, ast.Name) and target.id in WORDS):
            roots.append(node)
    return {inner for root in roots for inner in ast.walk(root)}


def _variants(node: ast.AST, function: ast.FunctionDef) -> list[object]:
    """Give the changes of one node, each a function that changes a node like it in place."""
    found: list[object] = []
    if node is function:
        found.append(_emptied)
    elif isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            found.append(_compared(index, NEGATED[type(operator)]))
            if type(operator) in SHIFTED:
                found.append(_compared(index, SHIFTED[type(operator)]))
    elif isinstance(node, ast.BoolOp):
        found.append(_joined)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        found.append(_unnegated)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        found.append(_positive)
    elif isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.Compare):
        found.append(_negated_test)
    elif isinstance(node, ast.BinOp) and type(node.op) in OTHER and not _is_text(node):
        found.append(_calculated(OTHER[type(node.op)]))
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        found.append(_other_constant)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Verdict" and len(node.args) > 1:
        found += [_speaking(value) for value in (True, False) if getattr(node.args[1], "value", None) is not value]
    return found


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(inner, ast.Constant) and isinstance(inner.value, str) for inner in ast.walk(node))


def _emptied(node: ast.FunctionDef) -> None:
    node.body = [ast.Return(value=ast.Constant(value=None))]


def _compared(index: int, operator: type[ast.cmpop]) -> object:
    def change(node: ast.Compare) -> None:
        node.ops[index] = operator()

    return change


def _joined(node: ast.BoolOp) -> None:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _unnegated(node: ast.UnaryOp) -> None:
    node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)


def _positive(node: ast.UnaryOp) -> None:
    node.op = ast.UAdd()


def _negated_test(node: ast.If) -> None:
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)


def _calculated(operator: type[ast.operator]) -> object:
    def change(node: ast.BinOp) -> None:
        node.op = operator()

    return change


def _other_constant(node: ast.Constant) -> None:
    node.value = not node.value if isinstance(node.value, bool) else node.value + 1


def _speaking(passed: bool) -> object:
    def change(node: ast.Call) -> None:
        node.args[1] = ast.Constant(value=passed)

    return change
