/** The keyboard on the glass: the page is as high as what it leaves, so that the box stays above it and the answer in sight. */

/** Where a field that has the focus may bring a keyboard over half of the page. */
export const TOUCH = matchMedia("(pointer: coarse)");

/** Chromium makes the page smaller by itself, as its viewport asks; Safari lays the keyboard over it and only says so. */
export function aboveKeyboard(seen = visualViewport): void {
  if (!seen) return;
  const fit = (): void => {
    document.documentElement.style.setProperty("--page-height", `${seen.height * seen.scale}px`); // enlarged, a page is no smaller
    if (seen.scale === 1) scrollTo(0, 0); // Safari has moved it up, to where the field was
    const field = document.activeElement?.closest("input, textarea");
    if (TOUCH.matches) field?.scrollIntoView({ block: "nearest" });
  };
  seen.addEventListener("resize", fit);
}

/** The lower edge of what is seen. */
export function seenHeight(): number {
  return visualViewport ? visualViewport.height * visualViewport.scale : innerHeight;
}

/** Called whenever that edge moves. Returns what ends it. */
export function onResize(listener: () => void): () => void {
  const seen = visualViewport ?? window;
  seen.addEventListener("resize", listener);
  return () => seen.removeEventListener("resize", listener);
}
