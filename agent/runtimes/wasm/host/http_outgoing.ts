/** `wasi:http/outgoing-handler`: requests that a guest makes, to allowed hosts only. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { WitError } from "../component/mod.ts";
import type { HostImports } from "../component/mod.ts";
import { IncomingBody, Later, OutgoingBody } from "./bodies.ts";
import type { Incoming } from "./bodies.ts";
import { Fields } from "./fields.ts";
import { methodOf } from "./http_incoming.ts";
import type { OutboundRules } from "./outbound.ts";
import { streamSource } from "./sources.ts";

interface Named {
  readonly tag: string;
  readonly val?: string;
}
const nameOf = (named: Named) => named.tag === "other" ? named.val ?? "" : named.tag.toUpperCase();
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `outgoing-request`. */
class OutgoingRequest {
  readonly #headers: Fields;
  #method: Named = methodOf("get");
  #path: string | undefined;
  #scheme: Named | undefined;
  #authority: string | undefined;
  #body: OutgoingBody | undefined;
  constructor(headers: Fields) {
    this.#headers = Fields.frozen(headers);
  }
  static readonly imports: HostImports[string] = {
    "[constructor]outgoing-request": (headers: Fields) => new OutgoingRequest(headers),
    "[method]outgoing-request.body": (r: OutgoingRequest) => {
      if (r.#body !== undefined) throw new WitError(undefined);
      return r.#body = new OutgoingBody();
    },
    "[method]outgoing-request.method": (r: OutgoingRequest) => r.#method,
    "[method]outgoing-request.set-method": (r: OutgoingRequest, method: Named) => {
      if (!TOKEN.test(nameOf(method))) throw new WitError(undefined);
      r.#method = method;
    },
    "[method]outgoing-request.path-with-query": (r: OutgoingRequest) => r.#path,
    "[method]outgoing-request.set-path-with-query": (r: OutgoingRequest, path: string | undefined) => {
      r.#path = path;
    },
    "[method]outgoing-request.scheme": (r: OutgoingRequest) => r.#scheme,
    "[method]outgoing-request.set-scheme": (r: OutgoingRequest, scheme: Named | undefined) => {
      r.#scheme = scheme;
    },
    "[method]outgoing-request.authority": (r: OutgoingRequest) => r.#authority,
    "[method]outgoing-request.set-authority": (r: OutgoingRequest, authority: string | undefined) => {
      r.#authority = authority;
    },
    "[method]outgoing-request.headers": (r: OutgoingRequest) => Fields.frozen(r.#headers),
  };
  static parts(r: OutgoingRequest) {
    return {
      method: nameOf(r.#method),
      scheme: (r.#scheme === undefined ? "https" : nameOf(r.#scheme)).toLowerCase(),
      authority: r.#authority ?? "",
      path: r.#path || "/",
      headers: Fields.texts(r.#headers),
      body: r.#body,
    };
  }
}

/** `request-options`: the time-outs a guest asks for, in nanoseconds. */
class RequestOptions {
  readonly #values = new Map<string, bigint>();
  static readonly imports: HostImports[string] = {
    "[constructor]request-options": () => new RequestOptions(),
    ...Object.fromEntries(
      ["connect-timeout", "first-byte-timeout", "between-bytes-timeout"].flatMap((name) => [
        [`[method]request-options.${name}`, (o: RequestOptions) => o.#values.get(name)],
        [`[method]request-options.set-${name}`, (o: RequestOptions, duration: bigint | undefined) => {
          if (duration === undefined) o.#values.delete(name);
          else o.#values.set(name, duration);
        }],
      ]),
    ),
  };
  /** Milliseconds until the head of the response must be there. */
  static headTimeoutMs(o: RequestOptions | undefined): number {
    const values = o === undefined ? undefined : o.#values;
    const wanted = values?.get("first-byte-timeout") ?? values?.get("connect-timeout");
    const ms = wanted === undefined ? Infinity : Number(wanted / 1_000_000n);
    return Math.min(Math.max(1, ms), wasmLimits.outboundTimeoutMs);
  }
}

/** `incoming-response`. */
class IncomingResponse {
  readonly #response: Response;
  #consumed = false;
  constructor(response: Response) {
    this.#response = response;
  }
  static readonly imports: HostImports[string] = {
    "[method]incoming-response.status": (r: IncomingResponse) => r.#response.status,
    "[method]incoming-response.headers": (r: IncomingResponse) => Fields.ofTexts(r.#response.headers),
    "[method]incoming-response.consume": (r: IncomingResponse) => {
      if (r.#consumed) throw new WitError(undefined);
      r.#consumed = true;
      const { body } = r.#response;
      const incoming: Incoming | undefined = body === null
        ? undefined
        : { source: streamSource(body), trailers: () => undefined };
      return new IncomingBody(incoming);
    },
  };
  [Symbol.dispose](): void {
    if (!this.#consumed) this.#response.body?.cancel().catch(() => {});
  }
}

type Answer =
  | { readonly tag: "ok"; readonly val: IncomingResponse }
  | { readonly tag: "err"; readonly val: unknown };

/** `future-incoming-response`. */
class FutureResponse extends Later<Answer> {
  #taken = false;
  #abort = new AbortController();
  static readonly imports: HostImports[string] = {
    "[method]future-incoming-response.subscribe": Later.subscribe,
    "[method]future-incoming-response.get": (f: FutureResponse) => {
      const value = Later.value(f);
      if (value === undefined) return undefined;
      if (f.#taken) return { tag: "err" };
      f.#taken = true;
      return { tag: "ok", val: value };
    },
  };
  static signal(f: FutureResponse): AbortController {
    return f.#abort;
  }
  [Symbol.dispose](): void {
    if (this.#taken) return;
    this.#abort.abort();
  }
}

/** What outgoing requests need of the worker. */
export interface Outbound {
  readonly rules: OutboundRules;
  /** The platform's `fetch`, kept from the worker's globals. */
  readonly fetch: typeof fetch;
  /** Tells people of a refused request. */
  refused(target: string): void;
}

/** `wasi:http/outgoing-handler`, and the types it needs in `wasi:http/types`. */
export function outgoingImports(
  outbound: Outbound,
): { handler: HostImports[string]; types: HostImports[string] } {
  return {
    types: {
      ...OutgoingRequest.imports,
      ...RequestOptions.imports,
      ...IncomingResponse.imports,
      ...FutureResponse.imports,
    },
    handler: {
      handle(request: OutgoingRequest, options: RequestOptions | undefined) {
        const parts = OutgoingRequest.parts(request);
        const url = outbound.rules.check(parts.scheme, parts.authority, parts.path);
        if (url === undefined) {
          outbound.refused(`${parts.scheme}://${parts.authority}`);
          throw new WitError({ tag: "HTTP-request-denied" });
        }
        const future = new FutureResponse();
        void send(outbound, url, parts, RequestOptions.headTimeoutMs(options), future);
        return future;
      },
    },
  };
}

async function send(
  outbound: Outbound,
  url: URL,
  parts: ReturnType<typeof OutgoingRequest.parts>,
  timeoutMs: number,
  future: FutureResponse,
): Promise<void> {
  const controller = FutureResponse.signal(future);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, timeoutMs);
  try {
    const headers = new Headers(parts.headers);
    const bodiless = parts.method === "GET" || parts.method === "HEAD";
    if (parts.body !== undefined && bodiless) OutgoingBody.attach(parts.body, nowhere);
    const body = parts.body === undefined || bodiless ? undefined : readable(parts.body);
    const response = await outbound.fetch(url, {
      method: parts.method,
      headers,
      body,
      // A redirect could lead to a host that is not allowed: the guest sees it and may ask for it itself.
      redirect: "manual",
      signal: controller.signal,
    });
    // The platform has decoded the body already.
    Later.settle<Answer>(future, { tag: "ok", val: new IncomingResponse(decoded(response)) });
  } catch (error) {
    const val = timedOut ? { tag: "HTTP-response-timeout" } : errorCode(error);
    Later.settle<Answer>(future, { tag: "err", val });
  } finally {
    clearTimeout(timer);
  }
}

const nowhere = { chunk() {}, end() {}, abort() {} };

function decoded(response: Response): Response {
  if (!response.headers.has("content-encoding")) return response;
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  const { status, body } = response;
  return new Response(status === 204 || status === 304 ? null : body, { status, headers });
}

function readable(body: OutgoingBody): ReadableStream<Uint8Array> {
  let grant: (bytes: number) => void = () => {};
  let closed = () => {};
  // Bounded by the body's window: room is granted as chunks are taken.
  const lengths: number[] = [];
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const sink = OutgoingBody.attach(body, {
        chunk(bytes) {
          lengths.push(bytes.length);
          controller.enqueue(bytes);
        },
        end: () => controller.close(),
        abort: () => controller.error(new Error("the guest dropped the body before it was finished")),
      });
      grant = (bytes) => sink.grant(bytes);
      closed = () => sink.break("closed");
    },
    pull(controller) {
      // What is still queued has not been taken.
      const queued = 1 - (controller.desiredSize ?? 0);
      while (lengths.length > Math.max(0, queued)) grant(lengths.shift()!);
    },
    cancel: () => closed(),
  }, { highWaterMark: 1 });
}

function errorCode(error: unknown): unknown {
  const text = error instanceof Error
    ? `${error.message} ${(error.cause as Error | undefined)?.message ?? ""}`
    : "";
  if (/dns error|lookup|resolve/i.test(text)) return { tag: "DNS-error", val: {} };
  if (/refused/i.test(text)) return { tag: "connection-refused" };
  if (/certificate|tls|handshake/i.test(text)) return { tag: "TLS-protocol-error" };
  if (/NotCapable|Requires net/i.test(text)) return { tag: "HTTP-request-denied" };
  return { tag: "connection-terminated" };
}
