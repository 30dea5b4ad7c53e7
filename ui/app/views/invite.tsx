/** An invite: made and signed here, shown as a command to copy and as a QR code. */
import { useState } from "preact/hooks";
import { encode } from "uqr";
import {
  inviteId,
  inviteToken,
  limits,
  type NodeView,
  RealmError,
  sealInvite,
  toBase64Url,
} from "../../../mod.ts";
import { type Field, initialAnswers, spanIn, wordsIn, wrongSpan, wrongTags } from "../actions/action.ts";
import { Fields, Same } from "../confirm.tsx";
import { Block } from "../copy.tsx";
import { Dialog } from "../dialog.tsx";
import { quote } from "../format.ts";
import { inviting, made } from "../invites.ts";
import { nodes } from "../live.ts";
import { Alert, sentence, Time } from "../parts.tsx";
import { session } from "../session.ts";

/** Addresses in a token: enough to find a node that lives, few enough for a QR code. */
const BOOTSTRAP = 3;
/** What the largest QR code holds at the lowest redundancy. */
const QR_BYTES = 2_953;

const FIELDS: readonly Field[] = [{
  name: "uses",
  label: "Machines",
  kind: "text",
  initial: "1",
  hint: "that may join with it",
  wrong: (text) =>
    /^[1-9][0-9]{0,4}$/.test(text.trim()) && Number(text) <= 10_000
      ? undefined
      : "a whole number from 1 to 10000",
}, {
  name: "expires",
  label: "Valid for",
  kind: "text",
  initial: "24h",
  hint: "30m, 24h, 7d; 30d at most",
  wrong: (text) => wrongSpan(text) ?? (spanIn(text)! > limits.inviteMaxMs ? "30 days at most" : undefined),
}, {
  name: "tags",
  label: "Tags of the new nodes",
  kind: "text",
  hint: "word or key=value",
  wrong: wrongTags,
}];

/** Addresses of nodes that live, this one's first, and each node's first address before anyone's second. */
export function bootstrapOf(all: readonly NodeView[]): string[] {
  const alive = all.filter((n) => n.state === "alive" && n.info).toSorted((a, b) =>
    Number(b.self) - Number(a.self)
  );
  const found: string[] = [];
  for (let rank = 0; rank < BOOTSTRAP; rank++) {
    for (const { id, info } of alive) {
      const address = info!.addresses[rank];
      if (address) found.push(address.includes("/p2p/") ? address : `${address}/p2p/${id}`);
    }
  }
  return [...new Set(found)].slice(0, BOOTSTRAP);
}

/** See the module's text. */
export function InviteDialog() {
  const [answers, setAnswers] = useState(initialAnswers(FIELDS));
  const [token, setToken] = useState<
    { readonly text: string; readonly until: number; readonly uses: number }
  >();
  const [error, setError] = useState("");
  const close = () => inviting.value = false;
  const wrong = FIELDS.some((f) => f.wrong?.(answers[f.name]) !== undefined);
  const make = (event: Event) => {
    event.preventDefault();
    if (wrong) return;
    try {
      const { realm, signer, grants } = session.value!.credentials();
      const bootstrap = bootstrapOf(nodes.value ?? []);
      if (bootstrap.length === 0) {
        throw new RealmError(
          "unavailable",
          "no running node told an address to join through; try again shortly",
        );
      }
      const from = Date.now(), until = from + spanIn(answers.expires)!;
      const uses = Number(answers.uses), tags = wordsIn(answers.tags);
      const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
      const signed = sealInvite({ v: 1, realm, bootstrap, tags, uses, from, until, nonce }, signer, grants);
      made.value = [{ id: inviteId(signed), uses, tags, until }, ...made.value];
      setToken({ text: inviteToken(signed), until, uses });
    } catch (failure) {
      setError(sentence(failure));
    }
  };
  const line = [
    "realm invite",
    answers.uses.trim() !== "1" && `--uses ${quote(answers.uses.trim())}`,
    answers.expires.trim() !== "24h" && `--expires ${quote(answers.expires.trim())}`,
    wordsIn(answers.tags).length > 0 && `--tags ${quote(wordsIn(answers.tags).join(","))}`,
  ].filter(Boolean).join(" ");
  return (
    <Dialog title="Invite a machine" kind={token ? "broad" : ""} onClose={close}>
      {token
        ? (
          <div class="invite">
            <div>
              <p>
                {token.uses === 1 ? "One machine" : `${token.uses} machines`} can join with it; it expires
                {" "}
                <Time at={token.until} />. Who has it can join: hand it over like a password.
              </p>
              <p class="muted">On the other machine:</p>
              <Block text={`realm join ${token.text}`} what="the command to join" />
              <p>
                <button type="button" class="primary" autofocus onClick={close}>Done</button>
              </p>
            </div>
            {token.text.length <= QR_BYTES - 11
              ? <Qr text={`realm join ${token.text}`} />
              : <p class="muted">The token is too long for a QR code; copy the command.</p>}
          </div>
        )
        : (
          <form onSubmit={make}>
            <p>The token is made and signed on this page. The other machine runs one command with it.</p>
            <Fields
              of={FIELDS}
              answers={answers}
              change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
            />
            <Same line={line} />
            <Alert text={error} />
            <footer>
              <button type="button" onClick={close}>Cancel</button>
              <button type="submit" class="primary" disabled={wrong}>Make the invite</button>
            </footer>
          </form>
        )}
    </Dialog>
  );
}

/** A text as a QR code, dark on light whatever the theme, as scanners expect. */
function Qr({ text }: { text: string }) {
  const { data, size } = encode(text, { ecc: "L", border: 3 });
  let path = "";
  data.forEach((row, y) =>
    row.forEach((dark, x) => {
      if (dark) path += `M${x} ${y}h1v1h-1z`;
    })
  );
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="The command to join as a QR code">
      <path d={path} shape-rendering="crispEdges" />
    </svg>
  );
}
