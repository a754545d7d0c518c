/** A file of this page's own making. */

export function download(name: string, content: string | Uint8Array<ArrayBuffer>): void {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([content]));
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
