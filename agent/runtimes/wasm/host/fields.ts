/** `wasi:http/types.fields`: header lists. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { WitError } from "../component/mod.ts";

/** A header name and its value. */
export type FieldEntry = readonly [name: string, value: Uint8Array];

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const latin1 = new TextDecoder("latin1");
/** Headers that speak of the connection, which is the host's affair. */
const FORBIDDEN = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "host",
]);
const refuse = (tag: string) => new WitError({ tag });

/** A list of headers or trailers. */
export class Fields {
  #entries: FieldEntry[];
  #bytes = 0;
  readonly #immutable: boolean;

  /** `entries` are trusted. */
  constructor(entries: readonly FieldEntry[] = [], immutable = false) {
    this.#entries = [...entries];
    this.#immutable = immutable;
    for (const [name, value] of entries) this.#bytes += name.length + value.length;
  }
  /** A list from a guest. */
  static fromList(entries: readonly FieldEntry[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) Fields.append(fields, name, value);
    return fields;
  }
  /** All values of a name. */
  static get(fields: Fields, name: string): Uint8Array[] {
    const key = name.toLowerCase();
    return fields.#entries.filter(([n]) => n.toLowerCase() === key).map(([, value]) => value);
  }
  /** Replaces all values of a name. */
  static set(fields: Fields, name: string, values: readonly Uint8Array[]): void {
    Fields.delete(fields, name);
    for (const value of values) Fields.append(fields, name, value);
  }
  /** Removes a name. */
  static delete(fields: Fields, name: string): void {
    fields.#writable();
    if (!NAME.test(name)) throw refuse("invalid-syntax");
    const key = name.toLowerCase();
    fields.#entries = fields.#entries.filter(([n, value]) => {
      if (n.toLowerCase() !== key) return true;
      fields.#bytes -= n.length + value.length;
      return false;
    });
  }
  /** Adds a value. */
  static append(fields: Fields, name: string, value: Uint8Array): void {
    fields.#writable();
    if (!NAME.test(name)) throw refuse("invalid-syntax");
    if (value.some((byte) => byte === 0 || byte === 10 || byte === 13)) throw refuse("invalid-syntax");
    if (FORBIDDEN.has(name.toLowerCase())) throw refuse("forbidden");
    fields.#bytes += name.length + value.length;
    if (fields.#bytes > wasmLimits.headerBytes) throw refuse("forbidden");
    fields.#entries.push([name, value]);
  }
  /** All entries in order. */
  static entries(fields: Fields): readonly FieldEntry[] {
    return fields.#entries;
  }
  /** A copy that can be changed. */
  static clone(fields: Fields): Fields {
    return new Fields(fields.#entries);
  }
  /** A copy that cannot be changed. */
  static frozen(fields: Fields): Fields {
    return new Fields(fields.#entries, true);
  }
  /** All entries as text, each byte one character, as the web platform's headers have it. */
  static texts(fields: Fields): [string, string][] {
    return fields.#entries.map(([name, value]) => [name, latin1.decode(value)]);
  }
  /** From the web platform's headers. */
  static ofTexts(texts: Iterable<readonly [string, string]>): Fields {
    const entries: FieldEntry[] = [];
    for (const [name, value] of texts) entries.push([name, Uint8Array.from(value, (c) => c.charCodeAt(0))]);
    return new Fields(entries, true);
  }
  #writable(): void {
    if (this.#immutable) throw refuse("immutable");
  }
}
