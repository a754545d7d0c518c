/** The files of a question, as pictures and names; in the composer each can be taken away again. */

import type { Attachment } from "./attachments";
import { Icon } from "./Icon";
import { useWords } from "./words";

interface Shown {
  files: readonly Attachment[];
  onRemove?: (file: Attachment) => void;
}

export function Attached({ files, onRemove }: Shown): React.JSX.Element | null {
  const words = useWords();
  if (!files.length) return null;
  return (
    <ul className="flex flex-wrap justify-end gap-1.5">
      {files.map((file) => (
        <li key={file.id} className="relative flex h-14 max-w-48 items-center overflow-hidden rounded-lg border border-line bg-soft text-xs">
          {file.kind === "image" && file.data ? (
            <img className="h-full w-auto max-w-32 object-cover" src={file.data} alt={file.name} title={file.name} />
          ) : (
            <span className="truncate px-3 font-medium" title={file.name}>{file.name}{!file.data && <span className="block font-normal text-quiet">{words.fileGone}</span>}</span>
          )}
          {onRemove && (
            <button className={`button button-square h-6 w-6 shrink-0 rounded-full ${file.kind === "image" ? "absolute right-1 top-1" : "mr-1.5"}`} type="button" aria-label={`${words.removeFile} ${file.name}`} onClick={() => onRemove(file)}>
              <Icon name="close" size={12} />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
