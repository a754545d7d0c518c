"""The ways in: links that work once, sign-in, tokens; what of them is kept, and what the audit log says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from headrace.commands.users import first_owner_text
from headrace.people.addresses import counted_address
from headrace.people.audit import prune, record
from headrace.people.links import first_owner_link, invite, reset_link
from headrace.people.models import AuditEntry, Link, Token
from headrace.people.tokens import make_token, write_uses
from headrace.projects.models import Membership, Project
from tests.people.conftest import PASSWORD, SELF, People

P = "/api/projects/default/"
NEW = "another long phrase"


def post(client: Client, path: str, body: dict[str, Any], **headers: str) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


def secret_of(path: str) -> str:
    return path.rpartition("#")[2]


@pytest.fixture
def somebody() -> Client:
    return Client(headers=SELF)


def everything_kept() -> str:
    """Every value of every table."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


class TestTheFirstOwner:
    def test_comes_in_once(self, database: None, required: Any, somebody: Client) -> None:
        earlier, made = first_owner_link(), first_owner_link()
        assert earlier
        assert made
        void = {"secret": secret_of(earlier.path), "name": "eve", "password": NEW}
        assert post(somebody, "/sign/link", void).status_code == 404
        given = {"secret": secret_of(made.path), "name": "ann", "password": NEW}
        assert given["secret"] not in everything_kept()
        assert post(somebody, "/sign/link", given | {"password": "short"}).json()["field"] == "password"
        assert post(somebody, "/sign/link", given).json() == {"name": "ann"}
        assert post(Client(headers=SELF), "/sign/link", given | {"name": "eve"}).status_code == 404
        ann = User.objects.get()
        assert ann.is_superuser
        assert Membership.objects.get(user=ann).role == "owner"
        assert somebody.get("/api/me/").json()["operator"] is True
        assert first_owner_link() is None
        assert first_owner_text("http://x") == ""

    def test_is_one_only(self, people: People, somebody: Client) -> None:
        link = Link.objects.create(kind="first_owner", digest="d", expires=timezone.now() + timedelta(1))
        from headrace.errors import RequestError
        from headrace.people.links import use_link

        with pytest.raises(RequestError, match="owner already"):
            use_link(link, User.objects.create_user("eve"))
        assert not User.objects.get(username="eve").is_superuser


class TestInvitations:
    def test_make_an_account_with_the_role_that_was_meant(self, people: People, somebody: Client) -> None:
        answer = post(people.client("owner"), P + "invitations/", {"role": "editor", "note": "for Kim"}).json()
        secret = secret_of(answer["link"])
        assert "/sign/link#" in answer["link"]
        assert secret not in everything_kept()
        shown = people.client("owner").get(P + "invitations/")
        assert secret not in shown.content.decode()
        assert shown.json()["invitations"][0]["note"] == "for Kim"
        told = post(somebody, "/sign/link", {"secret": secret}).json()
        assert (told["kind"], told["role"], told["project"]) == ("invitation", "editor", "Default")
        assert post(somebody, "/sign/link", {"secret": secret, "name": "owner", "password": NEW}).status_code == 400
        assert post(somebody, "/sign/link", {"secret": secret, "name": "kim", "password": NEW}).status_code == 200
        assert somebody.get("/api/me/").json()["projects"] == {"default": ["read", "chat", "configure"]}
        assert post(somebody, "/sign/link", {"secret": secret}).status_code == 404
        assert people.client("owner").get(P + "invitations/").json() == {"invitations": []}

    def test_bring_in_who_has_an_account(self, people: People, somebody: Client) -> None:
        project = Project.objects.get(public_id="default")
        first, second = (secret_of(invite(project, "viewer").path) for _ in range(2))
        wrong = {"secret": first, "with": "account", "name": "stranger", "password": "no"}
        assert post(somebody, "/sign/link", wrong).status_code == 401
        assert post(somebody, "/sign/link", wrong | {"password": PASSWORD}).status_code == 200
        assert Membership.objects.get(project=project, user=people.users["stranger"]).role == "viewer"
        owner = people.client("owner")
        assert post(owner, "/sign/link", {"secret": second, "with": "session"}).status_code == 200
        assert Membership.objects.get(project=project, user=people.users["owner"]).role == "owner"  # nobody loses

    def test_are_none_where_the_site_signs_people_in(self, people: People, required: Any) -> None:
        required.ROOT_URLCONF = "tests.config.included_urls"
        answer = post(people.client("owner"), "/ai/projects/default/invitations/", {})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")

    def test_end(self, people: People, somebody: Client) -> None:
        made = invite(Project.objects.get(public_id="default"), "viewer")
        Link.objects.update(expires=timezone.now() - timedelta(seconds=1))
        assert post(somebody, "/sign/link", {"secret": secret_of(made.path)}).status_code == 404
        again = invite(Project.objects.get(public_id="default"), "viewer")
        assert Link.objects.count() == 1
        path = f"{P}invitations/{again.link.public_id}/"
        assert people.client("owner").delete(path).status_code == 204
        assert post(somebody, "/sign/link", {"secret": secret_of(again.path)}).status_code == 404

    @pytest.mark.parametrize("secret", [None, 5, "", "x" * 101, "\ud800", ["a"]])
    def test_what_is_no_secret_is_no_link(self, people: People, somebody: Client, secret: object) -> None:
        assert post(somebody, "/sign/link", {"secret": secret}).status_code in (400, 404)


class TestPasswords:
    def test_a_wrong_name_and_a_wrong_password_are_the_same(self, people: People, somebody: Client) -> None:
        answers = [
            post(somebody, "/sign/in", {"name": name, "password": "wrong"}) for name in ("owner", "nobody", "\u200b")
        ]
        assert {(each.status_code, each.content) for each in answers} == {(401, answers[0].content)}

    def test_sign_in_and_out(self, people: People, somebody: Client) -> None:
        assert post(somebody, "/sign/in", {"name": "viewer", "password": PASSWORD}).json() == {"name": "viewer"}
        cookie = somebody.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        assert somebody.get("/api/me/").status_code == 200
        assert post(somebody, "/sign/out", {}).status_code == 204
        assert somebody.get("/api/me/").status_code == 401
        again = Client(headers=SELF | {"cookie": f"sessionid={cookie.value}"})
        assert again.get("/api/me/").status_code == 401

    def test_a_closed_account_is_out(self, people: People, somebody: Client) -> None:
        client, user = people.client("editor"), people.users["editor"]
        assert client.get("/api/me/").status_code == 200
        user.is_active = False
        user.save()
        assert client.get("/api/me/").status_code == 401
        assert post(somebody, "/sign/in", {"name": "editor", "password": PASSWORD}).status_code == 401

    def test_a_reset_ends_the_old_sessions(self, people: People, somebody: Client) -> None:
        old = people.client("editor")
        secret = secret_of(reset_link(people.users["editor"]).path)
        assert post(somebody, "/sign/link", {"secret": secret}).json()["name"] == "editor"
        assert post(somebody, "/sign/link", {"secret": secret, "password": "1234567890"}).status_code in (200, 400)
        if Link.objects.exists():
            assert post(somebody, "/sign/link", {"secret": secret, "password": NEW}).status_code == 200
        assert old.get("/api/me/").status_code == 401
        assert somebody.get("/api/me/").json()["name"] == "editor"
        assert post(somebody, "/sign/link", {"secret": secret, "password": NEW}).status_code == 404

    def test_a_page_of_another_site_cannot_sign_anybody_in(self, people: People, somebody: Client) -> None:
        body = {"name": "owner", "password": PASSWORD}
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert post(somebody, "/sign/in", body, **headers).status_code == 403
        form = somebody.post("/sign/in", "name=owner", content_type="application/x-www-form-urlencoded")
        assert form.status_code == 415

    def test_the_page_is_there_and_holds_nothing_inline(self, people: People, somebody: Client) -> None:
        for path in ("/sign/in", "/sign/link"):
            page = somebody.get(path, headers={"accept-language": "zh-CN"})
            assert page.status_code == 200
            assert "script-src 'self'" in page["Content-Security-Policy"]
            assert "登录" in page.content.decode()
            assert "<script>" not in page.content.decode()
            assert page["Cache-Control"] == "no-store"


class TestWhereWrongPasswordsAreCounted:
    @pytest.mark.parametrize(
        ("address", "counted"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("fe80::1%eth0", "fe80::"),
            ("unknown", None),
            ("", None),
        ],
    )
    def test_who_has_a_network_has_no_more_guesses(self, address: str, counted: str | None) -> None:
        assert counted_address(RequestFactory(REMOTE_ADDR=address).get("/")) == counted


class TestTokens:
    def test_are_shown_once_and_kept_as_a_digest(self, people: People) -> None:
        owner = people.client("owner")
        made = post(owner, P + "tokens/", {"name": "ci", "permissions": ["chat", "read"], "days": 30}).json()
        assert made["token"].startswith("hr_")
        assert made["permissions"] == ["read", "chat"]
        assert made["token"] not in everything_kept()
        listed = owner.get(P + "tokens/")
        assert made["token"] not in listed.content.decode()
        me = Client(headers=SELF | {"authorization": f"Bearer {made['token']}"}).get("/api/me/")
        assert me.json() == {"name": "ci", "operator": False, "projects": {"default": ["read", "chat"]}}

    @pytest.mark.parametrize(
        "wrong", [{"permissions": ["manage"]}, {"permissions": []}, {"name": " "}, {"days": 0}, {"days": 4000}]
    )
    def test_what_is_wrong_with_one_is_named(self, people: People, wrong: dict[str, Any]) -> None:
        answer = post(people.client("owner"), P + "tokens/", {"name": "ci"} | wrong)
        assert answer.status_code == 400
        assert answer.json()["field"].partition("[")[0] == next(iter(wrong))

    def test_end_when_revoked_or_over(self, people: People) -> None:
        client = people.client("reading")
        assert client.get(P + "models/").status_code == 200
        token = Token.objects.get(name="reading")
        assert people.client("owner").delete(f"{P}tokens/{token.public_id}/").status_code == 204
        assert client.get(P + "models/").status_code == 401
        Token.objects.filter(name="chatting").update(expires=timezone.now() - timedelta(seconds=1))
        assert people.client("chatting").get(P + "models/").status_code == 401

    def test_a_token_wins_over_a_cookie_and_needs_no_page_rules(self, people: People) -> None:
        both = people.headers["owner"] | people.headers["chatting"] | {"origin": "https://app.example"}
        client = Client(headers=SELF | both)
        assert client.get("/api/me/").json()["name"] == "chatting"
        assert post(client, P + "playground/chat/", {}).status_code == 400  # past the guard
        assert post(client, P + "tokens/", {"name": "x"}).status_code == 403  # and no owner by the cookie
        bad = Client(headers=SELF | people.headers["owner"] | {"authorization": "Bearer hr_none"})
        assert bad.get("/api/me/").status_code == 401

    def test_may_come_as_anthropics_clients_send_theirs(self, people: People) -> None:
        token = people.headers["chatting"]["authorization"].removeprefix("Bearer ")
        body = {"model": "nobody", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        told = post(Client(headers=SELF | {"x-api-key": token}), "/v1/messages", body)
        assert (told.status_code, told.json()["error"]["type"]) == (404, "not_found_error")  # past the guard
        for key in ("sk-ant-somebody", "hr_none"):
            told = post(Client(headers=SELF | {"x-api-key": key}), "/v1/messages", body)
            assert (told.status_code, told.json()["error"]["type"]) == (401, "authentication_error")
        reading = people.headers["reading"] | {"x-api-key": token}
        assert post(Client(headers=SELF | reading), "/v1/messages", body).status_code == 403, "the other header counts"

    def test_their_last_use_is_written_later(self, people: People) -> None:
        people.client("reading").get(P + "models/")
        assert Token.objects.get(name="reading").last_used is None
        write_uses()
        assert Token.objects.get(name="reading").last_used is not None

    def test_no_token_makes_another(self, people: People) -> None:
        from headrace.errors import RequestError

        with pytest.raises(RequestError, match="permissions must be"):
            make_token(Project.objects.get(public_id="default"), "x", ["manage"])


class TestPeopleOfAProject:
    def test_are_added_changed_and_removed(self, people: People) -> None:
        owner, stranger = people.client("owner"), str(people.users["stranger"].pk)
        assert post(owner, P + "members/", {"name": "stranger", "role": "viewer"}).status_code == 201
        assert post(owner, P + "members/", {"name": "stranger"}).status_code == 409
        assert post(owner, P + "members/", {"name": "nobody"}).json()["code"] == "unknown_person"
        changed = owner.patch(f"{P}members/{stranger}/", {"role": "editor"}, content_type="application/json")
        assert changed.json()["role"] == "editor"
        assert owner.delete(f"{P}members/{stranger}/").status_code == 204
        assert people.client("stranger").get(P + "models/").status_code == 404

    def test_there_is_always_an_owner(self, people: People) -> None:
        owner, me = people.client("owner"), str(people.users["owner"].pk)
        demoted = owner.patch(f"{P}members/{me}/", {"role": "viewer"}, content_type="application/json")
        assert (demoted.status_code, owner.delete(f"{P}members/{me}/").status_code) == (409, 409)

    def test_a_project_of_ones_own(self, people: People) -> None:
        made = post(people.client("operator"), "/api/projects/", {"id": "team", "name": "Team"})
        assert made.status_code == 201
        assert post(people.client("operator"), "/api/projects/", {"id": "team", "name": "T"}).status_code == 409
        assert post(people.client("operator"), "/api/projects/", {"id": "a b", "name": "T"}).json()["field"] == "id"
        assert Membership.objects.get(project__public_id="team").role == "owner"


class TestTheAuditLog:
    def test_says_who_did_what_and_no_secret(self, people: People) -> None:
        owner = people.client("owner")
        token = post(owner, P + "tokens/", {"name": "ci"}).json()["token"]
        model = {"name": "m", "providerId": "openai", "modelId": "m", "apiKey": "sk-canary-audit"}
        assert post(people.client("editor"), P + "models/", model).status_code == 201
        assert post(owner, P + "tokens/", {"name": ""}).status_code == 400
        entries = owner.get(P + "audit/").json()["entries"]
        assert [(each["actorName"], each["action"]) for each in entries] == [
            ("editor", "create_model"),
            ("owner", "create_token"),
        ]
        assert entries[0]["address"] == "127.0.0.1"
        assert token not in str(entries)
        assert "sk-canary" not in str(entries)
        older = owner.get(P + "audit/", {"before": entries[0]["entryId"], "limit": 1}).json()["entries"]
        assert [each["action"] for each in older] == ["create_token"]
        assert people.client("operator").get("/api/audit/").json()["entries"][0]["project"] == "default"

    def test_is_let_go_of_in_time(self, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
        from headrace.people import audit

        record("kept")
        AuditEntry.objects.create(action="old", at=timezone.now() - timedelta(days=366))
        monkeypatch.setattr(audit, "_pruned", [0.0])
        prune()
        assert [each.action for each in AuditEntry.objects.all()] == ["kept"]

    def test_a_token_in_the_wrong_place_is_not_kept(self, people: People) -> None:
        token = people.tokens["reading"]
        people.client("owner").delete(f"{P}tokens/{token}/")
        post(Client(headers=SELF), "/sign/in", {"name": token, "password": "x"})
        assert token not in everything_kept()


class TestWhatNoDatabaseKeeps:
    """U+0000: SQLite would keep it, PostgreSQL refuses it with an error of its own."""

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/sign/in", {"name": "a\0b", "password": PASSWORD}, 400),
            ("/sign/link", {"secret": "\0"}, 400),
            (f"{P}models/", {"name": "a\0b", "providerId": "openai", "modelId": "m"}, 400),
            (f"{P}tokens/", {"name": "a\0b", "permissions": ["read"]}, 400),
            (f"{P}invitations/", {"role": "editor", "note": "\0"}, 400),
            (f"{P}playground/chat/", {"messages": [], "model": {"configId": "a\0b"}}, 400),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "model": "a\0b"}, 404),
            (f"{P}tokens/", {"name": "a\\u0000b", "permissions": ["read"]}, 201),
        ],
    )
    def test_is_the_callers_mistake(self, people: People, path: str, body: dict[str, Any], status: int) -> None:
        answer = post(people.client("owner"), path, body)
        assert answer.status_code == status, answer.content

    @pytest.mark.parametrize("path", ["models/a%00b/", "tokens/a%00b/", "playground/streams/a%00b/", "a%00b"])
    def test_is_in_no_address(self, people: People, path: str) -> None:
        for ask in (people.client("owner").get, people.client("owner").delete, Client(headers=SELF).get):
            assert ask(P + path).status_code == 404
