// The page at "/": asks the local model and shows the answer as it comes, the thoughts apart.
// It reads the stream with fetch, because a browser's EventSource cannot POST.

const $ = (id) => document.getElementById(id);
const words = document.body.dataset;
const project = "/api/projects/default";
let running = null;

/** The data of each complete event in `text`, and what is left over. */
function cut(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop();
  const data = blocks.filter((block) => block.startsWith("data: ")).map((block) => block.slice("data: ".length));
  return { data, rest };
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const { data, rest } = cut(held + value);
    held = rest;
    for (const text of data) {
      if (text === "[DONE]") return;
      yield JSON.parse(text);
    }
  }
}

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function show(event) {
  if (event.error) {
    say(event.error, true);
  } else if (event.type === "reasoning") {
    $("thoughts").hidden = false;
    if (event.content === "<think>") $("thoughts").open = true;
    else if (event.content !== "</think>") $("thoughts-text").append(event.content);
  } else if (event.type === "content") {
    $("answer").hidden = false;
    $("answer").append(event.content);
  } else if (event.type === "finish") {
    finished(event);
  }
}

function finished({ usage, timing }) {
  if ($("status").classList.contains("bad")) return;
  const parts = [words.done];
  if (usage) parts.push(`${usage.outputTokens} tokens`);
  if (timing?.ttftMs != null) parts.push(`${(timing.ttftMs / 1000).toFixed(2)} s → 1`);
  if (timing?.tokensPerSecond) parts.push(`${timing.tokensPerSecond.toFixed(0)} tokens/s`);
  say(parts.join(" · "));
}

function clear() {
  for (const id of ["answer", "thoughts-text"]) $(id).textContent = "";
  $("answer").hidden = $("thoughts").hidden = true;
}

async function ask(prompt, modelId, signal) {
  const response = await fetch(`${project}/playground/chat/stream/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      messages: [{ role: "user", content: prompt }],
      model: { providerId: "local", modelId },
      streamOptions: { includeUsage: true },
    }),
    signal,
  });
  if (!response.ok) throw new Error((await response.json()).error);
  let first = true;
  for await (const event of events(response)) {
    if (first) say("");
    first = false;
    show(event);
  }
}

async function run(form) {
  running = new AbortController();
  $("send").disabled = true;
  $("stop").hidden = false;
  clear();
  say(words.waiting);
  try {
    await ask($("prompt").value, new FormData(form).get("model"), running.signal);
  } catch (error) {
    if (error.name === "AbortError") say(words.stopped);
    else say(error.message || words.broken, true);
  } finally {
    $("send").disabled = false;
    $("stop").hidden = true;
  }
}

async function listModels() {
  const response = await fetch(`${project}/models/`);
  const models = response.ok ? (await response.json()).models : [];
  const rows = models.map((model) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const id = document.createElement("code");
    name.textContent = model.name;
    id.textContent = `${model.providerId} · ${model.modelId} · configId ${model.configId}`;
    row.append(name, id);
    return row;
  });
  if (rows.length) $("models").replaceChildren(...rows);
  else $("models").textContent = words.none;
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run(event.currentTarget);
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !$("send").disabled) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
$("stop").addEventListener("click", () => running?.abort());
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("curl").textContent);
  $("copy").textContent = words.copied;
});
listModels().catch(() => {
  $("models").textContent = words.none;
});
