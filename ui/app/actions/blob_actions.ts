/** What can be done with a blob. */
import { type BlobView, shortId } from "../../../mod.ts";
import { quote, table } from "../format.ts";
import { type Action, type Answers, type Field, wordsIn, wrongName, wrongSelector } from "./action.ts";

const COPIES = 2;

/** What is asked of a promise to keep something. */
export const pinFields = (name: string, copies = COPIES, tags: readonly string[] = []): readonly Field[] => [{
  name: "name",
  label: "Name",
  kind: "text",
  initial: name,
  hint: "for people; may be empty",
  wrong: wrongName,
}, {
  name: "copies",
  label: "Copies",
  kind: "text",
  initial: String(copies),
  hint: "nodes that keep it, 1 to 100",
  wrong: (text) => /^([1-9][0-9]?|100)$/.test(text.trim()) ? undefined : "a whole number from 1 to 100",
}, {
  name: "tags",
  label: "On nodes with",
  kind: "text",
  initial: tags.join(" "),
  hint: "tags; !tag excludes; empty: any",
  wrong: wrongSelector,
}];

/** The wish that was answered. */
export const pinBody = (digest: string, size: number, a: Answers) => ({
  digest,
  size,
  copies: Number(a.copies),
  tags: wordsIn(a.tags),
  ...(a.name !== "" && { name: a.name }),
});

/** Options of a command line that say the same. */
export const pinOptions = (a: Answers): string =>
  [
    a.name !== "" && `--name ${quote(a.name)}`,
    a.copies.trim() !== String(COPIES) && `--copies ${a.copies.trim()}`,
    ...wordsIn(a.tags).map((t) => `--tag ${quote(t)}`),
  ].filter(Boolean).map((w) => ` ${w}`).join("");

/** The same as a manifest. */
export const pinToml = (digest: string, a: Answers): string =>
  table("pin", {
    digest,
    name: a.name || undefined,
    copies: Number(a.copies),
    tags: wordsIn(a.tags).length > 0 ? wordsIn(a.tags) : undefined,
  });

/** What can be done with a blob in its present state. */
export function blobActions(b: BlobView): Action[] {
  const what = b.name ?? shortId(b.digest);
  const pin: Action = {
    label: b.pin ? "Change pin" : "Pin",
    icon: "pin",
    role: "operator",
    title: `Keep ${what}`,
    text: "The realm keeps so many copies, and makes new ones when a node is lost.",
    fields: pinFields(b.name ?? "", b.pin?.copies, b.pin?.tags),
    command: (a) => `realm storage pin ${b.digest}${pinOptions(a)}`,
    toml: (a) => pinToml(b.digest, a),
    run: (c, a) => c.command("blob.pin", pinBody(b.digest, b.size, a)),
  };
  if (!b.pin) return [pin];
  return [pin, {
    label: "Unpin",
    icon: "close",
    role: "operator",
    title: `Keep ${what} no longer?`,
    text: b.references.length > 0
      ? "It stays as long as an app needs it."
      : "Nothing else needs it: nodes remove it when they want room.",
    danger: true,
    command: () => `realm storage unpin ${b.digest}`,
    run: (c) => c.command("blob.unpin", { digest: b.digest }),
  }];
}
