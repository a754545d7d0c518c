/** A page for browsers (tests/web/test_hook_in_chromium.py): `useStream` in React's development build, in StrictMode. */

import { StrictMode, useEffect, useState, type JSX } from "react";
import { createRoot } from "react-dom/client";

import { Headrace, type ChatRequest } from "../src/index.js";
import { useStream } from "../src/react.js";

const client = new Headrace({ api: "/ai", patience: { first: 5, most: 50, giveUpAfter: 20_000, idle: 10_000 } });
const given = new URLSearchParams(location.search); // `model`, how many `panes`, what they `ask` at once

function request(question: string): ChatRequest {
  return { messages: [{ role: "user", content: question }], model: { configId: given.get("model") ?? "" } };
}

/** `asks` at once what it is given, and again when that changes. */
function Pane({ name, asks }: { name: string; asks: string }): JSX.Element {
  const { answer, phase, error, start, stop } = useStream({ client, keep: name });
  const [question, setQuestion] = useState(name);
  useEffect(() => {
    if (asks) start(request(asks));
  }, [asks, start]);
  return (
    <section id={name} data-phase={phase}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          start(request(question));
        }}
      >
        <input name="question" value={question} onChange={(event) => setQuestion(event.target.value)} />
        <button>Ask</button>
        <button type="button" onClick={stop}>Stop</button>
      </form>
      <p>{phase}{answer.thinking && ", thinking"}</p>
      <blockquote>{answer.reasoning}</blockquote>
      <pre>{answer.content}</pre>
      <output>{answer.finish?.reason}</output>
      {(error ?? answer.failure) && <strong>{error?.message ?? answer.failure?.error}</strong>}
    </section>
  );
}

function Page(): JSX.Element {
  const [shown, setShown] = useState(true);
  const [asked, setAsked] = useState(given.get("ask") ?? "");
  return (
    <>
      <button id="show" onClick={() => setShown(!shown)}>Show or hide</button>
      <button id="change" onClick={() => setAsked(`${asked} again`)}>Change the question</button>
      {shown && Array.from({ length: Number(given.get("panes") ?? 1) }, (_, at) => <Pane key={at} name={`pane${at + 1}`} asks={asked} />)}
    </>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
