/** Setting secrets: values are sealed here, on the setter's machine, so that no API ever sees one. */
import { toHex } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import type { RealmId } from "../protocol/identity.ts";
import {
  type NodeRef,
  SECRET_NAME,
  secretLimits,
  type SecretScope,
  type SecretWish,
} from "../protocol/secret.ts";

/** What is to be sealed. */
export interface SecretDraft {
  /** Name in the realm. */
  readonly name: string;
  /** The value. */
  readonly value: Uint8Array;
  /** What it is for. */
  readonly scope: SecretScope;
}

/** The command body for a value: encrypted, and sealed to the first of the nodes; they seal it to the others. */
export async function sealSecret(
  { name, value, scope }: SecretDraft,
  realm: RealmId,
  recipients: readonly NodeRef[],
): Promise<SecretWish> {
  checkSecret(name, value);
  if (recipients.length === 0) {
    throw new RealmError(
      "conflict",
      `no member has the tags ${
        scope.tags.join(", ")
      } by command or invite, so nobody could open the secret; ` +
        "tag a node first: 'realm node tag NODE TAGS'",
    );
  }
  // Loaded when needed: the curves take longer to load than most commands take.
  const { encryptValue, sealKey } = await import("../protocol/secret_box.ts");
  const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
  const version = toHex(random(16));
  const place = { realm, name, version };
  const key = random(32);
  try {
    return {
      name,
      version,
      scope,
      sealed: encryptValue(value, place, key, random),
      boxes: recipients.slice(0, secretLimits.commandBoxes).map(({ node }) =>
        sealKey(key, node, place, random)
      ),
    };
  } finally {
    key.fill(0);
  }
}

/** Throws `usage` for a name or value that no secret can have. Never repeats anything of the value. */
export function checkSecret(name: string, value: Uint8Array): void {
  if (!SECRET_NAME.test(name)) {
    throw new RealmError(
      "usage",
      `a secret's name has letters, digits, '_', '.' and '-', at most 128, not ${
        JSON.stringify(name.slice(0, 40))
      }`,
    );
  }
  const { valueBytes, valueMinBytes } = secretLimits;
  if (value.length > valueBytes) {
    throw new RealmError(
      "too_large",
      `the value has ${value.length} bytes, at most ${valueBytes} are possible; store a larger one encrypted ` +
        "as a blob, and its key as a secret",
    );
  }
  if (value.length < valueMinBytes) {
    throw new RealmError(
      "usage",
      value.length === 0
        ? "the value is empty; give it on stdin, or with --file"
        : `the value has fewer than ${valueMinBytes} bytes: it is guessed at once and cannot be hidden in logs; choose a longer one`,
    );
  }
}
