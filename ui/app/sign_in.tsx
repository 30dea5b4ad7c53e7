/** The door: a link by `realm dashboard`, or a key file chosen here. */
import { useState } from "preact/hooks";
import { Command } from "./copy.tsx";
import { Mark } from "./icons.tsx";
import { Alert, sentence } from "./parts.tsx";
import { notice, signInByFiles } from "./session.ts";

/** See the module's text. */
export function SignIn() {
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const read = async (name: string) => {
      const file = form.get(name);
      return file instanceof File && file.size > 0 && file.size < 65_536 ? await file.text() : "";
    };
    setBusy(true);
    try {
      await signInByFiles(await read("key"), await read("grants"), String(form.get("passphrase") ?? ""));
    } catch (error) {
      notice.value = sentence(error);
      setBusy(false);
    }
  };
  return (
    <main class="door">
      <h1>
        <Mark /> Realm
      </h1>
      <Alert text={notice.value} />
      <section class="panel">
        <h2>Open a signed-in link</h2>
        <p>On a machine with an owner or admin key:</p>
        <Command line="realm dashboard" />
      </section>
      <form class="panel" onSubmit={(e) => void submit(e)}>
        <h2>Or use a key file</h2>
        <label>
          Key file <input type="file" name="key" required accept=".key" />
        </label>
        <label>
          Its grants, for an operator key <input type="file" name="grants" accept=".json" />
        </label>
        <label>
          Passphrase, when it is encrypted <input type="password" name="passphrase" autocomplete="off" />
        </label>
        <button type="submit" class="primary" disabled={busy}>{busy ? "Signing in …" : "Sign in"}</button>
        <small>The key stays in this page's memory. It is not stored, and no node ever receives it.</small>
      </form>
    </main>
  );
}
