/** Changes: each is confirmed in one dialog that shows the same as a command line, then signed here and submitted. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  type AppView,
  type KeyView,
  type NodeView,
  type RealmClient,
  type RevisionView,
  type Role,
  shortId,
} from "../../mod.ts";
import { quote } from "./format.ts";
import { nodes } from "./live.ts";
import { Command, Name, say, sentence } from "./parts.tsx";
import { may, session } from "./session.ts";

/** What the dialog asks for besides yes or no. */
interface Choice {
  readonly replicas: string;
  readonly volumes: boolean;
}
/** One change. */
export interface Action {
  readonly label: string;
  readonly role: Role;
  readonly title: string;
  readonly text: string;
  readonly danger?: boolean;
  /** Has to be typed before the button works. */
  readonly typed?: string;
  readonly asks?: keyof Choice;
  readonly initial?: string;
  readonly command: (choice: Choice) => string;
  readonly run: (client: RealmClient, choice: Choice) => Promise<unknown>;
}
/** The change that is being confirmed. */
export const asking = signal<Action | undefined>(undefined);

/** How a command line names a node: by its name where that is one plain word and only its own, else by its id. */
function nodeWord(n: NodeView): string {
  const same = (nodes.value ?? []).filter((m) => m.name === n.name).length;
  return same === 1 && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(n.name) ? n.name : shortId(n.id);
}

/** What can be done with a node in its present state. */
export function nodeActions(n: NodeView): Action[] {
  const word = nodeWord(n), node = n.id;
  const line = (verb: string) => () => `realm node ${verb} ${word}`;
  const found: Action[] = [];
  if (n.state === "removed") return found;
  if (n.scheduling === "open") {
    found.push({
      label: "Cordon",
      role: "operator",
      title: `Cordon ${n.name}?`,
      text: "It gets no new work. What runs there keeps running.",
      command: line("cordon"),
      run: (c) => c.command("node.cordon", { node }),
    });
  } else {
    found.push({
      label: "Uncordon",
      role: "operator",
      title: `Uncordon ${n.name}?`,
      text: "It takes new work again.",
      command: line("uncordon"),
      run: (c) => c.command("node.uncordon", { node }),
    });
  }
  if (n.scheduling !== "draining") {
    found.push({
      label: "Drain",
      role: "operator",
      title: `Drain ${n.name}?`,
      text:
        `It gets no new work, and its work (replicas: ${n.replicas}) moves to other nodes. Replicas with volumes stay.`,
      command: line("drain"),
      run: (c) => c.command("node.drain", { node }),
    });
  }
  found.push({
    label: "Remove",
    role: "admin",
    title: `Remove ${n.name} from the realm?`,
    text: "Its membership ends for ever; its work moves to others. Volumes on it are lost to the realm.",
    danger: true,
    typed: word,
    command: line("remove"),
    run: (c) => c.command("node.remove", { node }),
  });
  return found;
}

/** What can be done with an app. */
export function appActions(a: AppView): Action[] {
  if (a.phase === "removed") return [];
  const app = a.name;
  return [{
    label: "Scale",
    role: "operator",
    title: `Scale ${app}`,
    text: "Number of replicas, or “all” for one on each node that fits.",
    asks: "replicas",
    initial: String(a.wanted),
    command: ({ replicas }) => `realm app scale ${quote(app)} ${quote(replicas)}`,
    run: (c, { replicas }) => {
      const count = replicas === "all" ? "all" as const : Number(replicas);
      if (replicas.trim() === "" || (count !== "all" && (!Number.isInteger(count) || count < 0))) {
        throw new Error("a whole number, or all");
      }
      return c.command("app.scale", { app, replicas: count });
    },
  }, {
    label: "Remove",
    role: "operator",
    title: `Remove ${app}?`,
    text: "It stops on all nodes and its routes end. Its volumes stay unless you say otherwise.",
    danger: true,
    typed: app,
    ...(a.volumes.length > 0 && { asks: "volumes" as const }),
    command: ({ volumes }) => `realm app remove ${quote(app)}${volumes ? " --volumes" : ""}`,
    run: (c, { volumes }) => c.command("app.remove", { app, volumes }),
  }];
}

/** Back to an earlier deploy. */
export const rollbackTo = (app: string, r: RevisionView): Action => ({
  label: "Roll back",
  role: "operator",
  title: `Roll ${app} back to deploy ${r.number}?`,
  text: `Version ${r.version} replaces what runs now. Volumes keep their content.`,
  command: () => `realm app rollback ${quote(app)} ${r.number}`,
  run: (c) => c.command("app.rollback", { app, revision: r.id }),
});

/** A key is worth nothing from now on. */
export const revokeKey = (k: KeyView): Action => ({
  label: "Revoke",
  role: "admin",
  title: "Revoke this key?",
  text: `${k.name ?? k.key} can sign nothing from now on, nor can keys that it granted a role.`,
  danger: true,
  command: () => `realm key revoke ${k.key}`,
  run: (c) => c.command("key.revoke", { key: k.key }),
});

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

function Open({ action }: { action: Action }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [replicas, setReplicas] = useState(action.initial ?? "");
  const [volumes, setVolumes] = useState(false);
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const choice = { replicas, volumes };
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const close = () => asking.value = undefined;
  const submit = async (event: Event) => {
    event.preventDefault();
    const client = session.value?.client;
    if (!client) return close();
    setBusy(true);
    try {
      await action.run(client, choice);
      say(`Accepted: ${action.label.toLowerCase()}. The realm works on it.`);
      close();
    } catch (failure) {
      setError(sentence(failure));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="asking">
      <form onSubmit={(e) => void submit(e)}>
        <h2 id="asking">
          <Name text={action.title} />
        </h2>
        <p>{action.text}</p>
        {action.asks === "replicas" && (
          <label>
            Replicas{" "}
            <input value={replicas} onInput={(e) => setReplicas(e.currentTarget.value)} maxLength={6} />
          </label>
        )}
        {action.asks === "volumes" && (
          <label class="check">
            <input type="checkbox" checked={volumes} onChange={(e) => setVolumes(e.currentTarget.checked)} />
            Also delete its volumes, for ever
          </label>
        )}
        {action.typed && (
          <label>
            <span>
              Type <code>{action.typed}</code> to confirm
            </span>
            <input
              value={typed}
              onInput={(e) => setTyped(e.currentTarget.value)}
              autocomplete="off"
              spellcheck={false}
            />
          </label>
        )}
        <div class="same">
          <small>The same on the command line</small>
          <Command line={action.command(choice)} />
        </div>
        {error && <p class="error" role="alert">{error}</p>}
        <footer>
          <button type="button" autofocus={!action.typed && !action.asks} onClick={close}>Cancel</button>
          <button
            type="submit"
            class={action.danger ? "danger primary" : "primary"}
            disabled={busy || (action.typed !== undefined && typed !== action.typed)}
          >
            {action.label}
          </button>
        </footer>
      </form>
    </dialog>
  );
}
