/** The keyboard on the glass: the page is as high as what it leaves, so that the box stays above it and the answer in sight. */

/** Where a field that has the focus may bring a keyboard over half of the page. */
export const TOUCH = matchMedia("(pointer: coarse)");

const SMALLEST = 1; // pixels that differ by rounding

/** Chromium makes the page smaller by itself, as its viewport asks; Safari lays the keyboard over it and only says so. */
export function aboveKeyboard(seen = visualViewport): void {
  if (!seen) return;
  const fit = (): void => {
    const height = seen.height * seen.scale; // a page that somebody has enlarged is no smaller for that
    const covered = innerHeight - height > SMALLEST;
    document.documentElement.style.setProperty("--page-height", covered ? `${height}px` : "100dvh");
    if (covered && seen.scale === 1) scrollTo(0, 0); // Safari has moved the page up, to where the box was
  };
  seen.addEventListener("resize", fit);
}

/** The lower edge of what is seen. */
export function seenHeight(): number {
  return visualViewport ? Math.min(innerHeight, visualViewport.height * visualViewport.scale) : innerHeight;
}

/** Called whenever that edge moves. Returns what ends it. */
export function onResize(listener: () => void): () => void {
  const seen = visualViewport ?? window;
  seen.addEventListener("resize", listener);
  return () => seen.removeEventListener("resize", listener);
}
