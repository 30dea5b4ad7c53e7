/** Granting a role: to a key that somebody made, or to a new one that is made on this page and saved as a file. */
import { useState } from "preact/hooks";
import {
  formatKeyFile,
  type Grant,
  type GrantFile,
  isKeyId,
  keyIdOf,
  makeKeyFile,
  newSeed,
  sealGrant,
  signerFromSeed,
} from "../../../mod.ts";
import { type Field, initialAnswers, spanIn, wrongName, wrongSpan } from "../actions/action.ts";
import { Fields, Same } from "../confirm.tsx";
import { Dialog } from "../dialog.tsx";
import { saveAs } from "../files/download.ts";
import { quote, table } from "../format.ts";
import { granting } from "../granting.ts";
import { Icon } from "../icons.tsx";
import { Alert } from "../parts.tsx";
import type { Session } from "../session.ts";
import { useSubmission } from "../submission.ts";

const COMMON: readonly Field[] = [{
  name: "role",
  label: "Role",
  kind: "choice",
  initial: "operator",
  choices: ["viewer", "operator", "admin"],
  hint: "viewer reads, operator deploys, admin also lets in and out",
}, {
  name: "expires",
  label: "Valid for",
  kind: "text",
  initial: "90d",
  hint: "30m, 24h, 90d",
  wrong: wrongSpan,
}, {
  name: "name",
  label: "Name",
  kind: "text",
  hint: "of the person or machine",
  wrong: wrongName,
}];
const KEY: Field = {
  name: "key",
  label: "Key",
  kind: "text",
  hint: "what 'realm key create' printed: z6Mk…",
  wrong: (text) => text === "" || isKeyId(text.trim()) ? undefined : "a key id begins with z6Mk",
};

/** What was granted, as files for the person. */
interface Granted {
  readonly base: string;
  readonly keyText?: string;
  readonly grantsText: string;
}

const fileName = (name: string, key: string): string =>
  name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+/, "").slice(0, 40) || key.slice(0, 12);

/** See the module's text. */
export function GrantDialog() {
  const [fresh, setFresh] = useState(true);
  const fields = fresh ? COMMON : [KEY, ...COMMON];
  const [answers, setAnswers] = useState(initialAnswers([KEY, ...COMMON]));
  const [passphrase, setPassphrase] = useState("");
  const [granted, setGranted] = useState<Granted>();
  const { busy, error, submit } = useSubmission();
  const close = () => granting.value = false;
  const key = answers.key.trim();
  const ready = !busy && fields.every((f) => f.wrong?.(answers[f.name]) === undefined) &&
    (fresh || key !== "");
  const grant = async ({ client, credentials }: Session) => {
    const { realm, signer, grants } = credentials();
    const seed = fresh ? newSeed() : undefined;
    const id = seed ? keyIdOf(signerFromSeed(seed).publicKey) : key;
    const now = Date.now();
    const given: Grant = {
      v: 1,
      realm,
      key: id,
      role: answers.role as Grant["role"],
      // A verifier whose clock is a little behind must not find it in the future.
      from: now - 60_000,
      until: now + spanIn(answers.expires)!,
      ...(answers.name !== "" && { name: answers.name }),
    };
    const keyText = seed && formatKeyFile(await makeKeyFile("operator", seed, passphrase || undefined));
    const envelope = sealGrant(given, signer);
    await client.command("key.grant", { grant: envelope });
    const file: GrantFile = { realm, grants: [...grants, envelope] };
    setGranted({
      base: fileName(answers.name, id),
      ...(keyText && { keyText }),
      grantsText: JSON.stringify(file, null, 2) + "\n",
    });
  };
  const shown = fresh ? "KEY" : key || "KEY";
  const line = [
    `realm key grant ${shown} --role ${answers.role} --expires ${quote(answers.expires.trim())}`,
    answers.name !== "" && `--name ${quote(answers.name)}`,
  ].filter(Boolean).join(" ");
  const toml = spanIn(answers.expires) === undefined ? undefined : table("key", {
    key: fresh ? "KEY" : key || "KEY",
    role: answers.role,
    until: new Date(Date.now() + spanIn(answers.expires)!).toISOString().slice(0, 19) + "Z",
    name: answers.name || undefined,
  });
  if (granted) {
    const { base, keyText, grantsText } = granted;
    return (
      <Dialog title="Granted" onClose={close}>
        <p>
          {keyText
            ? "Save both files for the person; with them they sign in here, or use the command line. The key is nowhere else: when this dialog closes it is gone."
            : "Save the file and give it to the key's holder: it goes beside their key file."}
        </p>
        <p class="buttons">
          {keyText && (
            <button
              type="button"
              class="primary"
              onClick={() => saveAs(new Blob([keyText]), `${base}.key`)}
            >
              <Icon is="key" />
              Save {base}.key
            </button>
          )}
          <button type="button" onClick={() => saveAs(new Blob([grantsText]), `${base}.grants.json`)}>
            <Icon is="download" />
            Save {base}.grants.json
          </button>
        </p>
        <footer>
          <button type="button" onClick={close}>Done</button>
        </footer>
      </Dialog>
    );
  }
  return (
    <Dialog title="Grant a role" onClose={close} busy={busy}>
      <form onSubmit={(e) => ready ? submit(e, grant) : e.preventDefault()}>
        <fieldset>
          <legend>To</legend>
          <label class="check">
            <input type="radio" name="whom" checked={fresh} onChange={() => setFresh(true)} />
            a new key, made on this page and saved as a file
          </label>
          <label class="check">
            <input type="radio" name="whom" checked={!fresh} onChange={() => setFresh(false)} />
            a key that they made
          </label>
        </fieldset>
        <Fields
          of={fields}
          answers={answers}
          change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
        />
        {fresh && globalThis.isSecureContext && (
          <label class="field">
            <span>Passphrase of the key file</span>
            <input
              type="password"
              autocomplete="new-password"
              value={passphrase}
              onInput={(e) => setPassphrase(e.currentTarget.value)}
            />
            <small>empty: the file is not encrypted</small>
          </label>
        )}
        <Same line={fresh ? `realm key create && ${line}` : line} toml={toml} />
        <Alert text={error} />
        <footer>
          <button type="button" disabled={busy} onClick={close}>Cancel</button>
          <button type="submit" class="primary" disabled={!ready}>{busy ? "Working …" : "Grant"}</button>
        </footer>
      </form>
    </Dialog>
  );
}
