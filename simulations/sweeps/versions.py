"""What a run's result depends on besides its scenario: the code, the town, the roads.

A finished run is only taken for the one that is wanted if none of these has changed since.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from dispatch.options import DATA

_ROOT = DATA.parent
_PACKAGES = ("routing", "dispatch", "simulations")
_BEGIN = "simulations.runner"
_DATA_KINDS = {".json", ".toml"}


def prepare_process(var: Path) -> None:
    """Compiled kernels are cached under `var`; to be called before Numba is imported."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(var.resolve() / "cache" / "numba"))


@cache
def code_digest() -> str:
    """Of all source files that have a say in a simulated day: what it imports, however far away."""
    files = set(imported_sources(_BEGIN))
    for folder in {path.parent for path in files if path.is_relative_to(_ROOT / "routing")}:
        files.update(path for path in folder.iterdir() if path.suffix in _DATA_KINDS)
    return _digest_of(sorted(files))


@cache
def inputs_digest(town: str, var: Path) -> str:
    """Of the code, the town's files and its roads.

    Args:
        town: its folder in `data/`.
        var: where the roads live; they are drawn if there are none and they can be.

    Raises:
        ConfigError, RoadsError: the town or its roads cannot be used.
    """
    from dispatch.config import load_town  # noqa: PLC0415 - after `prepare_process`
    from dispatch.networks import ensure_graph  # noqa: PLC0415

    folder = DATA / town
    graph = ensure_graph(load_town(folder), var, lambda _line: None, online=False)
    files = _digest_of(p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".md")
    roads = json.dumps(graph.manifest.to_json(), sort_keys=True)
    return hashlib.sha256(f"{code_digest()} {files} {roads}".encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """Of a file's content; empty if it cannot be read, which the run will say itself."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def imported_sources(module: str) -> set[Path]:
    """The files of a module of ours and of all that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if path is None or path in found:
            continue
        found.add(path)
        waiting.append(name.rpartition(".")[0])  # a package is imported before what is in it
        waiting += _imports(ast.parse(path.read_bytes()))
    return found


def _imports(node: ast.AST) -> Iterator[str]:
    """What a piece of code imports when it runs, also within functions."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _source(module: str) -> Path | None:
    """The file of a module; None if there is none, or it is not ours."""
    if module.partition(".")[0] not in _PACKAGES:
        return None
    path = _ROOT.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
