"""What the tree promises: imports go one way, SQL and sockets stay where they belong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("monitor", "rules", "alerts")


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            yield file.relative_to(root).as_posix(), ast.parse(file.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_rules_and_alerts_import_neither_each_other_nor_the_daemon(root: Path) -> None:
    for name, tree in modules(root):
        package = name.split("/")[0]
        if package == "monitor":
            continue
        strangers = {"monitor", "rules", "alerts"} - {package}
        assert not {n for n in imported(tree) if n.split(".")[0] in strangers}, name


def test_only_the_store_and_the_database_speak_sql(root: Path) -> None:
    allowed = {"monitor/database.py", "monitor/tables.py"}
    for name, tree in modules(root):
        if name in allowed or "/migrations/" in name or name.startswith("monitor/store/"):
            continue
        spoken = {n for n in imported(tree) if n.startswith(("sqlalchemy", "sqlmodel"))}
        answers = {"sqlalchemy.exc", "sqlalchemy.exc.OperationalError"}  # a refusal is no question
        rows = {"sqlalchemy.engine", "sqlalchemy.engine.Row"}
        assert spoken <= {"sqlalchemy"} | rows | answers, name
        assert "sqlalchemy" not in spoken or name.startswith("monitor/cli/"), name


def test_every_http_client_is_made_by_the_guard(root: Path) -> None:
    makers = {"AsyncClient", "Client", "ClientSession", "AsyncHTTPTransport"}
    for name, tree in modules(root):
        if name in {"monitor/guard.py", "monitor/transport.py"}:
            continue
        made = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not made & makers, name


def test_nothing_is_pickled(root: Path) -> None:
    for name, tree in modules(root):
        assert not {n for n in imported(tree) if n.split(".")[0] in {"pickle", "shelve"}}, name


def test_no_tests_folder_is_a_package(root: Path) -> None:
    assert not list((root / "tests").rglob("__init__.py"))
