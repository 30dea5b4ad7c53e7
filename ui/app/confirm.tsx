/** Changes: each is confirmed in one dialog that shows the same as a command line and as a manifest, then signed here. */
import { useId, useState } from "preact/hooks";
import { type Action, type Answers, asking, type Field, initialAnswers } from "./actions/action.ts";
import { Block, Command } from "./copy.tsx";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { Alert, say, sentence } from "./parts.tsx";
import { may, session } from "./session.ts";

/** Buttons of the changes that the session's role allows. */
export const Buttons = ({ of }: { of: readonly Action[] }) => (
  <span class="buttons">
    {of.filter((a) => may(a.role)).map((a) => (
      <button
        key={a.label}
        type="button"
        class={a.danger ? "danger" : ""}
        onClick={() => asking.value = a}
      >
        {a.icon && <Icon is={a.icon} />}
        {a.label}
      </button>
    ))}
  </span>
);

/** The one dialog. */
export function Confirm() {
  const action = asking.value;
  return action ? <Open key={action.title} action={action} /> : null;
}

/** The same change elsewhere: as a command line, and as a manifest where it is a lasting wish. */
export const Same = ({ line, toml }: { line: string; toml?: string }) => (
  <div class="same">
    <small>The same on the command line</small>
    <Command line={line} />
    {toml && (
      <>
        <small>The same as a manifest for realm apply</small>
        <Block text={toml} what="the manifest" />
      </>
    )}
  </div>
);

/** Fields of a form, each with its label, hint and what is wrong. */
export function Fields(
  { of, answers, change }: {
    of: readonly Field[];
    answers: Answers;
    change: (name: string, value: string) => void;
  },
) {
  const base = useId();
  return (
    <>
      {of.map((f, i) => {
        const value = answers[f.name] ?? "";
        const wrong = f.wrong?.(value), hint = `${base}-${f.name}`;
        if (f.kind === "check") {
          return (
            <label class="check" key={f.name}>
              <input
                type="checkbox"
                checked={value !== ""}
                onChange={(e) => change(f.name, e.currentTarget.checked ? "yes" : "")}
              />
              {f.label}
            </label>
          );
        }
        return (
          <label class="field" key={f.name}>
            <span>{f.label}</span>
            {f.kind === "choice"
              ? (
                <select value={value} onChange={(e) => change(f.name, e.currentTarget.value)}>
                  {(f.choices ?? []).map((c) => <option key={c} value={c}>{c}</option>)}
                </select>
              )
              : (
                <input
                  value={value}
                  autofocus={i === 0}
                  autocomplete="off"
                  spellcheck={false}
                  aria-invalid={wrong !== undefined}
                  aria-describedby={f.hint || wrong ? hint : undefined}
                  onInput={(e) => change(f.name, e.currentTarget.value)}
                />
              )}
            {(wrong ?? f.hint) && <small id={hint} class={wrong ? "wrong" : ""}>{wrong ?? f.hint}</small>}
          </label>
        );
      })}
    </>
  );
}

function Open({ action }: { action: Action }) {
  const fields = action.fields ?? [];
  const [answers, setAnswers] = useState(initialAnswers(fields));
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const close = () => asking.value = undefined;
  const ready = !busy && fields.every((f) => f.wrong?.(answers[f.name]) === undefined) &&
    (action.typed === undefined || typed === action.typed);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!ready) return;
    const client = session.value?.client;
    if (!client) return close();
    setBusy(true);
    try {
      await action.run(client, answers);
      say(action.done ?? `Accepted: ${action.label.toLowerCase()}. The realm works on it.`);
      close();
    } catch (failure) {
      setError(sentence(failure));
      setBusy(false);
    }
  };
  return (
    <Dialog title={action.title} onClose={close} busy={busy}>
      <form onSubmit={(e) => void submit(e)}>
        <p>{action.text}</p>
        <Fields
          of={fields}
          answers={answers}
          change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
        />
        {action.typed && (
          <label class="field">
            <span>
              Type <code>{action.typed}</code> to confirm
            </span>
            <input
              value={typed}
              onInput={(e) => setTyped(e.currentTarget.value)}
              autofocus={fields.length === 0}
              autocomplete="off"
              spellcheck={false}
            />
          </label>
        )}
        <Same line={action.command(answers)} toml={action.toml?.(answers)} />
        <Alert text={error} />
        <footer>
          <button type="button" autofocus={!action.typed && fields.length === 0} onClick={close}>
            Cancel
          </button>
          <button type="submit" class={action.danger ? "danger primary" : "primary"} disabled={!ready}>
            {action.label}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
