/** `wasi:http/types`: the request that a guest serves and its response. */
import { WitError } from "../component/mod.ts";
import type { HostImports } from "../component/mod.ts";
import { FutureTrailers, httpErrorCode, IncomingBody, OutgoingBody } from "./bodies.ts";
import type { Incoming } from "./bodies.ts";
import { Fields } from "./fields.ts";
import type { CreditSink } from "./sources.ts";

/** A request to be served. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Incoming | undefined;
}

/** Who gets the response. Calls come in the order head, chunks, end; or `failed` at any time instead of the rest. */
export interface ResponseReceiver {
  head(status: number, headers: [string, string][]): void;
  chunk(bytes: Uint8Array): void;
  end(trailers: [string, string][]): void;
  /** The guest answered with an error code, or broke off its body. */
  failed(why: string): void;
}

const METHODS = new Set(["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"]);
/** `method` of a name. */
export function methodOf(name: string): { tag: string; val?: string } {
  const tag = name.toLowerCase();
  return METHODS.has(tag) ? { tag } : { tag: "other", val: name };
}
/** `scheme` of a name. */
export function schemeOf(name: string): { tag: string; val?: string } {
  const tag = name.toUpperCase();
  return tag === "HTTP" || tag === "HTTPS" ? { tag } : { tag: "other", val: name };
}

/** `incoming-request`. */
export class IncomingRequest {
  readonly #request: ServedRequest;
  #consumed = false;
  /** Wraps a request. */
  constructor(request: ServedRequest) {
    this.#request = request;
  }
  /** The WIT methods. */
  static readonly imports: HostImports[string] = {
    "[method]incoming-request.method": (r: IncomingRequest) => methodOf(r.#request.method),
    "[method]incoming-request.path-with-query": (r: IncomingRequest) => r.#request.path,
    "[method]incoming-request.scheme": (r: IncomingRequest) => schemeOf(r.#request.scheme),
    "[method]incoming-request.authority": (r: IncomingRequest) => r.#request.authority,
    "[method]incoming-request.headers": (r: IncomingRequest) => Fields.ofTexts(r.#request.headers),
    "[method]incoming-request.consume": (r: IncomingRequest) => {
      if (r.#consumed) throw new WitError(undefined);
      r.#consumed = true;
      return new IncomingBody(r.#request.body);
    },
  };
  /** A body that nobody asked for is not wanted. */
  [Symbol.dispose](): void {
    if (!this.#consumed) this.#request.body?.source.close();
  }
}

/** `outgoing-response`. */
export class OutgoingResponse {
  readonly #headers: Fields;
  #status = 200;
  #body: OutgoingBody | undefined;
  /** With the headers that the guest made. */
  constructor(headers: Fields) {
    this.#headers = Fields.frozen(headers);
  }
  /** The WIT methods. */
  static readonly imports: HostImports[string] = {
    "[constructor]outgoing-response": (headers: Fields) => new OutgoingResponse(headers),
    "[method]outgoing-response.status-code": (r: OutgoingResponse) => r.#status,
    "[method]outgoing-response.set-status-code": (r: OutgoingResponse, status: number) => {
      if (!(status >= 200 && status <= 599)) throw new WitError(undefined);
      r.#status = status;
    },
    "[method]outgoing-response.headers": (r: OutgoingResponse) => Fields.frozen(r.#headers),
    "[method]outgoing-response.body": (r: OutgoingResponse) => {
      if (r.#body !== undefined) throw new WitError(undefined);
      return r.#body = new OutgoingBody();
    },
  };
  /** Sends it. Returns the sink of its body, to grant room with; `undefined` without a body. */
  static send(r: OutgoingResponse, to: ResponseReceiver): CreditSink | undefined {
    to.head(r.#status, Fields.texts(r.#headers));
    if (r.#body === undefined) {
      to.end([]);
      return undefined;
    }
    return OutgoingBody.attach(r.#body, {
      chunk: to.chunk.bind(to),
      end: (trailers) => to.end(trailers === undefined ? [] : Fields.texts(trailers)),
      abort: () => to.failed("the response's body was dropped before it was finished"),
    });
  }
}

/** `response-outparam`: where the response goes. */
export class ResponseOutparam {
  readonly #receiver: ResponseReceiver;
  #sink: CreditSink | undefined;
  #set = false;
  /** To `receiver`. */
  constructor(receiver: ResponseReceiver) {
    this.#receiver = receiver;
  }
  /** Whether the guest has answered. */
  static isSet(out: ResponseOutparam): boolean {
    return out.#set;
  }
  /** Room for more of the body. */
  static grant(out: ResponseOutparam, bytes: number): void {
    out.#sink?.grant(bytes);
  }
  /** Nobody takes the body any more. */
  static closed(out: ResponseOutparam): void {
    out.#sink?.break("closed");
  }
  /** The WIT methods. */
  static readonly imports: HostImports[string] = {
    "[static]response-outparam.set": (
      out: ResponseOutparam,
      answer: { tag: "ok"; val: OutgoingResponse } | { tag: "err"; val: { tag: string } },
    ) => {
      out.#set = true;
      if (answer.tag === "ok") out.#sink = OutgoingResponse.send(answer.val, out.#receiver);
      else out.#receiver.failed(`the guest answered with error ${answer.val.tag}`);
    },
    "[method]response-outparam.send-informational": () => {
      throw new WitError({ tag: "HTTP-protocol-error" });
    },
  };
}

/** The rest of `wasi:http/types` that serving needs. */
export const incomingImports: HostImports[string] = {
  "[constructor]fields": () => new Fields(),
  "[static]fields.from-list": Fields.fromList,
  "[method]fields.get": Fields.get,
  "[method]fields.has": (fields: Fields, name: string) => Fields.get(fields, name).length > 0,
  "[method]fields.set": Fields.set,
  "[method]fields.delete": Fields.delete,
  "[method]fields.append": Fields.append,
  "[method]fields.entries": Fields.entries,
  "[method]fields.clone": Fields.clone,
  ...IncomingRequest.imports,
  ...OutgoingResponse.imports,
  ...ResponseOutparam.imports,
  "[method]incoming-body.stream": IncomingBody.stream,
  "[static]incoming-body.finish": IncomingBody.finish,
  "[method]future-trailers.subscribe": FutureTrailers.subscribe,
  "[method]future-trailers.get": FutureTrailers.get,
  "[method]outgoing-body.write": OutgoingBody.write,
  "[static]outgoing-body.finish": OutgoingBody.finish,
  "http-error-code": httpErrorCode,
};
