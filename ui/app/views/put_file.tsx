/** Storing one file: hashed here, sent if the node lacks it, then pinned by a signed command. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { initialAnswers } from "../actions/action.ts";
import { pinBody, pinFields, pinOptions, pinToml } from "../actions/blob_actions.ts";
import { Fields, Same } from "../confirm.tsx";
import { Dialog } from "../dialog.tsx";
import { digestOf } from "../files/digest.ts";
import { sendCounted } from "../files/upload.ts";
import { bytes, quote } from "../format.ts";
import { Alert, Bar, say, sentence } from "../parts.tsx";
import { go, to } from "../router.ts";
import { session } from "../session.ts";

/** The file that is being stored. */
export const putting = signal<File | undefined>(undefined);

/** See the module's text. */
export function PutFile({ file }: { file: File }) {
  const fields = pinFields(file.name.slice(0, 128));
  const [answers, setAnswers] = useState(initialAnswers(fields));
  const [digest, setDigest] = useState("");
  const [progress, setProgress] = useState<{ what: string; bytes: number }>({ what: "hashed", bytes: 0 });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => {
    let open = true;
    digestOf(file, (n) => open && setProgress({ what: "hashed", bytes: n }), () => open).then(
      (d) => open && setDigest(d),
      (failure) => setError(sentence(failure)),
    );
    return () => void (open = false);
  }, [file]);
  const close = () => putting.value = undefined;
  const ready = digest !== "" && !busy && fields.every((f) => f.wrong?.(answers[f.name]) === undefined);
  const submit = async (event: Event) => {
    event.preventDefault();
    const client = session.value?.client;
    if (!ready || !client) return;
    setBusy(true);
    setError("");
    try {
      const missing = await client.missing([digest]);
      if (missing.length > 0) {
        await sendCounted(
          client,
          digest,
          file,
          (n) => setProgress({ what: "sent", bytes: Math.min(n, file.size) }),
        );
      }
      await client.command("blob.pin", pinBody(digest, file.size, answers));
      say(
        missing.length > 0 ? "Stored; the realm makes its copies." : "It was there already; it is kept now.",
      );
      close();
      go(to("storage", digest));
    } catch (failure) {
      setError(sentence(failure));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Keep ${file.name}`} onClose={close} busy={busy}>
      <form onSubmit={(e) => void submit(e)}>
        <Fields
          of={fields}
          answers={answers}
          change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
        />
        {(digest === "" || busy) && (
          <Bar
            goal
            part={progress.bytes}
            whole={file.size}
            text={`${bytes(progress.bytes)} of ${bytes(file.size)} ${progress.what}`}
          />
        )}
        <Same
          line={`realm storage put ${quote(file.name)}${
            pinOptions({ ...answers, name: answers.name === file.name ? "" : answers.name })
          }`}
          toml={digest === "" ? undefined : pinToml(digest, answers)}
        />
        <Alert text={error} />
        <footer>
          <button type="button" disabled={busy} onClick={close}>Cancel</button>
          <button type="submit" class="primary" disabled={!ready}>Store</button>
        </footer>
      </form>
    </Dialog>
  );
}
