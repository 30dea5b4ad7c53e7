/** A place to drop files on, which is also a button to choose them. */
import { useRef, useState } from "preact/hooks";
import { chosenIn, droppedIn, type Local } from "../files/local_files.ts";
import { Icon } from "../icons.tsx";

/** See the module's text. `folders`: a folder can be chosen too; `many`: several files at once. */
export function DropZone(
  { text, onDrop, accept, folders = false, many = false, busy }: {
    text: string;
    onDrop: (all: readonly Local[]) => void;
    accept?: string;
    folders?: boolean;
    many?: boolean;
    busy?: string;
  },
) {
  const [over, setOver] = useState(false);
  const file = useRef<HTMLInputElement>(null), folder = useRef<HTMLInputElement>(null);
  const take = (input: HTMLInputElement) => {
    onDrop(chosenIn(input.files));
    input.value = "";
  };
  return (
    <div
      class={`drop ${over ? "over" : ""}`}
      onDragOver={(e) => {
        if (!e.dataTransfer?.types.includes("Files")) return;
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={(e) =>
        e.relatedTarget instanceof Node && e.currentTarget.contains(e.relatedTarget) || setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        onDrop(droppedIn(e.dataTransfer));
      }}
    >
      <Icon is="upload" />
      <span role="status">{busy || text}</span>
      <span class="buttons">
        <button type="button" disabled={Boolean(busy)} onClick={() => file.current?.click()}>
          {many ? "Choose files" : "Choose a file"}
        </button>
        {folders && (
          <button type="button" disabled={Boolean(busy)} onClick={() => folder.current?.click()}>
            Choose a folder
          </button>
        )}
      </span>
      <input
        ref={file}
        type="file"
        hidden
        multiple={many}
        aria-label={many ? "Files" : "A file"}
        accept={accept}
        onChange={(e) => take(e.currentTarget)}
      />
      {folders && (
        <input
          ref={(e) => {
            folder.current = e;
            e?.setAttribute("webkitdirectory", "");
          }}
          type="file"
          hidden
          aria-label="A folder"
          onChange={(e) => take(e.currentTarget)}
        />
      )}
    </div>
  );
}
