"""The small wrongs that are tried: each one a mistake that somebody could make in code about money and states.

Not touched: texts, annotations, decorators, what is logged or counted for Prometheus, nudges (losing one costs time and
nothing else), sizes and leases (named constants: tuned, not right or wrong), and the tables' own description (fields
and `Meta`), which the migrations repeat and a test compares. `and` is not swapped with `or`: whoever notices that one
of the conditions is missing notices that too. What only happens side by side (a lock that was forgotten) is not tried
either: the tests with threads are for that, on PostgreSQL.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.Pow: ast.Mult,
}  # fmt: skip

OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}

QUERIES = frozenset({"Q", "filter", "exclude", "get", "create", "update", "save"})

TELLING = frozenset({"_announce", "_measure", "_tell"})
"""Functions of the modules that only log, count and nudge."""

CHOICES = (Path("billing/states.py"), *sorted(Path("billing/models").glob("*.py")))

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Mutant:
    """One change of one module: its whole text, what is different in it, and the lines of the original it is about."""

    path: str
    where: str
    before: str
    after: str
    source: str
    lines: frozenset[int]

    @property
    def key(self) -> Key:
        """What stays the same when something else in the module changes."""
        return self.path, self.where, self.before, self.after

    def __str__(self) -> str:
        removed = [f"- {line}" for line in self.before.splitlines()]
        return "\n".join([f"{self.path} {self.where}", *removed, *(f"+ {line}" for line in self.after.splitlines())])


def mutants_of(path: str) -> Iterator[Mutant]:
    """Every change of the module, in the order of its text."""
    tree = ast.parse(Path(path).read_text())
    whole = ast.unparse(tree)
    for holder, key, where, statement in list(_below(tree, "", tree.body[0])):
        original = holder[key]
        for changed in _changes(original):
            holder[key] = ast.copy_location(changed, original)
            source = ast.unparse(tree)
            before, after = _difference(whole, source)
            lines = frozenset({statement.lineno, *range(original.lineno, (original.end_lineno or 0) + 1)})
            yield Mutant(path, where, before, after, source, lines)
        holder[key] = original


# --- where -----------------------------------------------------------------------------------------------------------


Place = tuple[Any, Any, str, ast.stmt]
"""A node that may be changed: its holder and its key there (`holder[key]`), its function, and its statement."""


def _below(node: ast.AST, where: str, statement: ast.stmt) -> Iterator[Place]:
    if isinstance(node, ast.Set | ast.List) and all(isinstance(element, ast.Attribute) for element in node.elts):
        return  # each of the words is left out in turn: another one in its place is found by whoever finds that
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        places: Any = enumerate(value) if isinstance(value, list) else [(field, value)]
        for key, child in list(places):
            if not isinstance(child, ast.AST) or _is_left_alone(child) or _ends_with_nothing(node, child):
                continue
            inside = child if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.expr | ast.stmt):
                yield value if isinstance(value, list) else vars(node), key, where, inside
            name = f"{where}.{child.name}".lstrip(".") if isinstance(child, ast.FunctionDef | ast.ClassDef) else where
            yield from _below(child, name, inside)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.ClassDef(name="Meta") | ast.FunctionDef(name="__str__"):
            return True
        case ast.Assign(value=ast.Call(func=ast.Attribute(value=ast.Name(id="models")) | ast.Name(id="Due"))):
            return True
        case ast.Assign([ast.Name(name)], ast.Constant()) if name.isupper():
            return True
        case (
            ast.Expr(value=ast.Constant())
            | ast.Call(func=ast.Name(id="about") | ast.Attribute(value=ast.Name(id="log" | "logging")))
        ):
            return True
        case ast.FunctionDef(name=name) | ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in TELLING:
            return True
        case ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id=name), *_]) if name in TELLING:
            return True
        case ast.Expr(value=ast.Call(args=[ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id=name), *_])])) if (
            name in TELLING
        ):  # transaction.on_commit(partial(…))
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="nudge") | ast.Attribute(value=ast.Name(id="log")))):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="inc" | "observe" | "count"))):
            return True
        case ast.Expr(value=ast.Call(args=[ast.Attribute(attr="inc")])):  # transaction.on_commit(….inc)
            return True
    return False


def _ends_with_nothing(node: ast.AST, child: ast.AST) -> bool:
    """Is it the `return None` at the end of a function, which says what would happen anyway?"""
    last = node.body[-1] if isinstance(node, ast.FunctionDef) else None
    return child is last and isinstance(child, ast.Return) and ast.unparse(child) == "return None"


# --- what ------------------------------------------------------------------------------------------------------------


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Every wrong that can be made of this node."""
    match node:
        case ast.Compare(left, operators, values):
            for place, operator in enumerate(operators):
                yield ast.Compare(left, _with(operators, place, COMPARISONS[type(operator)]()), values)
        case ast.BoolOp(operator, [first, second]):
            yield from (second, first)
        case ast.BoolOp(operator, values):
            yield from (ast.BoolOp(operator, _without(values, place)) for place in range(len(values)))
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield ast.Constant(value + 1)
        case ast.List(elements, ast.Load()) | ast.Set(elements):
            yield from (_rebuilt(node, elts=_without(elements, place)) for place in range(len(elements)))
        case ast.Dict(names, values):
            yield from (ast.Dict(_without(names, place), _without(values, place)) for place in range(len(names)))
        case ast.Attribute(holder, word):
            yield from (_rebuilt(node, attr=other) for other in _next_word(holder, word))
        case ast.Call():
            yield from _changes_of_a_call(node)
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield _rebuilt(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.stmt():
            yield from _changes_of_a_statement(node)


def _changes_of_a_call(call: ast.Call) -> Iterator[ast.AST]:
    """A condition or a column of a query that was forgotten, or the opposite function."""
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name) if name in QUERIES:
            for place in range(len(call.keywords)):
                yield _rebuilt(call, keywords=_without(call.keywords, place))
    match call.func:
        case ast.Name(name) if name in OPPOSITES:
            yield _rebuilt(call, func=ast.Name(OPPOSITES[name]))


def _changes_of_a_statement(statement: ast.stmt) -> Iterator[ast.AST]:
    """A condition upside down, or something that is not done at all."""
    match statement:
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call() | ast.NamedExpr()):
            yield _rebuilt(statement, test=ast.UnaryOp(ast.Not(), statement.test))
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if any(isinstance(t, ast.Attribute) for t in targets):
            for place in range(len(targets)):
                kept, given = ast.Tuple(_without(targets, place)), ast.Tuple(_without(values, place))
                yield _rebuilt(statement, targets=[kept], value=given)
        case ast.Assign([ast.Attribute()]) | ast.Expr() | ast.Raise() | ast.Return(None):
            yield ast.Pass()
        case ast.AugAssign(target, operator, value):
            yield ast.Pass()
            yield ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.Return(value) if value is not None:
            yield ast.Expr(value)


def _next_word(holder: ast.expr, word: str) -> Iterator[str]:
    """Another state, reason or kind than the one that is meant."""
    name = holder.id if isinstance(holder, ast.Name) else holder.attr if isinstance(holder, ast.Attribute) else ""
    words = _vocabulary().get(name, [])
    if word in words:
        yield words[(words.index(word) + 1) % len(words)]


@cache
def _vocabulary() -> dict[str, list[str]]:
    """The members of each TextChoices of billing, read from the text: nothing of the project is imported here."""
    texts = (path.read_text() for path in CHOICES)
    classes = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    choices = [each for each in classes if any(ast.unparse(base).endswith("TextChoices") for base in each.bases)]
    return {each.name: [name for line in each.body for name in _assigned(line)] for each in choices}


def _assigned(line: ast.stmt) -> list[str]:
    return [ast.unparse(target) for target in line.targets] if isinstance(line, ast.Assign) else []


def _rebuilt(node: Any, **fields: object) -> ast.AST:
    rebuilt: ast.AST = type(node)(**{**dict(ast.iter_fields(node)), **fields})
    return rebuilt


def _with(items: list[Any], place: int, other: object) -> list[Any]:
    return [*items[:place], other, *items[place + 1 :]]


def _without(items: list[Any], place: int) -> list[Any]:
    return [*items[:place], *items[place + 1 :]]


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines that are only in the one, and those that are only in the other."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    removed = "\n".join(line[1:].strip() for line in lines if line.startswith("-"))
    return removed, "\n".join(line[1:].strip() for line in lines if line.startswith("+"))
