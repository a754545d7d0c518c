// The page on which people sign in. A link's secret stands behind the `#`: it is read here and sent in a body only.
const by = (id) => document.getElementById(id);
const words = document.body.dataset;
const secret = location.hash.slice(1);
const isLink = words.mode === "link";

function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const address = new URL(wanted, location.origin);
  return address.origin === location.origin ? address.href : "/";
}

function say(text, bad = true) {
  by("status").textContent = text;
  by("status").classList.toggle("bad", bad);
}

async function ask(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) { say(answer.error); return null; }
    return answer;
  } catch {
    say(words.broken);
    return null;
  }
}

function filled() {
  return { name: by("name").value, password: by("password").value };
}

async function use(more) {
  if (await ask("/sign/link", { secret, ...more })) location.assign("/");
}

async function look() {
  const link = await ask("/sign/link", { secret });
  if (!link) { by("sign").querySelectorAll("input, button").forEach((each) => { each.disabled = true; }); return; }
  by("about").hidden = false;
  by("about").textContent = [words[link.kind], link.kind === "invitation" ? link.project : link.name].join(" ");
  by("name-row").hidden = link.kind === "reset";
  by("send").textContent = link.kind === "reset" ? words.save : words.create;
  by("account").hidden = link.kind !== "invitation";
  by("session").hidden = !(link.kind === "invitation" && link.signedInAs);
  by("session").textContent = `${words.session} ${link.signedInAs}`;
}

by("sign").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isLink) await use(filled());
  else if (await ask("/sign/in", filled())) location.assign(next());
});
by("account").addEventListener("click", () => use({ ...filled(), with: "account" }));
by("session").addEventListener("click", () => use({ with: "session" }));
by("provider")?.addEventListener("click", async () => {
  const answer = isLink ? await ask("/sign/link", { secret, with: "provider" }) : { next: "/sign/oidc" };
  if (answer) location.assign(answer.next);
});
if (isLink) look();
