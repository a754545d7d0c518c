"""The shape of the code: floors that import only downwards, no cycles, a pure core, small files and functions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
FLOORS = {
    "stream": 0,
    "errors": 0,
    "providers": 1,
    "backends": 2,
    "client": 2,
    "common": 3,
    "projects": 4,
    "people": 4,
    "llm": 4,
    "gateway": 4,
    "faces": 4,
    "stats": 4,
    "config": 5,
    "urls": 5,
    "cli": 5,
    "commands": 5,
    "testing": 5,
    "pytest_plugin": 5,
}
PURE = {
    "__future__", "abc", "base64", "binascii", "bisect", "codecs", "collections", "contextlib", "copy", "dataclasses",
    "datetime", "email.utils", "enum", "functools", "hashlib", "hmac", "html", "http", "importlib", "ipaddress",
    "itertools", "json", "math", "operator", "re", "string", "struct", "types", "typing", "unicodedata", "urllib.parse",
    "zlib", "backports.zstd", "brotli", "msgspec", "typing_extensions", "zlib_ng",
}  # fmt: skip
"""What floors 0 and 1 may import besides each other: whatever computes, nothing that reads a clock or the world."""
WITHOUT_SUBMODULES = {"http", "importlib"}
CLOCKS = frozenset({"now", "utcnow", "today"})
BANNED_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "base_utils"}
MAX_FILE = 400
MAX_FUNCTION = 60
P95_FUNCTION = 40
MEDIAN_FUNCTION = 12

FILES = sorted(path for path in (SOURCE / "headrace").rglob("*.py") if "migrations" not in path.parts)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def floor_of(module: str) -> int | None:
    parts = module.split(".")
    return FLOORS[parts[1]] if len(parts) > 1 else None


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes(root: ast.AST) -> Iterator[ast.AST]:
    """Everything below `root` that runs; what only type checkers see is left out."""
    for node in ast.iter_child_nodes(root):
        if _is_for_types(node):
            for rest in getattr(node, "orelse", []):
                yield rest
                yield from nodes(rest)
            continue
        yield node
        yield from nodes(node)


def imports(module: str) -> set[str]:
    """The modules that `module` imports, anywhere in it."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                found.add(inner if inner in MODULES else origin)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


OWN = {module: {name for name in imports(module) if name in MODULES} - {module} for module in MODULES}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The knots of the graph: groups of modules that reach each other."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph[name]
        return seen

    reached = {name: reach(name) for name in graph}
    knots = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [list(knot) for knot in sorted(knots)]


def functions() -> list[tuple[str, int]]:
    """Every function with its length in lines."""
    return [
        (f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, Function)
    ]


def test_every_module_stands_on_a_floor() -> None:
    assert {module.split(".")[1] for module in MODULES if "." in module} <= set(FLOORS)


def test_imports_go_downwards() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in OWN.items()
        for name in names
        if (mine := floor_of(module)) is not None and (theirs := floor_of(name)) is not None and theirs > mine
    ]
    assert wrong == []


def test_no_import_cycles() -> None:
    assert cycles(OWN) == []


def test_a_cycle_would_be_seen() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("module", [name for name in MODULES if floor_of(name) in (0, 1)])
def test_the_core_is_pure(module: str) -> None:
    roots = PURE - WITHOUT_SUBMODULES | {"headrace"}
    assert {name for name in imports(module) if name not in PURE and name.split(".")[0] not in roots} == set()
    attributes = {node.attr for node in nodes(tree(MODULES[module])) if isinstance(node, ast.Attribute)}
    assert attributes & CLOCKS == set()


def test_only_django_apps_and_above_know_models() -> None:
    below = [
        module
        for module, names in OWN.items()
        if (floor_of(module) or 0) < 4 and any("models" in name.split(".") for name in names)
    ]
    assert below == []


def test_names_say_what_is_inside() -> None:
    assert [module for module in MODULES if BANNED_NAMES & set(module.split("."))] == []


def test_every_module_says_what_it_is() -> None:
    silent = [module for module, path in MODULES.items() if tree(path).body and not ast.get_docstring(tree(path))]
    assert silent == []


def test_files_are_small() -> None:
    assert {module_of(path): lines for path in FILES if (lines := path.read_text("utf-8").count("\n")) > MAX_FILE} == {}


def test_functions_are_small() -> None:
    found = functions()
    lengths = [lines for _, lines in found]
    assert [name for name, lines in found if lines > MAX_FUNCTION] == []
    assert quantiles(lengths, n=20)[-1] <= P95_FUNCTION
    assert median(lengths) <= MEDIAN_FUNCTION


def test_the_code_is_what_python_loads() -> None:
    import headrace

    assert Path(headrace.__file__).is_relative_to(SOURCE), sys.path
