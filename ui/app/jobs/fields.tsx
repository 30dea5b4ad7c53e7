/** Fields of a job, made from the schema that checks it: a key that the schema gets has its field at once. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type KnownKey, manifestKeys, type TomlProblem } from "../../../mod.ts";
import { chosenIn } from "../files/local_files.ts";
import { Icon } from "../icons.tsx";
import { chosen, type Path, type Raw, valueAt } from "./draft.ts";
import { lineOf, wordsOf } from "./words.ts";

/** One job in the form. */
export interface Form {
  readonly job: Raw;
  readonly set: (path: Path, value: unknown) => void;
  /** What is wrong at a path, or below it where `deep`. */
  readonly problem: (path: Path, deep?: boolean) => TomlProblem | undefined;
  /** Whether a job of this kind is asked for a key. */
  readonly asked: (path: Path) => boolean;
  /** Words that the realm knows for a key. */
  readonly known: (path: Path) => readonly string[];
}

const UNITS: Readonly<Record<string, string>> = {
  mb: "MiB",
  seconds: "seconds",
  minutes: "minutes",
  days: "days",
};
const WORDS: Readonly<Record<string, string>> = {
  cpu: "CPU",
  http: "HTTP path",
  ids: "ids",
  pids: "Processes",
};
/** `memory_mb` as `Memory (MiB)`. */
export function labelOf(key: string): string {
  const parts = key.split("_"), unit = UNITS[parts.at(-1)!];
  const words = (unit && parts.length > 1 ? parts.slice(0, -1) : parts).map((w) => WORDS[w] ?? w).join(" ");
  return words[0].toUpperCase() + words.slice(1) + (unit && parts.length > 1 ? ` (${unit})` : "");
}
const hintOf = (text: string): string => text.replaceAll("`", "").replace(/\.$/, "");

/** Keys that name files of this machine. */
const FILES = ["runtime.wasm", "runtime.binary", "execution.stdin", "data.inputs.path"];
/** Keys of a path without places in lists: where it is in the schema. */
export const schemaPath = (path: Path): string[] => path.filter((p) => typeof p === "string");

/** A label, its field, and below it what is wrong or what it means. */
function Labelled(
  { name, text, wrong, required, field }: {
    name: string;
    text: string;
    wrong: TomlProblem | undefined;
    required?: boolean;
    field: (
      about: { "aria-invalid": boolean; "aria-describedby": string; "aria-required": boolean },
    ) => ComponentChildren;
  },
) {
  const id = useId();
  return (
    <div class="field">
      <label>
        <span>
          {name}
          {required && <small class="muted" aria-hidden="true">required</small>}
        </span>
        {field({
          "aria-invalid": wrong !== undefined,
          "aria-describedby": id,
          "aria-required": required === true,
        })}
      </label>
      <small id={id} class={wrong ? "wrong" : ""}>
        {wrong ? `${wrong.message}${wrong.hint ? `; ${wrong.hint}` : ""}` : hintOf(text)}
      </small>
    </div>
  );
}

/** A field of one line that holds a value in another form; what is being typed stays as it is typed. */
function Line(
  { value, read, write, change, list, ...about }: {
    value: unknown;
    read: (text: string) => unknown;
    write: (value: unknown) => string;
    change: (value: unknown) => void;
    list?: readonly string[];
    class?: string;
  },
) {
  const id = useId();
  const [text, setText] = useState(write(value));
  const same = JSON.stringify(read(text)) === JSON.stringify(value) ||
    (text === "" && value === undefined);
  useEffect(() => {
    if (!same) setText(write(value));
  }, [JSON.stringify(value)]);
  return (
    <>
      <input
        {...about}
        value={text}
        autocomplete="off"
        spellcheck={false}
        list={list && list.length > 0 ? id : undefined}
        onInput={(e) => {
          setText(e.currentTarget.value);
          change(read(e.currentTarget.value));
        }}
      />
      {list && list.length > 0 && (
        <datalist id={id}>{list.map((word) => <option key={word} value={word} />)}</datalist>
      )}
    </>
  );
}

const asText = (value: unknown): string => value === undefined ? "" : String(value);
const asNumber = (text: string): unknown =>
  text.trim() === "" ? undefined : /^-?[0-9]+(\.[0-9]+)?$/.test(text.trim()) ? Number(text) : text;
const asWords = (text: string): unknown => {
  const words = wordsOf(text);
  return words.length > 0 ? words : undefined;
};

/** A file of this machine: its path as written, or one that is chosen. */
function ChooseFile({ take }: { take: (path: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        <Icon is="file" /> Choose
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label="A file for this field"
        onChange={(e) => {
          const [local] = chosenIn(e.currentTarget.files);
          e.currentTarget.value = "";
          if (!local) return;
          chosen.value = new Map([...chosen.value, [local.name, local]]);
          take(local.name);
        }}
      />
    </>
  );
}

const parsed = (toml: string): unknown => JSON.parse(toml);

/** One key of a table. */
function Key({ of, form, path }: { of: KnownKey; form: Form; path: Path }) {
  const value = valueAt(form.job, path), set = (v: unknown) => form.set(path, v);
  const about = { name: labelOf(of.key), text: of.text, required: of.required, wrong: form.problem(path) };
  const file = FILES.includes(schemaPath(path).join("."));
  switch (of.form) {
    case "text":
      return (
        <Labelled
          {...about}
          field={(a) => (
            <span class={file ? "with-button" : "whole"}>
              <Line
                {...a}
                value={value}
                read={(t) => t === "" ? undefined : t}
                write={asText}
                change={set}
                list={form.known(path)}
              />
              {file && <ChooseFile take={set} />}
            </span>
          )}
        />
      );
    case "number":
      return (
        <Labelled
          {...about}
          field={(a) => <Line {...a} value={value} read={asNumber} write={asText} change={set} />}
        />
      );
    case "words":
      return (
        <Labelled
          {...about}
          text={`${of.text.replace(/\.$/, "")}; separated by spaces`}
          field={(a) => (
            <Line
              {...a}
              class="mono"
              value={value}
              read={asWords}
              write={(v) => Array.isArray(v) ? lineOf(v) : ""}
              change={set}
              list={form.known(path)}
            />
          )}
        />
      );
    case "choice":
      return (
        <Labelled
          {...about}
          field={(a) => (
            <select
              {...a}
              value={asText(value)}
              onChange={(e) => set(e.currentTarget.value || undefined)}
            >
              {!of.required && <option value="">as by default</option>}
              {of.values.map((v) => <option key={v} value={asText(parsed(v))}>{asText(parsed(v))}</option>)}
            </select>
          )}
        />
      );
    case "check":
      return (
        <label class="check">
          <input
            type="checkbox"
            checked={value === true}
            onChange={(e) => set(e.currentTarget.checked || undefined)}
          />
          <span>
            {about.name} <small class="muted">{hintOf(of.text)}</small>
          </span>
        </label>
      );
    case "texts":
      return <Named {...about} form={form} path={path} />;
    case "named":
      return <Named {...about} form={form} path={path} tables />;
    case "table":
      return (
        <Group name={about.name} text={of.text}>
          <Keys form={form} path={path} />
        </Group>
      );
    case "tables":
      return <List name={about.name} text={of.text} form={form} path={path} />;
    case "other":
      return value === undefined ? null : <p class="muted">{about.name}: as written in the TOML.</p>;
  }
}

const Group = ({ name, text, children }: { name: string; text: string; children: ComponentChildren }) => (
  <fieldset class="group">
    <legend>
      {name} <small class="muted">{hintOf(text)}</small>
    </legend>
    {children}
  </fieldset>
);

/** Keys of the table at a path. */
export function Keys({ form, path }: { form: Form; path: Path }) {
  const keys = manifestKeys(schemaPath(path)).filter((k) => form.asked([...path, k.key]));
  const wide = ["texts", "named", "table", "tables"];
  return (
    <>
      <div class="fields">
        {keys.filter((k) => !wide.includes(k.form)).map((k) => (
          <Key key={k.key} of={k} form={form} path={[...path, k.key]} />
        ))}
      </div>
      {keys.filter((k) => wide.includes(k.form)).map((k) => (
        <Key key={k.key} of={k} form={form} path={[...path, k.key]} />
      ))}
    </>
  );
}

/** A list of tables, each with its fields. */
export function List({ name, text, form, path }: { name: string; text: string; form: Form; path: Path }) {
  const value = valueAt(form.job, path), items = Array.isArray(value) ? value as Raw[] : [];
  const one = name.replace(/s$/, "").toLowerCase();
  return (
    <Group name={name} text={text}>
      {items.map((_, i) => (
        <div class="item" key={i} role="group" aria-label={`${one} ${i + 1}`}>
          <Keys form={form} path={[...path, i]} />
          <button
            type="button"
            class="quiet"
            onClick={() => form.set(path, items.filter((_, other) => other !== i))}
          >
            <Icon is="trash" /> Remove {one} {i + 1}
          </button>
        </div>
      ))}
      <button type="button" onClick={() => form.set(path, [...items, {}])}>
        <Icon is="plus" /> {one[0].toUpperCase() + one.slice(1)}
      </button>
    </Group>
  );
}

/**
 * A table of texts, of lists of words (`lists`) or of tables, each under a name of one's own. A name that is there twice
 * or empty is not in the manifest until it is another.
 */
export function Named(
  { name, text, form, path, wrong, tables = false, lists = false, leave = [] }: {
    name: string;
    text: string;
    form: Form;
    path: Path;
    wrong?: TomlProblem;
    tables?: boolean;
    lists?: boolean;
    /** Names that have fields of their own. */
    leave?: readonly string[];
  },
) {
  const value = (valueAt(form.job, path) ?? {}) as Raw;
  const mine = Object.entries(value).filter(([key]) => !leave.includes(key));
  const [rows, setRows] = useState<readonly (readonly [string, unknown])[]>(mine);
  const known = JSON.stringify(mine);
  useEffect(() => {
    if (JSON.stringify(written(rows)) !== known) setRows(mine);
  }, [known]);
  const change = (next: readonly (readonly [string, unknown])[]) => {
    setRows(next);
    const others = Object.entries(value).filter(([key]) => leave.includes(key));
    const all = Object.fromEntries([...others, ...written(next)]);
    form.set(path, Object.keys(all).length > 0 ? all : undefined);
  };
  const put = (i: number, row: readonly [string, unknown]) => change(rows.with(i, row));
  return (
    <Group name={name} text={text}>
      {rows.map(([key, v], i) => (
        <div class="named" key={i}>
          <input
            class="mono"
            aria-label={`${name}: name ${i + 1}`}
            placeholder="name"
            value={key}
            autocomplete="off"
            spellcheck={false}
            onInput={(e) => put(i, [e.currentTarget.value, v])}
          />
          {tables ? <Keys form={form} path={[...path, key]} /> : (
            <Line
              class="mono"
              aria-label={`${name}: value ${i + 1}`}
              value={v}
              read={(t) => lists ? wordsOf(t) : t}
              write={(x) => Array.isArray(x) ? lineOf(x) : asText(x)}
              change={(x) => put(i, [key, x])}
            />
          )}
          <button
            type="button"
            class="bare"
            aria-label={`Remove ${key || "this row"}`}
            onClick={() => change(rows.filter((_, other) => other !== i))}
          >
            <Icon is="trash" />
          </button>
          <Wrong of={form.problem([...path, key], true)} />
        </div>
      ))}
      <Wrong of={wrong} />
      <button type="button" onClick={() => setRows([...rows, ["", tables ? {} : lists ? [] : ""]])}>
        <Icon is="plus" /> {name}
      </button>
    </Group>
  );
}
/** What of the rows is in the manifest. */
const written = (rows: readonly (readonly [string, unknown])[]) =>
  rows.filter(([key], i) => key !== "" && rows.findIndex(([other]) => other === key) === i);

const Wrong = ({ of }: { of: TomlProblem | undefined }) =>
  of ? <small class="wrong">{of.message}{of.hint ? `; ${of.hint}` : ""}</small> : null;
