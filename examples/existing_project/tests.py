"""The project's own tests of what it does with Headrace: no network, no key, no waiting. `python manage.py test`"""

from accounts.models import Person
from django.test import TransactionTestCase, override_settings
from llm.models import HouseRule
from projects.models import Project
from stats.models import Answer

from headrace.testing import FakeModel, read_events

CHAT = "/ai/projects/{}/playground/chat/stream/"
BODY = {"messages": [{"role": "user", "content": "Hi"}], "model": {"providerId": "local"}}


class StreamTests(TransactionTestCase):
    def setUp(self):
        self.ada = Person.objects.create_user("ada@company.example", "secret")
        self.project = Project.objects.create(slug="apollo")
        self.project.team.add(self.ada)
        HouseRule.objects.create(text="Be brief.")

    def ask(self, model, slug="apollo"):
        with override_settings(MODEL=model):
            return self.client.post(CHAT.format(slug), BODY, content_type="application/json")

    def test_an_answer_is_streamed_and_recorded(self):
        self.client.force_login(self.ada)
        model = FakeModel(["Hel", "lo"], reasoning="a greeting")
        events = read_events(self.ask(model))
        self.assertEqual((events.reasoning, events.content), ("a greeting", "Hello"))
        self.assertEqual(model.requests[0].messages[0], {"role": "system", "content": "Be brief."})
        answer = Answer.objects.get()
        self.assertEqual((answer.project, answer.content, answer.outcome), (self.project, "Hello", "stop"))
        self.assertEqual(len(self.client.get("/api/answers").json()), 1)

    def test_a_broken_answer_is_recorded_with_what_had_come(self):
        self.client.force_login(self.ada)
        events = read_events(self.ask(FakeModel(["Hel", "lo"], fails_after=1)))
        self.assertEqual((events.content, events.error["code"]), ("Hel", "upstream_reset"))
        self.assertEqual(Answer.objects.get().outcome, "upstream_reset")

    def test_strangers_find_nothing_and_nobody_is_sent_to_a_login_page(self):
        refused = self.ask(FakeModel())
        self.assertEqual((refused.status_code, refused.json()["code"]), (401, "unauthenticated"))
        self.client.force_login(Person.objects.create_user("eve@company.example", "secret"))
        for slug in ("apollo", "nothing"):
            self.assertEqual(self.ask(FakeModel(), slug).status_code, 404)

    def test_an_archived_project_is_read_only(self):
        self.client.force_login(self.ada)
        read_events(self.ask(FakeModel()))
        Project.objects.update(archived=True)
        self.assertEqual(self.ask(FakeModel()).status_code, 403)
        self.assertEqual(len(self.client.get("/ai/projects/apollo/playground/streams/").json()["streams"]), 1)

    def test_rest_framework_and_admin_work_beside_it(self):
        self.client.force_login(self.ada)
        with override_settings(MODEL=FakeModel(["short"])):
            summary = self.client.post("/summaries/", {"text": "long"}, content_type="application/json")
        self.assertEqual(summary.json(), {"summary": "short", "reason": "stop"})
        self.assertEqual(self.client.get("/admin/").status_code, 302)

    async def test_the_same_under_asgi(self):
        await self.async_client.aforce_login(self.ada)
        with override_settings(MODEL=FakeModel(["Hel", "lo"])):
            response = await self.async_client.post(CHAT.format("apollo"), BODY, content_type="application/json")
            events = await read_events(response)
        self.assertEqual(events.content, "Hello")
        self.assertEqual((await Answer.objects.aget()).content, "Hello")
