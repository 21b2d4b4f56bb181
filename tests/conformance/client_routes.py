"""The routes of the worker's clients, read from their source: no list of them is kept by hand.

A route is the text that is handed to a parameter called `route`, in CCPayment's client, or to the parameter `name`
of a method of CoinQ Pay's `Api`; and a `PATH` that is whole.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.providers.ccpayment import api as ccpayment_api
from worker.providers.coinqpay import api as coinqpay_api

COINQPAY_PATH = "/api/v1/"
VERBS = {"GET", "POST"}

Route = tuple[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def ccpayment_routes() -> set[Route]:
    """Method and path of every route that CCPayment's client names."""
    trees = _trees(ccpayment_api.__file__)
    takers = {
        function.name: _place(function, "route")
        for tree in trees
        for function in _functions(tree)
        if any(argument.arg == "route" for argument in function.args.args)
    }
    routes = {route for tree in trees for _, route in _handed(tree, takers)}
    return {("POST", ccpayment_api.PATH + route) for route in routes} | {
        ("POST", path) for tree in trees for path in _assigned(tree, "PATH") if not path.endswith("/")
    }


def coinqpay_routes() -> set[Route]:
    """Method and path of every route that CoinQ Pay's client names."""
    trees = _trees(coinqpay_api.__file__)
    methods = {
        function.name: function
        for tree in trees
        for api in ast.walk(tree)
        if isinstance(api, ast.ClassDef) and api.name == "Api"
        for function in _functions(api)
    }
    takers = {
        name: _place(function, "name")
        for name, function in methods.items()
        if any(argument.arg == "name" for argument in function.args.args)
    }
    return {(_verb(methods, taker), COINQPAY_PATH + name) for tree in trees for taker, name in _handed(tree, takers)}


def _trees(file: str | None) -> Sequence[ast.Module]:
    """Every module of the package that this file is in."""
    assert file is not None
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(file).parent.glob("*.py"))]


def _functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _place(function: Function, parameter: str) -> int:
    """Where in a call the parameter stands; a method's own object is not handed over."""
    names = [argument.arg for argument in function.args.args]
    return names.index(parameter) - (names[0] == "self")


def _handed(tree: ast.Module, takers: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Each text that is handed to one of these functions, with the function's name."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            receiver, _, name = ast.unparse(call.func).rpartition(".")
            # A mapping has a `get` as well.
            if name in takers and (not receiver or receiver.endswith(("self", "api"))):
                yield from ((name, text) for text in _texts(tree, call.args[takers[name]]))


def _texts(tree: ast.Module, value: ast.expr | None) -> set[str]:
    """The texts that an expression may be: itself, a name's, a function's answers. Fails on what it cannot read."""
    match value:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Name(id=name):  # a parameter, which is followed where it is handed over, has none of its own
            return _assigned(tree, name)
        case ast.IfExp(body=body, orelse=other):
            return _texts(tree, body) | _texts(tree, other)
        case ast.Call(func=ast.Name(id=name)):
            function = next(each for each in _functions(tree) if each.name == name)
            returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
            return set().union(*(_texts(tree, returned) for returned in returns))
    raise AssertionError(f"a route that cannot be read from the source: {value and ast.unparse(value)}")


def _assigned(tree: ast.Module, name: str) -> set[str]:
    """The texts that the module assigns to this name, anywhere."""
    return {
        str(node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    }


def _verb(methods: dict[str, Function], name: str) -> str:
    """The HTTP method that a method of the client uses, itself or by another that it calls."""
    nodes = list(ast.walk(methods[name]))
    said = VERBS & {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    called = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    said |= {_verb(methods, each) for each in called & methods.keys() - {name} if not said}
    assert len(said) == 1, f"{name} uses {said or 'no HTTP method'}"
    return said.pop()
