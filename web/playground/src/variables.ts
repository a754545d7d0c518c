/** `{{names}}` in a question: fields to fill before it is sent. What is not filled stays as it stands. */

const NAMED = /\{\{\s*([\p{L}_][\p{L}\p{N}_ -]{0,39}?)\s*\}\}/gu;

export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(NAMED)].map((found) => found[1] as string))];
}

export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(NAMED, (whole, name: string) => values[name]?.trim() ? (values[name] as string) : whole);
}
