"""Rules of the house that no linter knows. Each is first shown to bite on a line that breaks it."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.errors import Refusal
from service.problems import SLUGS

ROOT = Path(__file__).resolve().parents[2]
TIERS = ("client/src/consentkit", "registry", "consent", "service")
CORE = ("registry", "consent")
EDGES = ("service/api", "service/portal", "service/desk", "service/management")
BANNED = re.compile(
    r"(?:^|_)(?:manager|handler|processor|helper|util|utils|common|misc|blacklist|optout|opt_out)(?:$|_)"
)

Rule = Callable[[ast.AST], Iterator[ast.AST]]


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def save_without_fields(tree: ast.AST) -> Iterator[ast.AST]:
    """`save()` without `update_fields` or `force_insert` overwrites what others wrote. (A picture's takes a place.)"""
    for call in _calls(tree, "save"):
        if not call.args and not {"update_fields", "force_insert"} & {keyword.arg for keyword in call.keywords}:
            yield call


def clock_in_core(tree: ast.AST) -> Iterator[ast.AST]:
    """Time comes in as `at`."""
    yield from (call for name in ("now", "utcnow", "today") for call in _calls(tree, name))


def objects_at_an_edge(tree: ast.AST) -> Iterator[ast.AST]:
    """Edges use acts and reads, never a query of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "objects":
            yield node


def catches_everything(tree: ast.AST) -> Iterator[ast.AST]:
    """Every `except` names what it means."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            named = ast.unparse(node.type) if node.type else ""
            if named in ("", "Exception", "BaseException"):
                yield node


def without_durable_transaction(tree: ast.AST) -> Iterator[ast.AST]:
    """`atomic` inside the core is durable: an act owns its transaction."""
    for call in _calls(tree, "atomic"):
        if "durable" not in {keyword.arg for keyword in call.keywords}:
            yield call


RULES: list[tuple[Rule, tuple[str, ...], str]] = [
    (save_without_fields, ("registry", "consent", "service"), "image.save()"),
    (clock_in_core, CORE, "datetime.now()"),
    (objects_at_an_edge, EDGES, "Image.objects.all()"),
    (catches_everything, TIERS, "try:\n    pass\nexcept Exception:\n    pass"),
    (without_durable_transaction, CORE, "transaction.atomic()"),
]


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


@pytest.mark.parametrize(("rule", "folders", "breach"), RULES, ids=lambda value: getattr(value, "__name__", None))
def test_house_rule(rule: Rule, folders: tuple[str, ...], breach: str) -> None:
    assert list(rule(ast.parse(breach))), "the rule does not see its own breach"
    found = [
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path in _files(*folders)
        for node in rule(ast.parse(path.read_text()))
    ]
    assert found == []


def test_no_file_or_class_has_a_name_that_says_nothing() -> None:
    assert BANNED.search("image_utils")
    assert [str(path) for path in _files(*TIERS) if BANNED.search(path.stem)] == []


def test_nothing_imports_the_tests() -> None:
    found = [path for path in _files(*TIERS) if re.search(r"^\s*(from|import) tests\b", path.read_text(), re.M)]
    assert found == []


def _leaves(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)


def test_every_refusal_has_a_problem() -> None:
    import consent.errors
    import registry.log.readiness  # noqa: F401 - its refusals join the tree

    missing = {kind.slug for kind in _leaves(Refusal)} - set(SLUGS)
    assert missing == set()
    assert consent.errors.NoNotice.slug in SLUGS


def test_no_package_index_and_no_path_of_one_machine_is_named() -> None:
    strange = re.compile(r"index-url|--registry[ =]|/root/")
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".html", ".css", ".js"}]
    kept = [
        p
        for p in texts
        if not {".venv", ".venv-adapters", "var", ".git", "node_modules"} & set(p.parts) and p != Path(__file__)
    ]
    assert [str(p) for p in kept if strange.search(p.read_text(errors="replace"))] == []
