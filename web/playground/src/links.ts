/** Links that fill the page: `/#prompt=…&system=…&model=…&temperature=0.2`. What stands behind the `#` reaches no server. */

import { MOST_TEXT, NAMES, NO_PARAMETERS, RANGES, outside, type Parameters } from "./parameters";
import type { Preset } from "./presets";
import { MOST_PANES } from "./state";

export type Filling = Omit<Preset, "name">;

/** What a link asks for; `undefined` where it asks for nothing. What is out of its bounds is left out. */
export function fillingIn(hash: string): Filling | undefined {
  if (hash.startsWith("#/")) return undefined; // the address of another view
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const prompt = (fields.get("prompt") ?? "").slice(0, MOST_TEXT);
  const parameters = parametersOf(fields);
  const panes = fields.getAll("model").slice(0, MOST_PANES).map((model) => ({ configId: model, name: model }));
  const asks = prompt !== "" || panes.length > 0 || NAMES.some((name) => parameters[name] !== NO_PARAMETERS[name]);
  return asks ? { prompt, parameters, panes } : undefined;
}

function parametersOf(fields: URLSearchParams): Parameters {
  const numeric = Object.keys(RANGES) as (keyof typeof RANGES)[];
  const given = numeric.map((name) => [name, fields.get(name) ? Number(fields.get(name)) : null] as const);
  const numbers = Object.fromEntries(given.filter(([name, value]) => value !== null && !outside(name, value)));
  const text = (name: string, most: number): string => (fields.get(name) ?? "").slice(0, most);
  return { ...NO_PARAMETERS, ...numbers, system: text("system", MOST_TEXT), stopAt: text("stopAt", 1000) || null, reasoningEffort: text("reasoningEffort", 20) || null };
}

/** The link to a preset, by its models' names: another installation may have them too. */
export function linkOf({ prompt, parameters, panes }: Filling, origin: string): string {
  const fields = new URLSearchParams();
  if (prompt) fields.set("prompt", prompt);
  for (const name of NAMES) if (parameters[name] !== NO_PARAMETERS[name]) fields.set(name, String(parameters[name]));
  for (const { configId, name } of panes) fields.append("model", name || configId);
  return `${origin}/#${fields}`;
}
