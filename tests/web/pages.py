"""Pages for the browser: the documentation's example, the seed's snippet, one that is reloaded, and React's."""

from __future__ import annotations

import re

from tests.live import ROOT

SEED = """{% load static %}<!doctype html>{% csrf_token %}<pre id="answer"></pre><pre id="reasoning"></pre>
<script type="module">
import { EventStream as EventSource } from "{% static 'headrace/client.js' %}";
const $ = (id) => document.getElementById(id);
let reasoningStarted = false;
const messages = [{ role: "user", content: "Tell me about rivers." }];
const model = { configId: "{{ config_id }}" };
const eventSource = new EventSource('/ai/projects/default/playground/chat/stream/', {
  method: 'POST',
  body: JSON.stringify({ messages, model }),
});
window.errors = [];
eventSource.onerror = (event) => window.errors.push(String(event.error));
eventSource.onmessage = (event) => {
  if (event.data === '[DONE]') { eventSource.close(); return; }
  const data = JSON.parse(event.data);
  if (data.type === 'content') $('answer').textContent += data.content;
  else if (data.content === '<think>') reasoningStarted = true;
  else if (data.content === '</think>') reasoningStarted = false;
  else $('reasoning').textContent += data.content;
};
window.source = eventSource;
</script>"""

RELOADED = """{% load static %}<!doctype html>{% csrf_token %}<script type="module">
import { Headrace } from "{% static 'headrace/client.js' %}";
const kept = sessionStorage.getItem("stream");
const client = new Headrace({ api: "/ai", patience: { first: 5, most: 50, giveUpAfter: 20000, idle: 10000 } });
const request = { messages: [{ role: "user", content: "hi" }], model: { configId: "{{ config_id }}" } };
const stream = kept ? client.join(kept) : client.chat(request);
window.events = [];
for await (const event of stream) {
  window.events.push(event);
  sessionStorage.setItem("stream", stream.id);
}
window.done = true;
</script>"""

REPEATED = """{% load static %}<!doctype html>{% csrf_token %}<script type="module">
import { Headrace } from "{% static 'headrace/client.js' %}";
const client = new Headrace({ api: "/ai", patience: { first: 2, most: 10, giveUpAfter: 20000, idle: 10000 } });
const request = { messages: [{ role: "user", content: "hi" }], model: { configId: "{{ config_id }}" } };
window.answers = [];
window.asking = async () => {
  try {
    window.answers.push((await client.chat(request).answer()).content);
  } catch (error) {
    window.answers.push(String(error));
  }
};
</script>"""

HOOK = """{% load static %}<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">{% csrf_token %}
<main id="root"></main>
<script type="module" src="{% static 'hook.js' %}"></script>"""

PAGES = {"seed": SEED, "reloaded": RELOADED, "repeated": REPEATED, "hook": HOOK}


def documented() -> str:
    """The template in the documentation."""
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    (template,) = re.findall(r"```html\n(.*?)```", page, re.DOTALL)
    assert template.count("\n") <= 20
    return str(template)
