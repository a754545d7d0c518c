/** Keys that belong to an input method while it composes, as Chrome and Safari tell of them. */

const COMPOSING = 229; // Safari tells of the Enter that ends a composition by this code alone

export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === COMPOSING;
}
