/** Which key means what: an input method's own keys, and the Enter that sends. */

const COMPOSING = 229; // Safari ends a composition before it tells of its Enter, and tells of that by this code alone

interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export function isComposing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  return event.isComposing || event.keyCode === COMPOSING;
}

/** Enter or Shift+Enter, as it is chosen; with Ctrl or the command key always. */
export function sends({ key, shiftKey, ctrlKey, metaKey, altKey }: Pressed, enterSends: boolean): boolean {
  if (key !== "Enter" || altKey) return false;
  return ctrlKey || metaKey || shiftKey !== enterSends;
}
