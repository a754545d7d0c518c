/** The files that go with the next question. */

import { MOST_ATTACHED, RefusedFile, attachmentOf, type Attachment, type Refusal } from "./attachments";
import { newId, type State } from "./state";

/** What the page's store lets this part do. */
export interface Page {
  state: () => State;
  set: (change: Partial<State>) => void;
}

export class Attaching {
  constructor(readonly page: Page) {}

  /** Those that can be sent; of the others the page says why not. */
  async attach(files: readonly File[]): Promise<void> {
    this.page.set({ refused: undefined });
    for (const file of files) {
      try {
        const made = await attachmentOf(file, newId());
        if (this.page.state().attached.length >= MOST_ATTACHED) throw new RefusedFile("tooManyFiles", file.name);
        this.page.set({ attached: [...this.page.state().attached, made] });
      } catch (error) {
        const why: Refusal = error instanceof RefusedFile ? error.refusal : "fileUnreadable";
        this.page.set({ refused: { file: file.name, why } });
      }
    }
  }

  detach(file: Attachment): void {
    this.page.set({ attached: this.page.state().attached.filter((each) => each !== file), refused: undefined });
  }
}
