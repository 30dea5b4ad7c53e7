/** Setting a secret: its value is encrypted on this page, for the nodes that are to have it, and shown nowhere again. */
import { useState } from "preact/hooks";
import { checkSecret, openScope, sealSecret, secretLimits, type SecretView, utf8 } from "../../../mod.ts";
import { type Field, initialAnswers } from "../actions/action.ts";
import { scopeFields, scopeIn, scopeToml, scopeWords } from "../actions/secret_actions.ts";
import { Fields, Same } from "../confirm.tsx";
import { Dialog } from "../dialog.tsx";
import { counted, quote } from "../format.ts";
import { Alert, say } from "../parts.tsx";
import type { Session } from "../session.ts";
import { setting } from "../setting_secret.ts";
import { useSubmission } from "../submission.ts";

const NAME: Field = {
  name: "name",
  label: "Name",
  kind: "text",
  hint: "as jobs write it in [secrets]",
  wrong: (text) =>
    text === "" || /^[A-Za-z0-9_.-]{1,128}$/.test(text)
      ? undefined
      : "letters, digits, _ . and -, at most 128",
};

/** See the module's text. */
export function SetSecret({ of }: { of: SecretView | "new" }) {
  const known = of === "new" ? undefined : of;
  const fields = [...known ? [] : [NAME], ...scopeFields(known?.scope ?? openScope)];
  const [answers, setAnswers] = useState(initialAnswers(fields));
  const [value, setValue] = useState("");
  const [file, setFile] = useState<File>();
  const { busy, error, submit } = useSubmission();
  const close = () => setting.value = undefined;
  const name = known?.name ?? answers.name.trim();
  const scope = scopeIn(answers);
  const ready = !busy && name !== "" && (value !== "" || file !== undefined) &&
    fields.every((f) => f.wrong?.(answers[f.name]) === undefined);
  const set = async ({ client, credentials }: Session) => {
    if (file && file.size > secretLimits.valueBytes) checkSecret(name, new Uint8Array(file.size));
    const bytes = file ? new Uint8Array(await file.arrayBuffer()) : utf8(value);
    const recipients = await client.secretRecipients(scope.tags);
    const wish = await sealSecret({ name, value: bytes, scope }, credentials().realm, recipients);
    await client.command("secret.set", wish);
    say(`Accepted: ${name} is set; ${counted(recipients.length, "node")} can open it.`);
    close();
  };
  return (
    <Dialog title={known ? `Another value for ${known.name}` : "Set a secret"} onClose={close} busy={busy}>
      <form
        onSubmit={(e) =>
          ready ? submit(e, set) : e.preventDefault()}
        autocomplete="off"
      >
        <p>
          The value is encrypted on this page, for the nodes that are to have it. No node's API sees it, and
          nothing shows it again.
        </p>
        {!known && (
          <Fields
            of={[NAME]}
            answers={answers}
            change={(field, text) => setAnswers((old) => ({ ...old, [field]: text }))}
          />
        )}
        <label class="field">
          <span>Value</span>
          <input
            type="password"
            autocomplete="new-password"
            autofocus={known !== undefined}
            value={value}
            disabled={file !== undefined}
            onInput={(e) =>
              setValue(e.currentTarget.value)}
          />
          <small>
            at least {secretLimits.valueMinBytes}{" "}
            bytes; one of several lines, such as a private key, from a file:
          </small>
        </label>
        <label class="field">
          <span>Or the content of a file</span>
          <input
            type="file"
            onChange={(e) =>
              setFile(e.currentTarget.files?.[0])}
          />
        </label>
        <Fields
          of={fields.filter((f) => f !== NAME)}
          answers={answers}
          change={(field, text) => setAnswers((old) => ({ ...old, [field]: text }))}
        />
        <Same
          line={`realm secret set ${quote(name || "NAME")}${known ? " --open" : ""}${scopeWords(scope)}${
            file ? ` --file ${quote(file.name)}` : ""
          }`}
          toml={`${scopeToml(name || "NAME", scope)}value_file = "FILE"\n`}
        />
        <Alert text={error} />
        <footer>
          <button type="button" disabled={busy} onClick={close}>Cancel</button>
          <button type="submit" class="primary" disabled={!ready}>{busy ? "Encrypting …" : "Set"}</button>
        </footer>
      </form>
    </Dialog>
  );
}
