"""The documentation says what the code does: links, names, numbers, commands. It judges no prose."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from scripts import providers_doc

from headrace.backends.http_exchange import Limits
from headrace.backends.localmodel import INSTALL
from headrace.common.conf import PREFIX, Settings
from headrace.common.requests import model_ref
from headrace.errors import ERROR_CODES
from headrace.llm.schemas import parse_chat
from tests.providers.test_fixtures import MEMBERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PROTOCOL, DEPLOYING, SECURITY, TESTING, ADDING = (
    ROOT / "docs" / f"{name}.md" for name in ("protocol", "deploying", "security", "testing", "adding-a-provider")
)
UNITS = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024**2, "Mi characters": 1024**2}

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SETTING = re.compile(rf"{PREFIX}[A-Z_]+")
_BOUND = re.compile(r"^\| .+ \| `(headrace[\w.]+)\.(\w+)` \| (\d+) ?([\w ]*) \|$", re.MULTILINE)
_BODY = re.compile(r"-d '(.*?)'", re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block, in order."""
    found = []
    for indent, language, text in _BLOCK.findall(text_of(page)):
        found.append((language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)))
    return found


def prose(page: Path) -> str:
    return _BLOCK.sub("", text_of(page))


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(prose(page)):
            if "://" not in target and not target.startswith("mailto:"):
                yield page, target


def snippets(language: str) -> list[tuple[str, str]]:
    return [(page.name, text) for page in PAGES for found, text in blocks(page) if found == language]


def test_the_page_of_providers_is_up_to_date() -> None:
    assert text_of(providers_doc.PAGE) == providers_doc.page(), "run: PYTHONPATH=src python scripts/providers_doc.py"


@pytest.mark.parametrize(("page", "target"), [pytest.param(*link, id=f"{link[0].name}:{link[1]}") for link in links()])
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.is_relative_to(ROOT)
    assert place.exists()
    assert not fragment or fragment in anchors(place)


def test_both_readmes_show_the_same_code() -> None:
    assert blocks(README)
    assert blocks(CHINESE) == blocks(README)


def test_both_readmes_have_the_same_sections_and_links() -> None:
    depths = [re.findall(r"^#+(?= )", prose(page), re.MULTILINE) for page in (README, CHINESE)]
    targets = [_LINK.findall(prose(page))[1:] for page in (README, CHINESE)]  # the first leads to the other language
    assert depths[0] == depths[1]
    assert targets[0] == targets[1]


@pytest.mark.parametrize(("page", "text"), snippets("python"))
def test_python_in_the_pages_compiles(page: str, text: str) -> None:
    ast.parse(text)


@pytest.mark.parametrize(("page", "text"), snippets("json"))
def test_json_in_the_pages_parses(page: str, text: str) -> None:
    assert isinstance(json.loads(text), dict)


def test_the_requests_of_the_readme_and_the_protocol_are_accepted() -> None:
    shown = [body for _, text in blocks(README) for body in _BODY.findall(text)]
    shown += [text for page in (README, PROTOCOL) for language, text in blocks(page) if language == "json"]
    assert len(shown) == 3
    for body in shown:
        if "…" in body:  # the place of a key, which no key may hold
            body = body.replace("…", "0")
        assert parse_chat(body.encode()).request.messages


def test_the_models_of_the_readme_are_accepted() -> None:
    trees = [ast.parse(text) for language, text in blocks(README) if language == "python"]
    models = [ast.literal_eval(node.value) for tree in trees for node in tree.body if _is_assignment(node, "MODEL")]
    assert models
    for model in models:
        model_ref(model)


def _is_assignment(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name


def test_every_name_that_the_pages_import_exists() -> None:
    for _, text in snippets("python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("headrace"):
                module = import_module(node.module or "")
                assert [each.name for each in node.names if not hasattr(module, each.name)] == []


def test_the_examples_of_the_kit_for_tests_pass(tmp_path: Path) -> None:
    """As their reader would run them: by pytest, with the plug-in, in the project of the README's conversation."""
    for number, (language, text) in enumerate(blocks(TESTING)):
        if language == "python":
            marked = "import pytest\npytestmark = pytest.mark.django_db(transaction=True)\n" + text
            (tmp_path / f"test_block_{number}.py").write_text(marked, "utf-8")
    (tmp_path / "conftest.py").write_text("")
    example = ROOT / "examples" / "conversation"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(example), str(ROOT / "src"))),
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
        "DATABASE": str(tmp_path / "db.sqlite3"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", str(tmp_path)]
    if not any(point.name == "headrace" for point in entry_points(group="pytest11")):
        command[3:3] = ["-p", "headrace.pytest_plugin"]  # installed before the plug-in was there
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = sum(len(re.findall(r"def test_", text)) for language, text in blocks(TESTING) if language == "python")
    assert f"{shown} passed" in done.stdout


def test_the_conversation_of_the_readme_is_the_example_that_runs() -> None:
    (shown,) = [text for language, text in blocks(README) if language == "python" and "chat/models.py" in text]
    assert len(shown.splitlines()) < 30
    _, models, views = re.split(r"^# chat/\w+\.py$", shown, flags=re.MULTILINE)
    for name, text in (("models", models), ("views", views)):
        runs = text_of(ROOT / "examples" / "conversation" / "chat" / f"{name}.py")
        assert [line for line in text.splitlines() if line] == [line for line in runs.splitlines() if line]


def test_the_three_steps_are_the_examples_that_run() -> None:
    one, two, three = (text for language, text in blocks(ROOT / "docs" / "django.md")[:6] if language == "python")
    view = text_of(ROOT / "examples" / "one_view.py")
    assert [line for line in one.split("\n\n\n", 1)[1].splitlines() if line not in view] == []
    assert [line for line in two.splitlines() if line not in text_of(ROOT / "examples/include/mysite/urls.py")] == []
    settings = text_of(ROOT / "examples" / "with_apps" / "mysite" / "settings.py")
    assert [line for line in three.splitlines() if line.partition("  #")[0] not in settings] == []
    apps = three.partition("]")[0]
    assert apps in settings  # all of them: without staticfiles the admin has no styles


def test_the_page_installs_the_local_model_as_the_program_says() -> None:
    assert f"`{INSTALL}`" in text_of(ROOT / "docs" / "django.md")


def test_every_setting_is_in_the_table() -> None:
    rows = set(re.findall(rf"^\| `({PREFIX}[A-Z_]+)` \|", text_of(DEPLOYING), re.MULTILINE))
    assert {f"{PREFIX}{each.name.upper()}" for each in fields(Settings)} <= rows


def test_no_page_names_a_setting_that_nothing_reads() -> None:
    read = {
        name for path in (ROOT / "src").rglob("*.py") for name in re.findall(rf'"({PREFIX}[A-Z_]+)"', text_of(path))
    }
    read |= {f"{PREFIX}{each.name.upper()}" for each in fields(Settings)}
    for page in PAGES:
        assert set(_SETTING.findall(text_of(page))) <= read, page.name


def test_plain_defaults_are_the_settings_own() -> None:
    rows = dict(re.findall(rf"^\| `{PREFIX}([A-Z_]+)` \| `([\w.]+)` \|", text_of(DEPLOYING), re.MULTILINE))
    assert len(rows) >= 9
    for name, shown in rows.items():
        default = getattr(Settings(), name.lower())
        expected = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
        assert shown == (f"{expected:g}" if isinstance(expected, float) else str(expected)), name


def test_every_error_code_is_explained() -> None:
    section = text_of(PROTOCOL).partition("## Error codes")[2].partition("\n## ")[0]
    named = "".join(re.findall(r"^\|([^|]+)\|", section, re.MULTILINE))
    assert set(re.findall(r"`([a-z_]+)`", named)) == ERROR_CODES


def test_the_fixture_that_is_shown_has_the_members_that_are_compared() -> None:
    ((_, text),) = [block for block in blocks(ADDING) if block[0] == "json"]
    rows = re.findall(r"^ *\| (`\w+`(?:, `\w+`)*) \|", text_of(ADDING), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"\w+", row)}
    assert json.loads(text).keys() <= MEMBERS <= explained


def test_the_bounds_are_those_of_the_code() -> None:
    rows = _BOUND.findall(text_of(SECURITY))
    assert len(rows) >= 20
    for module, name, number, unit in rows:
        assert getattr(import_module(module), name) == int(number) * UNITS[unit], f"{module}.{name}"


def test_the_limits_of_an_answer_are_those_of_the_code() -> None:
    limits = Limits()
    sentence = f"({limits.body // 1024**2} MiB), its head ({limits.head // 1024} KiB) and the number of its headers"
    assert f"{sentence} ({limits.headers})" in text_of(SECURITY)
