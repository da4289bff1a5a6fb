"""The structure of the code: imports one way, short files, no one else's private names.

`python tests/test_rooms.py` prints what the tests count.
"""

import ast
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES = 400

# From the lowest rank up: a module imports from its own rank and those below. The codec
# is a slice with a network of its own, on which its families are built.
RANKS = (
    ("__init__", "errors", "_lazy", "_files", "_keras_classes", "data.values"),
    ("code", "arguments", "registry"),
    ("losses", "layers", "priors"),
    ("corruptions",),
    ("bottlenecks", "backbones"),
    tuple(
        f"tasks.codec.{name}"
        for name in (
            *("range_coder", "entropy_models", "hyperprior_model", "rate", "quality"),
            *("start", "prediction", "factorized", "hyperprior"),
            *("network", "residual_network"),
        )
    ),
    ("inference", "layer_state", "networks", "trainable", "autoencoder", "assemble"),
    ("models",),
    ("data",),
    ("datasets",),
    ("zoo", "convert"),
    ("tasks", "evaluation", "training"),
    ("demo", "publishing", "recipes", "weights"),
    ("cli", "__main__"),
)
# Underscores that are documented: `collections.namedtuple` keeps names free by them.
DOCUMENTED = {"_replace", "_asdict", "_fields", "_make"}
# Modules whose documentation tells users to keep out.
INTERNAL = re.compile(r"keras\.src|tensorflow\.python|tensorflow_datasets\.core|.*\._")


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, without 'ae_zoo.'."""
    found = {}
    for path in (ROOT / "ae_zoo").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / "ae_zoo").with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def checked_nodes(tree: ast.AST):
    """All nodes that run: not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from checked_nodes(node)


def imported(path: Path) -> set[str]:
    """The package's modules that a file imports, also inside functions."""
    known, found = modules(), set()
    for node in checked_nodes(syntax(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            # Of a package, one of its modules or a name of its own.
            names = [
                name if name.removeprefix("ae_zoo.") in known else module
                for name in inner
            ]
        else:
            continue
        for name in names:
            if name == "ae_zoo":
                found.add("__init__")
            elif name.startswith("ae_zoo.") and name[7:] in known:
                found.add(name[7:])
    return found


@cache
def graph() -> dict[str, set[str]]:
    return {name: imported(path) - {name} for name, path in modules().items()}


def circles() -> list[list[str]]:
    """Modules that can reach themselves, those that reach each other together."""
    reach: dict[str, set[str]] = {}
    for start in graph():
        seen, todo = set(), list(graph()[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += graph()[name]
        reach[start] = seen
    found = {
        frozenset(other for other in reach if start in reach[other] and other in seen)
        for start, seen in reach.items()
        if start in seen
    }
    return sorted(map(sorted, found))


def rank(module: str) -> int:
    """The rank whose longest name begins the module's."""
    fits = [
        (len(name), i)
        for i, names in enumerate(RANKS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    assert fits, f"{module} is in no room: enter it in RANKS."
    return max(fits)[1]


def upward() -> list[str]:
    """Imports from a higher rank."""
    return [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in others
        if rank(other) > rank(module)
    ]


def long_files() -> list[str]:
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in checked_files()
    }
    return [f"{path.name}: {n}" for path, n in lines.items() if n > MOST_LINES]


def checked_files() -> list[Path]:
    return [*modules().values(), *(ROOT / "scripts").glob("*.py")]


def own_private_names() -> set[str]:
    """Names that the package and its scripts define, private ones among them."""
    names = set()
    for path in checked_files():
        for node in ast.walk(syntax(path)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
    return names


def foreign_private_names() -> list[str]:
    """Where a file uses a private name or module of another package."""
    own, found = own_private_names() | DOCUMENTED, []
    for path in checked_files():
        for node in ast.walk(syntax(path)):
            name = None
            if isinstance(node, ast.Attribute):
                is_private = re.fullmatch(r"_[^_].*", node.attr)
                name = node.attr if is_private and node.attr not in own else None
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                foreign = not node.module.startswith("ae_zoo")
                name = next((n for n in inside if INTERNAL.match(n)), None)
                name = name if foreign and node.module != "__future__" else None
            elif isinstance(node, ast.Import):
                name = next(
                    (a.name for a in node.names if INTERNAL.match(a.name)), None
                )
            if name:
                found.append(f"{path.name}:{node.lineno}: {name}")
    return found


def test_no_import_circle():
    assert circles() == []


def test_imports_point_one_way():
    assert upward() == []


def test_no_file_is_long():
    assert long_files() == []


def test_no_private_name_of_another_package():
    assert foreign_private_names() == []


def test_the_graph_is_not_empty():
    """The tests above would pass on nothing."""
    assert len(modules()) > 100
    assert sum(map(len, graph().values())) > 300
    assert "models.vae" in modules() and "assemble" in graph()["models.vae"]
    assert "registry" in graph()["autoencoder"]
    assert rank("tasks.codec.network") < rank("models.hyperprior_ae")
    assert rank("tasks.codec.compressor") > rank("zoo.loader")


if __name__ == "__main__":
    for check in (circles, upward, long_files, foreign_private_names):
        result = check()
        print(f"{check.__name__.replace('_', ' ')}: {len(result)}")
        print(*(f"  {row}" for row in result), sep="\n", end="\n" if result else "")
    sys.exit()
