/** What is wrong in a manifest, line by line; each leads to its place in the editor. */
import type { TomlProblem } from "../../../mod.ts";
import { moveTo } from "./editor.tsx";

/** See the module's text. Without a `field` lines are named only. */
export function Problems(
  { of, field }: {
    of: readonly TomlProblem[];
    field?: { readonly current: HTMLTextAreaElement | null };
  },
) {
  if (of.length === 0) return null;
  return (
    <ul class="wrong">
      {of.map((p) => (
        <li key={`${p.line} ${p.key} ${p.message}`}>
          {field && (
            <button
              type="button"
              class="link"
              onClick={() => field.current && moveTo(field.current, p.line, p.column)}
            >
              {p.file}:{p.line}
            </button>
          )} {p.key && <code>{p.key}</code>} {p.message}
          {p.hint && <b>; {p.hint}</b>}
        </li>
      ))}
    </ul>
  );
}
