"""What a request may hold, derived from the installed SDK: its services and their TypedDicts.

Every route of the SDK is known, with the type of its parameters. Schemas and enums are closed here:
an unknown parameter, a missing one or a value outside its enum is refused, as Stripe refuses it.
"""

from __future__ import annotations

import ast
import functools
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union

import stripe
import typing_extensions
from stripe import _request_options

from rights.settlement.stand_in.problems import ApiError, invalid

Value = Any  # What a form or JSON body decodes to.

DEPTH_MAX = 12
PAIRS_MAX = 1_000
_OPTIONS = frozenset(_request_options.RequestOptions.__annotations__)
_WRAPPERS = (typing_extensions.NotRequired, typing_extensions.Required)
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Route:
    """One call that the SDK can make. `names` are the path's placeholders, in order."""

    method: str
    path: str
    parameters: str | None  # The TypedDict's name, in `module`.
    module: str | None

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(self.path)))


@functools.cache
def routes() -> tuple[Route, ...]:
    """Return every route of the installed SDK: 649 in 16.1.0. About 0.2 s, once."""
    root = Path(stripe.__file__).parent
    files = sorted(root.rglob("_*_service.py"))
    return tuple(sorted((route for file in files for route in _of_file(file)), key=_specific_first))


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a request and the values in its path, or None."""
    for route in routes():
        if route.method == method.lower():
            match = route.pattern.fullmatch(path)
            if match:
                return route, match.groups()
    return None


def checked(route: Route, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the parameters of a request, each as its type.

    Raises:
        ApiError: 400, naming the parameter.
    """
    hints = _hints(_class_of(route)) if route.parameters else {}
    return _checked_dict(values, hints, "", depth=0)


def _specific_first(route: Route) -> tuple[int, str, str]:
    return route.path.count("{"), route.path, route.method


def _of_file(file: Path) -> Iterator[Route]:
    tree = ast.parse(file.read_text())
    modules = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _is_request(call.func):
                name = _parameters_of(function)
                method, path = _text(call.args[0]), _text(call.args[1])
                yield Route(method, path, name, modules.get(name) if name else None)


def _is_request(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"_request", "_request_stream"}


def _text(node: ast.expr) -> str:
    """Return a string constant, or the template of `"…".format(…)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise TypeError(f"no path in {ast.dump(node)}")
    return node.value


def _parameters_of(function: ast.FunctionDef) -> str | None:
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation is not None:
            names = [
                node.value
                for node in ast.walk(argument.annotation)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            return names[0] if names else None
    return None


def _class_of(route: Route) -> type:
    found: type = getattr(import_module(str(route.module)), str(route.parameters))
    return found


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    # v1's parameters inherit the request options, whose hints name what only their module knows.
    known = {**vars(_request_options), "StripeContext": stripe.StripeContext}
    hints = typing_extensions.get_type_hints(cls, localns=known, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in _OPTIONS}


def _checked_dict(
    values: Mapping[str, Value], hints: Mapping[str, Any], path: str, *, depth: int
) -> dict[str, Any]:
    if depth > DEPTH_MAX:
        raise invalid("Too deep", parameter=path)
    for name in values:
        if name not in hints:
            at = _join(path, name)
            raise invalid(
                f"Received unknown parameter: {at}", parameter=at, code="parameter_unknown"
            )
    for name, hint in hints.items():
        if typing.get_origin(hint) is not typing_extensions.NotRequired and name not in values:
            at = _join(path, name)
            raise invalid(f"Missing required param: {at}.", parameter=at, code="parameter_missing")
    return {
        name: _checked(value, hints[name], _join(path, name), depth=depth + 1)
        for name, value in values.items()
    }


def _checked(value: Value, hint: Any, path: str, *, depth: int) -> Any:  # By kind.
    origin = typing.get_origin(hint)
    if origin in _WRAPPERS:
        return _checked(value, typing.get_args(hint)[0], path, depth=depth)
    if origin in (Union, types.UnionType):
        return _checked_union(value, typing.get_args(hint), path, depth=depth)
    if origin is Literal:
        if value in typing.get_args(hint):
            return value
        allowed = ", ".join(str(item) for item in typing.get_args(hint)[:20])
        raise invalid(f"Invalid {path}: must be one of {allowed}", parameter=path)
    if origin is list:
        if not isinstance(value, list):
            raise invalid("Invalid array", parameter=path)
        inner = typing.get_args(hint)[0]
        return [
            _checked(item, inner, f"{path}[{place}]", depth=depth + 1)
            for place, item in enumerate(value)
        ]
    if origin is dict:
        if not isinstance(value, dict):
            raise invalid("Invalid object", parameter=path)
        inner = typing.get_args(hint)[1]
        return {
            name: _checked(item, inner, _join(path, name), depth=depth + 1)
            for name, item in value.items()
        }
    if typing_extensions.is_typeddict(hint):
        if not isinstance(value, dict):
            raise invalid("Invalid object", parameter=path)
        return _checked_dict(value, _hints(hint), path, depth=depth + 1)
    if origin is not None:
        raise invalid("Invalid object", parameter=path)  # The SDK's own classes: never on the wire.
    return _checked_scalar(value, hint, path)


def _checked_union(value: Value, members: tuple[Any, ...], path: str, *, depth: int) -> Any:
    """Try each member. An enum that the SDK leaves open (`Literal[…]|str`) is closed here."""
    literals = [member for member in members if typing.get_origin(member) is Literal]
    is_enum = any(item != "" for member in literals for item in typing.get_args(member))
    closed = [member for member in members if not (is_enum and member is str)]
    first: ApiError | None = None
    for member in closed:
        try:
            return _checked(value, member, path, depth=depth)
        except ApiError as exc:
            first = first or exc
    raise first or invalid("Invalid value", parameter=path)


def _checked_scalar(value: Value, hint: Any, path: str) -> Any:
    if hint is bool:
        found = value if isinstance(value, bool) else _TRUTH.get(str(value))
        if found is None:
            raise invalid("Invalid boolean", parameter=path)
        return found
    if hint is int:
        if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", str(value)):
            raise invalid(
                f"Invalid integer: {path}", parameter=path, code="parameter_invalid_integer"
            )
        return int(value)
    if isinstance(value, (dict, list)):
        raise invalid("Invalid string", parameter=path)
    return value


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def decoded(pairs: list[tuple[str, str]]) -> dict[str, Value]:
    """Return a form's pairs as nested values: `a[b][0]=c` is `{"a": {"b": ["c"]}}`.

    Raises:
        ApiError: 400, more than `PAIRS_MAX` pairs, or names that do not nest.
    """
    if len(pairs) > PAIRS_MAX:
        raise invalid("Too many parameters")
    root: dict[str, Value] = {}
    for name, value in pairs:
        steps = re.findall(r"[^\[\]]+", name)
        if not 0 < len(steps) <= DEPTH_MAX:
            raise invalid("Malformed parameter name", parameter=name[:100])
        node = root
        for step in steps[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise invalid("Malformed parameter name", parameter=name[:100])
        node[steps[-1]] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Value) -> Value:
    """Turn objects whose names are 0, 1, 2, … into lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
