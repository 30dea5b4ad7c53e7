/** Asking people: passphrases without echo, and yes or no. */
import { UsageError } from "./invocation.ts";

/** Reads one line from the terminal without showing it. */
function readHidden(question: string): string {
  Deno.stderr.writeSync(new TextEncoder().encode(question));
  Deno.stdin.setRaw(true, { cbreak: false });
  const typed: number[] = [];
  const buffer = new Uint8Array(256);
  try {
    for (;;) {
      const n = Deno.stdin.readSync(buffer);
      if (n === null) break;
      for (const byte of buffer.subarray(0, n)) {
        if (byte === 3) throw new UsageError("given up");
        if (byte === 10 || byte === 13 || byte === 4) return new TextDecoder().decode(Uint8Array.from(typed));
        if (byte === 127 || byte === 8) typed.pop();
        else typed.push(byte);
      }
    }
  } finally {
    Deno.stdin.setRaw(false);
    Deno.stderr.writeSync(new TextEncoder().encode("\n"));
  }
  return new TextDecoder().decode(Uint8Array.from(typed));
}

const interactive = (): boolean => Deno.stdin.isTerminal() && Deno.stderr.isTerminal();

/** The passphrase of an existing key: REALM_PASSPHRASE, or asked. */
export function askPassphrase(what: string): string {
  const given = Deno.env.get("REALM_PASSPHRASE");
  if (given !== undefined) return given;
  if (!interactive()) {
    throw new UsageError(`${what} is encrypted: set REALM_PASSPHRASE, or run this on a terminal`);
  }
  return readHidden(`Passphrase of ${what}: `);
}

/** A new passphrase: REALM_PASSPHRASE, or asked twice. */
export function newPassphrase(what: string): string {
  const given = Deno.env.get("REALM_PASSPHRASE");
  if (given === undefined && !interactive()) {
    throw new UsageError("--passphrase needs a terminal, or REALM_PASSPHRASE");
  }
  const first = given ?? readHidden(`New passphrase of ${what}: `);
  if (first.length < 8) throw new UsageError("a passphrase has at least 8 characters");
  if (given === undefined && readHidden("Again: ") !== first) throw new UsageError("the passphrases differ");
  return first;
}

/** Bytes of a secret's value that are read from stdin; what is longer is refused by its length. */
const STDIN_BYTES = 1024 * 1024;

/** A value that nobody may see: asked without echo on a terminal, else all of stdin without the line end behind it. */
export async function readSecret(question: string): Promise<Uint8Array> {
  if (interactive()) return new TextEncoder().encode(readHidden(question));
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of Deno.stdin.readable) {
    pieces.push(piece);
    length += piece.length;
    if (length > STDIN_BYTES) break;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  const end = all.at(-1) !== 10 ? length : all.at(-2) === 13 ? length - 2 : length - 1;
  return all.subarray(0, end);
}

/** Asks before what cannot be undone. Off a terminal it needs `--yes`. */
export function confirm(question: string): boolean {
  if (!interactive()) throw new UsageError(`this needs a terminal or --yes: ${question}`);
  Deno.stderr.writeSync(new TextEncoder().encode(`${question} [y/N] `));
  const buffer = new Uint8Array(64);
  const n = Deno.stdin.readSync(buffer) ?? 0;
  return /^y(es)?\s*$/i.test(new TextDecoder().decode(buffer.subarray(0, n)));
}
