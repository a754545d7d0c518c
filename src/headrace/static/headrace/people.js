// The page of a project's people. Everything shown is set as text; the API decides who may see and do what.
const by = (id) => document.getElementById(id);
const words = JSON.parse(by("words").textContent);
const AUDIT_STEP = 50;
let project = "";

function say(text = "") {
  by("status").textContent = text;
  by("status").classList.toggle("bad", Boolean(text));
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      ...(body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    say(words.broken);
    return null;
  }
  if (response.status === 401) location.assign(`/sign/in?next=${encodeURIComponent(location.pathname)}`);
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({ error: words.broken }));
  say(response.ok ? "" : answer.error);
  return response.ok ? answer : null;
}

const below = (path) => `/api/projects/${encodeURIComponent(project)}/${path}`;
const day = (text) => new Date(text).toLocaleDateString(words.language);
const moment = (text) => new Date(text).toLocaleString(words.language);

function element(name, text = "", options = {}) {
  const made = Object.assign(document.createElement(name), options);
  made.textContent = text;
  return made;
}

function row(title, detail, ...controls) {
  const line = element("li");
  const who = element("span", title, { className: "who" });
  who.append(element("small", detail));
  line.append(who, ...controls);
  return line;
}

function button(text, act) {
  const made = element("button", text, { type: "button" });
  made.addEventListener("click", act);
  return made;
}

function fill(list, rows) {
  by(list).replaceChildren(...(rows.length ? rows : [element("li", words.none, { className: "quiet" })]));
}

function roles(member) {
  const choice = element("select", "", { ariaLabel: `${words.role}: ${member.name}` });
  choice.append(...["viewer", "editor", "owner"].map((role) => element("option", words[role], { value: role })));
  choice.value = member.role;
  choice.addEventListener("change", async () => {
    if (!(await ask("PATCH", below(`members/${member.memberId}/`), { role: choice.value }))) choice.value = member.role;
    else await showAll();
  });
  return choice;
}

async function showMembers() {
  const found = await ask("GET", below("members/"));
  fill("members", (found?.members ?? []).map((member) => {
    const seen = member.lastSignedIn ? `${words.last} ${day(member.lastSignedIn)}` : words.never;
    const remove = button(words.remove, async () => {
      if (confirm(words.sure_remove) && (await ask("DELETE", below(`members/${member.memberId}/`)))) await showAll();
    });
    return row(member.name, member.active ? seen : `${words.closed} · ${seen}`, roles(member), remove);
  }));
}

async function showInvitations() {
  const found = await ask("GET", below("invitations/"));
  fill("invitations", (found?.invitations ?? []).map((each) => {
    const withdraw = button(words.withdraw, async () => {
      if (await ask("DELETE", below(`invitations/${each.invitationId}/`))) await showAll();
    });
    return row(each.note || words[each.role], `${words[each.role]} · ${words.expires} ${day(each.expires)}`, withdraw);
  }));
}

async function showTokens() {
  const found = await ask("GET", below("tokens/"));
  fill("tokens", (found?.tokens ?? []).map((each) => {
    const until = each.expires ? `${words.expires} ${day(each.expires)}` : words.forever;
    const used = each.lastUsed ? `${words.used} ${day(each.lastUsed)}` : words.unused;
    const may = each.permissions.map((name) => words[name]).join(", ");
    const revoke = button(words.revoke, async () => {
      if (confirm(words.sure_revoke) && (await ask("DELETE", below(`tokens/${each.tokenId}/`)))) await showAll();
    });
    const line = row(each.name, `${each.shown} · ${may} · ${each.revoked ? words.revoked : until} · ${used}`,
      ...(each.revoked ? [] : [revoke]));
    line.classList.toggle("gone", Boolean(each.revoked));
    return line;
  }));
}

function auditRow(entry) {
  const facts = Object.entries(entry.facts).filter(([name]) => name !== "method" && name !== "project");
  const detail = [entry.actorName, entry.address, ...facts.map(([name, value]) => `${name} ${value}`)];
  const line = row(entry.action.replaceAll("_", " "), detail.filter(Boolean).join(" · "));
  line.append(element("time", moment(entry.at), { dateTime: entry.at }));
  return line;
}

async function showAudit(before = "") {
  const found = await ask("GET", below(`audit/?limit=${AUDIT_STEP}${before && `&before=${before}`}`));
  const entries = found?.entries ?? [];
  if (before) by("audit").append(...entries.map(auditRow));
  else fill("audit", entries.map(auditRow));
  by("more").hidden = entries.length < AUDIT_STEP;
  by("more").onclick = () => showAudit(String(entries.at(-1).entryId));
}

async function showAll() {
  await Promise.all([showMembers(), showInvitations(), showTokens(), showAudit()]);
}

function showMade(place, about, secret) {
  const copy = button(words.copy, async () => {
    await navigator.clipboard.writeText(secret);
    copy.textContent = words.copied;
  });
  by(place).replaceChildren(element("span", about), element("code", secret), copy);
  by(place).hidden = false;
}

by("invite").addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  const body = { role: given.get("role"), days: Number(given.get("days")), note: given.get("note") };
  const made = await ask("POST", below("invitations/"), body);
  if (!made) return;
  event.target.reset();
  showMade("invite-made", words.link_made, made.link);
  await showAll();
});

by("token").addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  const body = { name: given.get("name"), permissions: given.getAll("permissions"), days: Number(given.get("days")) };
  const made = await ask("POST", below("tokens/"), body);
  if (!made) return;
  event.target.reset();
  showMade("token-made", words.token_made, made.token);
  await showAll();
});

async function listen() {
  const began = performance.now();
  const now = () => (performance.now() - began) / 1000;
  const response = await fetch("/api/doctor/stream/", { cache: "no-store" });
  const head = (name) => response.headers.get(name) ?? "";
  const seen = {
    about: {}, ticks: [], headAt: now(), complete: false, asked: "gzip", coding: head("content-encoding"),
    server: `${head("server")} ${head("via")}`.trim().slice(0, 200),
  };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).split("\n\n");
    text = blocks.pop();
    for (const data of blocks.map((block) => block.replace(/^data: /, ""))) {
      if (data === "[DONE]") { seen.complete = true; continue; }
      const { type, ...event } = JSON.parse(data);
      if (type === "about") seen.about = event;
      else seen.ticks.push({ sent: event.sent, arrived: now() });
    }
  }
  return { ...seen, endedAt: now() };
}

by("examine").addEventListener("click", async () => {
  by("examine").disabled = true;
  by("verdict").hidden = false;
  by("verdict").textContent = words.examining;
  by("findings").replaceChildren();
  const streams = (await Promise.allSettled([listen(), listen()])).flatMap((each) => each.value ?? []);
  const found = await ask("POST", "/api/doctor/", { streams, secure: location.protocol === "https:", language: words.language });
  by("examine").disabled = false;
  by("verdict").textContent = found?.verdict ?? words.broken;
  by("findings").replaceChildren(...(found?.findings ?? []).map((finding) => {
    const line = element("li", finding.text, { className: finding.level });
    if (finding.line) line.append(element("pre", finding.line));
    return line;
  }));
});

by("sign-out").addEventListener("click", async () => {
  await fetch("/sign/out", { method: "POST" });
  location.assign("/sign/in");
});

async function start() {
  const me = await ask("GET", "/api/me/");
  if (!me) return;
  by("me").textContent = me.name;
  const listed = me.operator ? ((await ask("GET", "/api/projects/"))?.projects ?? []).map((each) => each.id) : [];
  const own = Object.entries(me.projects).filter(([, may]) => may.includes("manage")).map(([id]) => id);
  const projects = [...new Set([...listed, ...own])];
  if (!projects.length) { say(words.nothing); return; }
  const asked = new URLSearchParams(location.search).get("project");
  project = projects.includes(asked) ? asked : projects.includes("default") ? "default" : projects[0];
  by("choice").hidden = projects.length < 2;
  by("project").replaceChildren(...projects.map((id) => element("option", id, { value: id })));
  by("project").value = project;
  by("project").addEventListener("change", () => location.assign(`?project=${encodeURIComponent(by("project").value)}`));
  by("all").hidden = false;
  await showAll();
}
start();
