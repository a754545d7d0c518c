/** Pictures and text files that go with a question: bounded, pictures made small enough before they are sent. */

export interface Attachment {
  id: string;
  name: string;
  kind: "image" | "text";
  /** A picture's data: URL, or the file's text. Empty: it was too much to be kept over a reload. */
  data: string;
}

/** Why a file was not taken: a key of the page's words. */
export type Refusal = "tooManyFiles" | "fileTooLarge" | "fileUnreadable";

export const MOST_ATTACHED = 4;
const MOST_TEXT = 200_000; // bytes: some 50,000 tokens
const MOST_READ = 30 * 1024 * 1024; // bytes of a picture before it is made smaller: a camera's
const LONGEST_SIDE = 1568; // pixels: beyond it providers make pictures smaller themselves
const MOST_IMAGE = 600_000; // bytes: four of them fit a request, and what a tab's storage holds
const SENT_AS_THEY_ARE = /^image\/(png|jpeg|webp|gif)$/;
const QUALITIES = [0.9, 0.75, 0.5];

export class RefusedFile extends Error {
  constructor(readonly refusal: Refusal, readonly file: string) {
    super(refusal);
  }
}

export async function attachmentOf(file: File, id: string): Promise<Attachment> {
  const name = file.name || "image.png";
  if (file.type.startsWith("image/") && file.type !== "image/svg+xml") return { id, name, kind: "image", data: await picture(file) };
  if (file.size > MOST_TEXT) throw new RefusedFile("fileTooLarge", name);
  return { id, name, kind: "text", data: await plainText(file) };
}

async function plainText(file: File): Promise<string> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes("\0")) return text;
  } catch {
    // no UTF-8: refused below
  }
  throw new RefusedFile("fileUnreadable", file.name);
}

async function picture(file: File): Promise<string> {
  if (file.size > MOST_READ) throw new RefusedFile("fileTooLarge", file.name);
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new RefusedFile("fileUnreadable", file.name);
  });
  try {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    if (scale === 1 && file.size <= MOST_IMAGE && SENT_AS_THEY_ARE.test(file.type)) return await dataUrl(file);
    return await dataUrl(await smaller(bitmap, scale, file.name));
  } finally {
    bitmap.close();
  }
}

async function smaller(bitmap: ImageBitmap, scale: number, name: string): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new RefusedFile("fileUnreadable", name);
  context.fillStyle = "#fff"; // JPEG knows no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  for (const quality of QUALITIES) {
    const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (made && made.size <= MOST_IMAGE) return made;
  }
  throw new RefusedFile("fileTooLarge", name);
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

const LONGEST_FENCE = /`{3,}/g;

/** A text file as a named block, whatever fences it has itself. */
function block({ name, data }: Attachment): string {
  const longest = Math.max(2, ...(data.match(LONGEST_FENCE) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${name}:\n${fence}\n${data.endsWith("\n") ? data : `${data}\n`}${fence}`;
}

/** A question's content in OpenAI's form: a string where there are no pictures. */
export function contentOf(prompt: string, files: readonly Attachment[]): string | Record<string, unknown>[] {
  const blocks = files.filter(({ kind, data }) => kind === "text" && data).map(block);
  const text = [...blocks, prompt].filter(Boolean).join("\n\n");
  const pictures = files.filter(({ kind, data }) => kind === "image" && data);
  if (!pictures.length) return text;
  return [...(text ? [{ type: "text", text }] : []), ...pictures.map(({ data }) => ({ type: "image_url", image_url: { url: data } }))];
}
