"""All ways to change one thing in a piece of Python code, for `mutate_exercises.py`."""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mod, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitXor: (ast.Add, ast.BitOr),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.MatMult, ast.Pow)
"""Operators whose result depends on the order of their operands."""
NAMES = {
    a: b
    for pair in (
        *("mean sum", "sum mean", "min max", "max min", "amin amax", "amax amin", "exp exp2"),
        *("argmin argmax", "argmax argmin", "log log2", "sin cos", "cos sin", "zeros ones"),
        *("ones zeros", "zeros_like ones_like", "ones_like zeros_like", "all any", "any all"),
        *("floor ceil", "ceil floor", "cat stack", "stack cat", "square abs", "sqrt square"),
        *("logsumexp sum", "softmax log_softmax", "log_softmax softmax", "unique sort"),
        *("argsort sort", "randint rand", "randn rand", "rand randn", "eye ones", "norm sum"),
        *("width height", "height width", "l1_loss mse_loss", "mse_loss l1_loss"),
        *("values indices", "indices values", "maximum minimum", "minimum maximum"),
        *("vflip hflip", "hflip vflip", "fliplr flipud", "flipud fliplr", "triu tril"),
    )
    for a, b in [pair.split()]
}
"""Functions, methods and attributes, each with another that is easily confused with it."""
MODULES = ("torch", "F", "nn", "np", "math", "numpy", "functional", "einops", "random", "linalg")

AXES = ("dim", "axis", "dims")

Path = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Mutant:
    """A solution with one thing changed.

    Attributes:
        source: The changed code.
        line: The line that differs from the original; "without …" if a line was removed.
        was: The line of the original.
    """

    source: str
    line: str
    was: str


def _paths(node: ast.AST, path: Path = ()) -> Iterator[tuple[Path, ast.AST]]:
    """Every node with the path to it from the root."""
    yield path, node
    if isinstance(node, ast.keyword) and node.arg in AXES:
        return  # the change of its call covers it
    for name, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                step = (name, index if isinstance(value, list) else None)
                yield from _paths(child, (*path, step))


def _replaced(tree: ast.AST, path: Path, new: ast.AST | None) -> ast.AST:
    """Copy a tree with another node at the end of a path; None removes the node there."""
    root = copy.deepcopy(tree)
    *way, (name, index) = path
    parent: Any = root
    for step, at in way:
        parent = getattr(parent, step) if at is None else getattr(parent, step)[at]
    if index is None:
        setattr(parent, name, new)
    elif new is None:
        del getattr(parent, name)[index]
        if name == "body" and not parent.body:
            parent.body.append(ast.Pass())
    else:
        getattr(parent, name)[index] = new
    return root


def _with(node: Any, **changes: Any) -> Any:
    """Copy a node with other values of some fields."""
    new = copy.deepcopy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _neighbours_swapped(items: Sequence[Any]) -> Iterator[list[Any]]:
    for k in range(len(items) - 1):
        yield [*items[:k], items[k + 1], items[k], *items[k + 2 :]]


def _of_module(function: ast.AST) -> bool:
    """Whether an expression is a function of a module, such as torch.cat or F.relu."""
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in MODULES


def _constants(node: ast.Constant, is_place: bool) -> Iterator[ast.expr]:
    """Other constants; not -1 for the index 1, since these are often the same element."""
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
        if value and not is_place:
            yield ast.UnaryOp(ast.USub(), ast.Constant(value))
    elif isinstance(value, str) and value in NAMES:
        yield ast.Constant(NAMES[value])


def _other_axis(node: ast.keyword) -> Iterator[ast.expr]:
    """Exchange dim=0 and dim=1; dim=-1, the last of two, counts as 1."""
    if isinstance(node.value, ast.Tuple):
        if node.arg == "dims":
            yield _with(node.value, elts=node.value.elts[::-1])
        for k in range(len(node.value.elts)):
            yield _with(node.value, elts=node.value.elts[:k] + node.value.elts[k + 1 :])
    elif isinstance(node.value, ast.Constant) and node.value.value in (0, 1):
        yield ast.Constant(1 - node.value.value)
    elif isinstance(node.value, ast.UnaryOp):
        yield ast.Constant(0)


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    method = isinstance(node.func, ast.Attribute) and not _of_module(node.func)
    if method:
        assert isinstance(node.func, ast.Attribute)
        yield node.func.value  # x.f(…) -> x
    elif node.args:
        yield node.args[0]  # f(x, …) -> x
    for args in _neighbours_swapped(node.args):
        yield _with(node, args=args)
    if method or len(node.args) > 1:
        for k in range(0 if method else 1, len(node.args)):
            yield _with(node, args=[*node.args[:k], *node.args[k + 1 :]])
    for k, keyword in enumerate(node.keywords):
        others = [*node.keywords[:k], *node.keywords[k + 1 :]]
        yield _with(node, keywords=others)
        if keyword.arg in AXES:
            for value in _other_axis(keyword):
                yield _with(node, keywords=[*others, _with(keyword, value=value)])


def _expressions(node: ast.AST, is_place: bool) -> Iterator[ast.AST]:
    """The expressions that may replace an expression."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _with(node, op=operator())
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ORDERED):
            yield _with(node, left=node.right, right=node.left)
        yield node.left
        yield node.right
    elif isinstance(node, ast.Compare):
        for operator in OPERATORS.get(type(node.ops[0]), ()):
            yield _with(node, ops=[operator(), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node, is_place)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Attribute):
        if node.attr in NAMES:
            yield _with(node, attr=NAMES[node.attr])
        if node.attr in ("T", "mT", "values", "indices", "data"):
            yield node.value
    elif isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load):
        for elts in _neighbours_swapped(node.elts):
            yield _with(node, elts=elts)
    elif isinstance(node, ast.Slice):
        for name in ("lower", "upper", "step"):
            if getattr(node, name) is not None:
                yield _with(node, **{name: None})
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield _with(node, ifs=[])


def _statements(node: ast.AST) -> Iterator[ast.AST | None]:
    """The statements that may replace a statement; None removes it."""
    if isinstance(node, ast.Assign | ast.Expr | ast.AugAssign | ast.Return | ast.For | ast.If):
        yield None
    if isinstance(node, ast.AugAssign):
        target = copy.deepcopy(node.target)
        yield ast.copy_location(ast.Assign([target], node.value), node)
    elif isinstance(node, ast.If):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        yield _with(node, test=ast.Constant(True))
    elif isinstance(node, ast.For):
        yield _with(node, body=[*node.body, ast.Break()])


def _arguments(tree: ast.AST) -> list[str]:
    """Names of the arguments of the functions in a tree."""
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    names = [arg.arg for each in defined for arg in each.args.args]
    return [name for name in dict.fromkeys(names) if name != "self"]


def _is_docstring(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Lines that are only in the second code, and lines that are only in the first."""
    old, new = before.splitlines(), after.splitlines()
    removed, added = [], []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += [line.strip() for line in old[a:b]]
            added += [line.strip() for line in new[c:d]]
    was = "; ".join(removed)
    return "; ".join(added) or f"without {was}", was


def mutants(source: str) -> list[Mutant]:
    """All distinct results of changing one thing in a piece of code."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    arguments = _arguments(tree)
    for path, node in _paths(tree):
        if not path or _is_docstring(node):
            continue
        is_place = "slice" in [name for name, _ in path[-2:]]
        news: list[ast.AST | None] = [*_expressions(node, is_place), *_statements(node)]
        if isinstance(node, ast.Name) and node.id in arguments and isinstance(node.ctx, ast.Load):
            news += [_with(node, id=name) for name in arguments if name != node.id]
        for new in news:
            try:
                code = ast.unparse(ast.fix_missing_locations(_replaced(tree, path, new)))
                compile(code, "mutant", "exec")
            except (SyntaxError, ValueError, AttributeError, TypeError):
                continue  # not valid Python
            if code != original:
                found.setdefault(code, Mutant(code, *_difference(original, code)))
    return list(found.values())
