"""All mutants of a piece of Python code that differ from it in one place.

`mutate_exercises.py` runs the checks of the exercises on them.
"""

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
"""Operators that are not commutative."""
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
"""Functions, methods and attributes, and those they are easily confused with."""
MODULES = ("torch", "F", "nn", "np", "math", "numpy", "functional", "einops", "random", "linalg")

AXES = ("dim", "axis", "dims")

NodePath = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Mutant:
    """A piece of code with one change.

    Attributes:
        source: the changed code.
        line: the line that differs from the original; "without …" if it was removed.
        was: the original line.
    """

    source: str
    line: str
    was: str


def _paths(node: ast.AST, path: NodePath = ()) -> Iterator[tuple[NodePath, ast.AST]]:
    """Every node with its path from the root."""
    yield path, node
    if isinstance(node, ast.keyword) and node.arg in AXES:
        return  # the call changes it as a whole
    for name, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                step = (name, index if isinstance(value, list) else None)
                yield from _paths(child, (*path, step))


def _replace(tree: ast.AST, path: NodePath, new: ast.AST | None) -> ast.AST:
    """A copy of the tree with another node at the end of a path; None removes the node."""
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


def _copy_with(node: Any, **changes: Any) -> Any:
    """A copy of a node with some fields replaced."""
    new = copy.deepcopy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _neighbours_swapped(items: Sequence[Any]) -> Iterator[list[Any]]:
    for k in range(len(items) - 1):
        yield [*items[:k], items[k + 1], items[k], *items[k + 2 :]]


def _is_module_function(function: ast.AST) -> bool:
    """Whether a call is of a module's function: torch.cat, F.relu, torch.nn.functional.relu."""
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in MODULES


def _constants(node: ast.Constant, is_index: bool) -> Iterator[ast.expr]:
    """Other constants, but not -1 for the index 1, which is often the same index."""
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
        if value and not is_index:
            yield ast.UnaryOp(ast.USub(), ast.Constant(value))
    elif isinstance(value, str) and value in NAMES:
        yield ast.Constant(NAMES[value])


def _other_axis(node: ast.keyword) -> Iterator[ast.expr]:
    """Swap dim=0 and dim=1; dim=-1 becomes 0, since for two axes it equals dim=1."""
    if isinstance(node.value, ast.Tuple):
        if node.arg == "dims":
            yield _copy_with(node.value, elts=node.value.elts[::-1])
        for k in range(len(node.value.elts)):
            yield _copy_with(node.value, elts=node.value.elts[:k] + node.value.elts[k + 1 :])
    elif isinstance(node.value, ast.Constant) and node.value.value in (0, 1):
        yield ast.Constant(1 - node.value.value)
    elif isinstance(node.value, ast.UnaryOp):
        yield ast.Constant(0)


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    method = isinstance(node.func, ast.Attribute) and not _is_module_function(node.func)
    if method:
        assert isinstance(node.func, ast.Attribute)
        yield node.func.value  # x.f(…) -> x
    elif node.args:
        yield node.args[0]  # f(x, …) -> x
    for args in _neighbours_swapped(node.args):
        yield _copy_with(node, args=args)
    if method or len(node.args) > 1:
        for k in range(0 if method else 1, len(node.args)):
            yield _copy_with(node, args=[*node.args[:k], *node.args[k + 1 :]])
    for k, keyword in enumerate(node.keywords):
        others = [*node.keywords[:k], *node.keywords[k + 1 :]]
        yield _copy_with(node, keywords=others)
        if keyword.arg in AXES:
            for value in _other_axis(keyword):
                yield _copy_with(node, keywords=[*others, _copy_with(keyword, value=value)])


def _expressions(node: ast.AST, is_index: bool) -> Iterator[ast.AST]:
    """Replacements of an expression."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _copy_with(node, op=operator())
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ORDERED):
            yield _copy_with(node, left=node.right, right=node.left)
        yield node.left
        yield node.right
    elif isinstance(node, ast.Compare):
        for operator in OPERATORS.get(type(node.ops[0]), ()):
            yield _copy_with(node, ops=[operator(), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node, is_index)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Attribute):
        if node.attr in NAMES:
            yield _copy_with(node, attr=NAMES[node.attr])
        if node.attr in ("T", "mT", "values", "indices", "data"):
            yield node.value
    elif isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load):
        for elts in _neighbours_swapped(node.elts):
            yield _copy_with(node, elts=elts)
    elif isinstance(node, ast.Slice):
        for name in ("lower", "upper", "step"):
            if getattr(node, name) is not None:
                yield _copy_with(node, **{name: None})
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield _copy_with(node, ifs=[])


def _statements(node: ast.AST) -> Iterator[ast.AST | None]:
    """Replacements of a statement; None removes it."""
    if isinstance(node, ast.Assign | ast.Expr | ast.AugAssign | ast.Return | ast.For | ast.If):
        yield None
    if isinstance(node, ast.AugAssign):
        target = copy.deepcopy(node.target)
        yield ast.copy_location(ast.Assign([target], node.value), node)
    elif isinstance(node, ast.If):
        yield _copy_with(node, test=ast.UnaryOp(ast.Not(), node.test))
        yield _copy_with(node, test=ast.Constant(True))
    elif isinstance(node, ast.For):
        yield _copy_with(node, body=[*node.body, ast.Break()])


def _argument_names(tree: ast.AST) -> list[str]:
    """Names of the arguments of the functions in a tree."""
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    names = [arg.arg for each in defined for arg in each.args.args]
    return [name for name in dict.fromkeys(names) if name != "self"]


def _is_docstring(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines that only the second of two sources has, and those that only the first has."""
    old, new = before.splitlines(), after.splitlines()
    removed, added = [], []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += [line.strip() for line in old[a:b]]
            added += [line.strip() for line in new[c:d]]
    was = "; ".join(removed)
    return "; ".join(added) or f"without {was}", was


def mutants(source: str) -> list[Mutant]:
    """All mutants with one change, without duplicates and without the original."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    arguments = _argument_names(tree)
    for path, node in _paths(tree):
        if not path or _is_docstring(node):
            continue
        is_index = "slice" in [name for name, _ in path[-2:]]
        replacements: list[ast.AST | None] = [*_expressions(node, is_index), *_statements(node)]
        if isinstance(node, ast.Name) and node.id in arguments and isinstance(node.ctx, ast.Load):
            replacements += [_copy_with(node, id=name) for name in arguments if name != node.id]
        for new in replacements:
            try:
                code = ast.unparse(ast.fix_missing_locations(_replace(tree, path, new)))
                compile(code, "mutant", "exec")
            except (SyntaxError, ValueError, AttributeError, TypeError):
                continue  # not valid code
            if code != original:
                found.setdefault(code, Mutant(code, *_difference(original, code)))
    return list(found.values())
