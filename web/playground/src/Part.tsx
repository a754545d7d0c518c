/** A part of the page that may fail to load, or fail: the rest stays, and it says so, with a way out. */

import { Component, Suspense, type ReactNode } from "react";

import { store } from "./store";
import { useWords } from "./words";

interface Guarded {
  children: ReactNode;
  /** What stands in its place when it failed. */
  instead: ReactNode;
  /** Another value tries it again. */
  of?: unknown;
}

class Boundary extends Component<Guarded, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidUpdate(before: Guarded): void {
    if (this.state.failed && before.of !== this.props.of) this.setState({ failed: false });
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.instead : this.props.children;
  }
}

/** Something that is loaded when it is wanted. */
export function Part({ children }: { children: ReactNode }): React.JSX.Element {
  return <Boundary instead={<PartFailed />}><Suspense fallback={null}>{children}</Suspense></Boundary>;
}

/** A text that is set; in its place, when that fails, the text as it is. */
export function AsText({ text, children }: { text: string; children: ReactNode }): React.JSX.Element {
  return <Boundary of={text} instead={<Written text={text} />}>{children}</Boundary>;
}

/** A text as it is. */
export function Written({ text }: { text: string }): React.JSX.Element {
  return <p className="whitespace-pre-wrap break-words">{text}</p>;
}

/** The whole page. */
export function Page({ children }: { children: ReactNode }): React.JSX.Element {
  return <Boundary instead={<PageFailed />}>{children}</Boundary>;
}

function PartFailed(): React.JSX.Element {
  const words = useWords();
  return (
    <p className="mx-auto my-2 flex flex-wrap items-center justify-center gap-2 text-sm text-quiet" role="alert">
      {words.partFailed} <button className="button h-7" type="button" onClick={() => location.reload()}>{words.newerPage}</button>
    </p>
  );
}

function PageFailed(): React.JSX.Element {
  const words = useWords();
  const anew = (): void => {
    store.begin();
    location.reload();
  };
  return (
    <main className="mx-auto flex h-full max-w-md flex-col justify-center gap-3 px-6 text-center" role="alert">
      <h1 className="text-lg font-semibold">{words.pageFailed}</h1>
      <p className="text-sm text-quiet">{words.pageFailedHint}</p>
      <div className="flex flex-wrap justify-center gap-2">
        <button className="button button-main" type="button" onClick={() => location.reload()}>{words.newerPage}</button>
        <button className="button" type="button" onClick={anew}>{words.startAnew}</button>
      </div>
    </main>
  );
}
