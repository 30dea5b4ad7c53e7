/** A change as data: what it is called, what it asks, and the same as a command line and as a manifest. */
import { signal } from "@preact/signals";
import type { RealmClient, Role } from "../../../mod.ts";
import type { IconName } from "../icons.tsx";

/** One thing that a dialog asks for. */
export interface Field {
  readonly name: string;
  readonly label: string;
  /** `check`: its value is "yes" or empty. */
  readonly kind: "text" | "check" | "choice";
  readonly initial?: string;
  readonly choices?: readonly string[];
  readonly hint?: string;
  /** What is wrong with a value; `undefined` when nothing is. */
  readonly wrong?: (value: string) => string | undefined;
}
/** What was answered, by name of the field. */
export type Answers = Readonly<Record<string, string>>;

/** One change. */
export interface Action {
  /** On the button. */
  readonly label: string;
  readonly icon?: IconName;
  readonly role: Role;
  readonly title: string;
  readonly text: string;
  readonly danger?: boolean;
  /** Has to be typed before the button works. */
  readonly typed?: string;
  readonly fields?: readonly Field[];
  /** The same as a command line. */
  readonly command: (answers: Answers) => string;
  /** The same as a manifest for `realm apply`; absent where it happens once and is no lasting wish. */
  readonly toml?: (answers: Answers) => string;
  readonly run: (client: RealmClient, answers: Answers) => Promise<unknown>;
  /** What is said after; default: accepted. */
  readonly done?: string;
}

/** The change that is being confirmed. */
export const asking = signal<Action | undefined>(undefined);

/** What fields start with. */
export const initialAnswers = (fields: readonly Field[] = []): Answers =>
  Object.fromEntries(fields.map((f) => [f.name, f.initial ?? ""]));

/** What is wrong with the number of replicas. */
export const wrongReplicas = (text: string): string | undefined =>
  text.trim() === "all" || /^[0-9]{1,4}$/.test(text.trim()) ? undefined : "a whole number, or all";
/** The number of replicas that a person wrote. */
export const replicasIn = (text: string): number | "all" => text.trim() === "all" ? "all" : Number(text);

const TAG = /^[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/;
/** Words that a person wrote, by spaces or commas. */
export const wordsIn = (text: string): string[] => text.split(/[\s,]+/).filter((w) => w !== "");
/** What is wrong with a list of node tags. */
export const wrongTags = (text: string): string | undefined => {
  const bad = wordsIn(text).find((w) => !TAG.test(w));
  return bad === undefined ? undefined : `“${bad.slice(0, 40)}” is no tag: word or key=value`;
};
/** What is wrong with a list of tags that select nodes. */
export const wrongSelector = (text: string): string | undefined => {
  const bad = wordsIn(text).find((w) => !TAG.test(w.replace(/^!/, "")));
  return bad === undefined ? undefined : `“${bad.slice(0, 40)}” is no tag: word, key=value, or !tag`;
};
/** What is wrong with a time such as 24h. */
export const wrongSpan = (text: string): string | undefined =>
  spanIn(text) === undefined ? "a time such as 30m, 24h or 7d" : undefined;
/** Milliseconds of a time such as `24h`. */
export function spanIn(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,5})(m|h|d)$/.exec(text.trim());
  return match ? Number(match[1]) * { m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as "m"] : undefined;
}
/** What is wrong with a name for people. */
export const wrongName = (text: string): string | undefined =>
  text.length > 128 || /\p{Cc}/u.test(text) ? "one line, at most 128 characters" : undefined;
