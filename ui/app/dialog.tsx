/** A dialog: holds the focus, closes by Esc, its cross or a click outside, and gives the focus back. */
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icons.tsx";
import { Name } from "./parts.tsx";

const FOCUSABLE = "button:not(:disabled), input:not(:disabled), select, textarea, a[href], [tabindex='0']";

/** Keeps Tab inside: at the last element it goes on with the first, and the other way round. */
function cycle(event: KeyboardEvent & { currentTarget: HTMLDialogElement }): void {
  if (event.key !== "Tab") return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(FOCUSABLE)]
    .filter((e) => e.offsetParent !== null);
  const first = all[0], last = all.at(-1);
  const leaving = event.shiftKey ? first : last;
  if (!first || !last || document.activeElement !== leaving) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}

/** See the module's text. `busy`: it cannot be closed now. */
export function Dialog(
  { title, onClose, children, label, kind = "", busy = false }: {
    /** Heading; without one `label` names the dialog. */
    title?: string;
    label?: string;
    kind?: "" | "broad" | "palette";
    busy?: boolean;
    onClose: () => void;
    children: ComponentChildren;
  },
) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next key: what is typed right after the key that opens the dialog belongs into it.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-labelledby={title ? id : undefined}
      aria-label={title ? undefined : label}
      onClose={onClose}
      onCancel={(e) => busy && e.preventDefault()}
      onKeyDown={cycle}
      onMouseDown={(e) => e.target === dialog.current && !busy && onClose()}
    >
      {title && (
        <header>
          <h2 id={id}>
            <Name text={title} />
          </h2>
          <button type="button" class="bare" aria-label="Close" disabled={busy} onClick={onClose}>
            <Icon is="close" />
          </button>
        </header>
      )}
      {title ? <div class="body">{children}</div> : children}
    </dialog>
  );
}
