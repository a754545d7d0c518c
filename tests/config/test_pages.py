"""The page at `/`, the API's documentation, and their files: nothing inline, nothing from elsewhere."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from headrace.common.assets import in_folder
from headrace.config import pages
from headrace.config.words import CHINESE, ENGLISH
from headrace.llm.schemas import ChatBody
from tests.web.node import BUILD, missing

SELF = {"host": "localhost:8000"}


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server whose playground has not been built."""
    monkeypatch.setattr(pages, "BUILT", tmp_path / "index.html")


def get(path: str, **headers: str) -> Any:
    return Client(headers=SELF | headers).get(path)


class Links(HTMLParser):
    """What a page loads, and what it does inline."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        address = named.get("src") or (named.get("href") if tag in ("link", "a") else None)
        if address:
            self.loaded.append(address)
        self._script = tag in ("script", "style") and not address
        self.inline += [name for name in named if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("page", ["/", "/api/docs"])
def test_pages_load_everything_from_here(page: str, unbuilt: None) -> None:
    check_page(page)


def test_the_playground_loads_everything_from_here() -> None:
    if not pages.BUILT.is_file():
        missing("the built playground", BUILD)
    check_page("/")
    response = get("/")
    assert response["Cache-Control"] == "no-cache"
    assert b"/static/headrace/app/assets/" in response.content
    scripts = re.findall(r'src="(/static/headrace/app/assets/[^"]+)"', response.content.decode())
    assert [get(script)["Cache-Control"] for script in scripts] == ["public, max-age=31536000, immutable"]


def check_page(page: str) -> None:
    response = get(page)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    links = Links()
    links.feed(response.content.decode())
    assert links.inline == []
    assert len(links.loaded) >= 3
    for address in links.loaded:
        assert not re.match(r"(\w+:)?//", address)
        path = address if address.startswith("/") else f"/api/{address}"
        assert get(path).status_code == 200, path


def test_stylesheets_and_scripts_name_nothing_elsewhere() -> None:
    for name in ("home.css", "home.js", "docs.css", "docs.js"):
        text = get(f"/static/headrace/{name}").content.decode()
        assert not re.search(r"https?://|//[a-z]+\.|@import|eval\(|innerHTML", text), name


def test_the_page_speaks_two_languages(unbuilt: None) -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    for accepted, language in (
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en,zh", "en"),
        ("fr,zh;q=0.5", "zh"),
        ("zh;q=0,en;q=0.1", "en"),
        ("*", "en"),
    ):
        response = get("/", **{"accept-language": accepted})
        assert response["Content-Language"] == language, accepted
        assert f'<html lang="{language}">' in response.content.decode()
    assert CHINESE["ask"] in get("/", **{"accept-language": "zh-TW"}).content.decode()


def test_the_page_says_how_to_ask_this_very_server(unbuilt: None) -> None:
    assert "curl -N http://localhost:8000/api/projects/default/playground/chat/stream/" in get("/").content.decode()


def test_the_document_describes_every_endpoint() -> None:
    document = get("/api/openapi.json").json()
    chat = document["paths"]["/api/projects/{projectId}/playground/chat/stream/"]["post"]
    assert "/api/projects/{projectId}/playground/chat/" in document["paths"]
    assert set(document["paths"]["/api/projects/{projectId}/models/{configId}/"]) == {"get", "patch", "delete"}
    content = chat["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/ChatBody"}
    assert set(document["components"]["schemas"]["ChatBody"]["properties"]) == set(ChatBody.__struct_encode_fields__)
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert used <= set(document["components"]["schemas"])
    for path, item in document["paths"].items():
        named = set(re.findall(r"{(\w+)}", path))
        for operation in item.values():
            assert {each["name"] for each in operation["parameters"] if each["in"] == "path"} == named, path


def test_the_documents_examples_are_good_requests() -> None:
    from headrace.llm.schemas import parse_chat

    document = get("/api/openapi.json").json()
    chat = document["paths"]["/api/projects/{projectId}/playground/chat/stream/"]["post"]
    examples = chat["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) >= 4
    for example in examples.values():
        parse_chat(json.dumps(example["value"]).encode())


def test_the_docs_find_their_way_with_a_slash_and_inside_another_project(headrace_settings: Any) -> None:
    assert get("/api/docs/")["Location"] == "../docs"
    headrace_settings.ROOT_URLCONF = "tests.config.included_urls"
    headrace_settings.INSTALLED_APPS = [name for name in headrace_settings.INSTALLED_APPS if name != "ninja"]
    assert get("/ai/docs").status_code == get("/ai/docs/assets/swagger-ui-bundle.js").status_code == 200
    assert "/ai/projects/{projectId}/playground/chat/stream/" in get("/ai/openapi.json").json()["paths"]


def test_files_are_packed_tagged_and_not_sent_twice() -> None:
    plain = get("/static/headrace/home.js")
    packed = get("/static/headrace/home.js", **{"accept-encoding": "br, gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert plain["ETag"] != packed["ETag"]
    assert "Content-Encoding" not in get("/static/headrace/home.js", **{"accept-encoding": "gzip;q=0, br"})
    again = get("/static/headrace/home.js", **{"if-none-match": f'"other", W/{plain["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "../settings.py",
        "%2e%2e/urls.py",
        "..%2furls.py",
        "/etc/passwd",
        "a\0b",
        "",
        ".",
        "./home.js/",
        "app/../../urls.py",
        ".hidden",
        "home.js/x",
    ],
)
def test_nothing_beside_the_folder_is_served(name: str) -> None:
    response = get(f"/static/headrace/{name}")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").write_text("y")
    find = in_folder(folder)
    assert find("out") is None
    assert find("../secret") is None
    assert find("in") == folder / "in"


def test_a_changed_file_is_read_anew(tmp_path: Path, headrace_settings: Any) -> None:
    from asgiref.sync import async_to_sync
    from django.test import RequestFactory

    from headrace.common.assets import asset_view

    file = tmp_path / "a.css"
    view = async_to_sync(asset_view(in_folder(tmp_path)))
    for text in ("a{}", "a{color:red}"):
        file.write_text(text)
        assert view(RequestFactory().get("/"), name="a.css").content.decode() == text
