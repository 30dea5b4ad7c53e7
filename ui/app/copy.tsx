/** Copying: a command line, a manifest, an id. */
import { useEffect, useState } from "preact/hooks";
import { plain } from "./format.ts";
import { Icon } from "./icons.tsx";

/** Puts a text on the clipboard. Pages that are not on a secure origin have no clipboard object: then by a selection. */
export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A button that copies `text`; `what` names it for those who do not see it. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    const timer = done ? setTimeout(() => setDone(false), 1_500) : undefined;
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <button
      type="button"
      class={`bare copy ${done ? "done" : ""}`}
      aria-label={done ? "Copied" : `Copy ${what}`}
      title={done ? "Copied" : "Copy"}
      onClick={() => void copy(text).then(() => setDone(true), () => {})}
    >
      <Icon is={done ? "check" : "copy"} />
    </button>
  );
}

/** A command line to copy. */
export const Command = ({ line }: { line: string }) => (
  <span class="command">
    <code>
      {plain(line).split(" ").map((word, i) => (
        <>
          {i > 0 && " "}
          <span>{word}</span>
        </>
      ))}
    </code>
    <Copy text={line} what="the command line" />
  </span>
);

/** A text of several lines to copy. */
export const Block = ({ text, what }: { text: string; what: string }) => (
  <div class="command block">
    <pre tabIndex={0} aria-label={what}>{text}</pre>
    <Copy text={text} what={what} />
  </div>
);
