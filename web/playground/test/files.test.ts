// @vitest-environment jsdom
import { NO_ANSWER } from "@headrace/client";
import { describe, expect, it } from "vitest";

import { NO_PARAMETERS } from "../src/parameters";
import { hasTurns, type Conversation } from "../src/records/conversation";
import { fileName, htmlOf, htmlOfMarkdown, jsonOf, markdownOf, pageOf, type FileWords } from "../src/records/exporting";
import { NotImported, conversationsIn } from "../src/records/importing";
import { newPane, newTurn, type Turn } from "../src/state";

const WORDS: FileWords = { question: "Question", thought: "Thoughts", sources: "Sources", better: "Better", system: "System prompt", continued: "Continued", untitled: "Untitled" };
const HOSTILE = `<script>window.x=1</script> "><img src=x onerror=alert(1)> [a](javascript:alert(1)) ![p](https://tracker.example/p.png) </style></title> & ' \``;

function turn(prompt: string, change: Partial<Turn> = {}): Turn {
  const finish = { type: "finish", reason: "stop", providerReason: "stop", usage: { inputTokens: 3, outputTokens: 5, reasoningTokens: 0, cachedTokens: 0, source: "estimated" }, timing: { ttftMs: 5, durationMs: 1500, tokensPerSecond: 9 }, cost: 0.0012, attempts: 1 } as const;
  return { ...newTurn(prompt), asked: 1_760_000_000_000, phase: "closed", configId: "c1", answer: { ...NO_ANSWER, content: `About ${prompt}.`, reasoning: "Let me see\nthis.", finish }, ...change };
}

function conversation(change: Partial<Conversation> = {}): Conversation {
  const file = { id: "f", name: "a.txt", kind: "text", data: "```\nx\n```" } as const;
  const picture = { id: "g", name: "b.png", kind: "image", data: "data:image/png;base64,AAAA" } as const;
  const panes = [
    { ...newPane("c1"), turns: [turn("rivers", { files: [file, picture], better: true }), turn("lakes")] },
    { ...newPane("c2"), parameters: { ...NO_PARAMETERS, temperature: 0 }, turns: [turn("rivers", { files: [file, picture], configId: "c2" })] },
  ];
  return { id: "x", title: "", pinned: true, models: { c1: "Model one", c2: "Model two" }, parameters: { ...NO_PARAMETERS, system: "Be brief." }, panes, ...change };
}

/** What says the same, whatever the names of streams, turns and conversations are. */
function told(json: string): unknown {
  return JSON.parse(json, (name, value: unknown) => (["id", "exported"].includes(name) ? undefined : value));
}

describe("JSON", () => {
  it("comes back as it went", () => {
    const text = jsonOf([conversation(), conversation({ title: "Another" })]);
    const found = conversationsIn(text);
    expect(told(jsonOf(found))).toEqual(told(text));
    expect(new Set(found.map(({ id }) => id)).size).toBe(2);
    expect(found.every(hasTurns)).toBe(true);
  });

  it("tells no stream's name, and leaves nothing running", () => {
    const running = turn("x", { streamId: "secret-stream", key: "secret-key", phase: "streaming" as Turn["phase"] });
    const text = jsonOf([conversation({ panes: [{ ...newPane("c1"), turns: [running] }] })]);
    expect(text).not.toMatch(/secret/);
    expect(conversationsIn(text)[0]?.panes[0]?.turns[0]?.phase).toBe("closed");
  });

  const broken: [string, (file: any) => void, string, string][] = [
    ["a question that is no text", (file) => (file.conversations[0].panes[0].turns[1].prompt = 5), "invalid", "conversations.0.panes.0.turns.1.prompt"],
    ["five panes", (file) => (file.conversations[0].panes = Array(5).fill(file.conversations[0].panes[0])), "invalid", "conversations.0.panes"],
    ["no pane", (file) => (file.conversations[0].panes = []), "invalid", "conversations.0.panes"],
    ["a picture from elsewhere", (file) => (file.conversations[0].panes[0].turns[0].files[1].data = "https://tracker.example/p.png"), "invalid", "conversations.0.panes.0.turns.0.files.1"],
    ["a picture that is a drawing with scripts", (file) => (file.conversations[0].panes[0].turns[0].files[1].data = "data:image/svg+xml;base64,AAAA"), "invalid", "conversations.0.panes.0.turns.0.files.1"],
    ["a date that is none", (file) => (file.conversations[0].panes[0].turns[0].asked = 1e300), "invalid", "conversations.0.panes.0.turns.0.asked"],
    ["a version to come", (file) => (file.version = 2), "newer", "version"],
    ["another format", (file) => (file.format = "other"), "notOurs", ""],
  ];
  it.each(broken)("is refused whole with %s", (_, breaks, why, place) => {
    const file = JSON.parse(jsonOf([conversation()])) as unknown;
    breaks(file);
    expect(() => conversationsIn(JSON.stringify(file))).toThrow(NotImported);
    try {
      conversationsIn(JSON.stringify(file));
    } catch (error) {
      expect(error).toMatchObject({ why, place });
    }
  });

  it.each(["", "{", "null", "[]", "5", '"x"'])("is refused where it is %j", (text) => {
    expect(() => conversationsIn(text)).toThrow(NotImported);
  });
});

describe("Markdown", () => {
  it("has each question once, with every model's answer", () => {
    const text = markdownOf(conversation(), WORDS);
    expect(text.split("## Question").length - 1).toBe(2);
    expect(text).toContain("# rivers\n");
    expect(text).toContain("### Model one — Better\n\nThoughts:\n\n> Let me see\n> this.\n\nAbout rivers.\n\n*1.5 s · ≈ 3 → ≈ 5 tokens · $0.0012 · stop*");
    expect(text).toContain("### Model two\n");
    expect(text).toContain("a.txt:\n\n````\n```\nx\n```\n````");
    expect(text).toContain("System prompt:\n\n> Be brief.");
  });
});

describe("HTML", () => {
  it("runs nothing, loads nothing, and shows hostile text as it is", () => {
    const hostile = turn(HOSTILE, {
      files: [{ id: "h", name: HOSTILE, kind: "image", data: `data:image/png;base64,A" onerror="x` }],
      answer: { ...NO_ANSWER, content: HOSTILE, reasoning: HOSTILE, citations: [{ type: "citation", url: "javascript:alert(1)", title: HOSTILE }] },
    });
    const whole = conversation({ title: HOSTILE, models: { c1: HOSTILE }, parameters: { ...NO_PARAMETERS, system: HOSTILE }, panes: [{ ...newPane("c1"), turns: [hostile] }] });
    const page = new DOMParser().parseFromString(htmlOf(whole, WORDS, "en"), "text/html");
    expect(page.querySelectorAll("script, iframe, object, embed, form, link, base, img, video, audio")).toHaveLength(0);
    const attributes = [...page.querySelectorAll("*")].flatMap((each) => [...each.attributes].map(({ name, value }) => `${name}=${value}`));
    expect(attributes.filter((each) => /^on|^(src|href)=\s*(javascript|data|vbscript)/i.test(each))).toEqual([]);
    expect(page.querySelector("h1")?.textContent).toContain("<script>window.x=1</script>");
    expect(page.querySelector("meta[http-equiv]")?.getAttribute("content")).toContain("default-src 'none'");
  });

  it("has the pictures of the questions in it", () => {
    const page = new DOMParser().parseFromString(htmlOf(conversation(), WORDS, "en"), "text/html");
    expect([...page.querySelectorAll("img")].map((each) => each.getAttribute("src"))).toEqual(["data:image/png;base64,AAAA"]);
    expect(page.querySelectorAll("section")).toHaveLength(2);
    expect(page.querySelectorAll("section:first-of-type article")).toHaveLength(2);
  });

  it("sets tables and code", () => {
    const html = htmlOfMarkdown("| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1 < 2\n```");
    expect(html).toContain("<td>1</td>");
    expect(html).toContain("x = 1 &lt; 2");
  });
});

describe("maths in HTML", () => {
  async function page(content: string): Promise<Document> {
    const panes = [{ ...newPane("c1"), turns: [turn("x", { answer: { ...NO_ANSWER, content } })] }];
    return new DOMParser().parseFromString(await pageOf(conversation({ panes }), WORDS, "en"), "text/html");
  }

  it("is set however a model writes it, and a price stays one", async () => {
    const found = await page("By \\(E = mc^2\\) and $x^2$ it costs $5 or $10:\n\n\\[\n\\frac{a}{b}\n\\]\n\n`\\(as it is\\)`");
    expect(found.querySelectorAll("math")).toHaveLength(3);
    expect(found.querySelectorAll("math[display=block] mfrac")).toHaveLength(1);
    expect(found.querySelector("article")?.textContent).toContain("it costs $5 or $10:");
    expect(found.querySelector("code")?.textContent).toBe("\\(as it is\\)");
  });

  it("that is hostile or no maths runs nothing, loads nothing and hides nothing", async () => {
    const found = await page(["\\href{javascript:alert(1)}{x}", "\\includegraphics{https://t.example/a}", "\\htmlStyle{color:red}{x}", "</annotation></math><script>x</script>", "\\frac{"].map((tex) => `$$${tex}$$`).join("\n\n"));
    expect(found.querySelectorAll("script, a, img, object, [href], [src]")).toHaveLength(0);
    expect(found.querySelector("article")?.textContent).toContain("\\frac{");
  });
});

describe("a file's name", () => {
  it.each([["../../etc/passwd", "etc-passwd.md"], ["你好，世界？", "你好-世界.md"], ["///", "conversation.md"], ["x".repeat(100), `${"x".repeat(60)}.md`]])("of %j is %j", (title, name) => {
    expect(fileName(title, "md")).toBe(name);
  });
});
