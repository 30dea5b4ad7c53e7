/**
 * Requests and upgrades to a TCP server on this machine. `node:http` is used because `fetch` decodes compressed
 * bodies while it keeps their `Content-Encoding`, replaces `Host`, and has no upgrades.
 */
import type * as http from "node:http";
import type { Duplex as NodeDuplex } from "node:stream";
import { Readable, Writable } from "node:stream";
import { RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import type { ConnectTarget } from "./routes.ts";
import { AttemptError, type Duplex, type Exchange, notSent, type UpgradeAnswer } from "./exchange.ts";
import { type Fields, isIdempotent, returnedFields } from "./forwarding.ts";

type WebReadable = ReadableStream<Uint8Array<ArrayBuffer>>;

/** What requests are made with. */
interface NodeHttp {
  readonly request: typeof http.request;
  /** Kept connections are used for idempotent requests only: whether a broken one had carried a POST is not knowable. */
  readonly keptAlive: http.Agent;
}

let loaded: Promise<NodeHttp> | undefined;
/** Loaded for the first request: an agent starts some 8 ms sooner without. */
const nodeHttp = (): Promise<NodeHttp> =>
  loaded ??= import("node:http").then(({ Agent, request }) => ({
    request,
    keptAlive: new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 30_000 }),
  }));

function pairs(raw: readonly string[]): [string, string][] {
  const out: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) out.push([raw[i], raw[i + 1]]);
  return out;
}

function nodeHeaders(fields: Fields): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const before = out[name];
    out[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return out;
}

const NO_BODY = new Set([204, 205, 304]);

function responseOf(method: string, message: http.IncomingMessage): Response {
  const status = message.statusCode ?? 502;
  const bodiless = method === "HEAD" || NO_BODY.has(status);
  if (bodiless) message.resume();
  const body = bodiless ? null : Readable.toWeb(message) as unknown as WebReadable;
  return new Response(body, { status, headers: returnedFields(pairs(message.rawHeaders)) });
}

async function sendBody(request: http.ClientRequest, exchange: Exchange): Promise<void> {
  const { body } = exchange;
  if (!body) return void request.end();
  if (body.bytes) return void request.end(body.bytes);
  const reader = body.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return void request.end();
      if (!request.write(value)) await new Promise<void>((r) => request.once("drain", r).once("close", r));
      if (request.destroyed) return;
    }
  } catch (error) {
    request.destroy(error as Error);
  } finally {
    reader.cancel().catch(() => {});
  }
}

function start(
  { request, keptAlive }: NodeHttp,
  target: ConnectTarget,
  exchange: Exchange,
  upgrade: boolean,
): http.ClientRequest {
  const { search } = new URL(exchange.url);
  const headers = nodeHeaders(exchange.fields);
  if (upgrade) {
    headers.connection = "Upgrade";
    headers.upgrade = exchange.upgrade!;
  } else if (exchange.body?.bytes) headers["content-length"] = String(exchange.body.bytes.length);
  return request({
    hostname: target.hostname,
    port: target.port,
    method: exchange.method,
    path: exchange.path + search,
    headers,
    agent: !upgrade && isIdempotent(exchange.method) && !exchange.body ? keptAlive : undefined,
    setHost: false,
  });
}

/** Settles with the first of: response, upgrade, error, abort, time-out. */
function firstAnswer(
  request: http.ClientRequest,
  exchange: Exchange,
): Promise<{ message: http.IncomingMessage; socket?: NodeDuplex; head?: Uint8Array }> {
  return new Promise((resolve, reject) => {
    let connected = false;
    const abort = () => request.destroy(new Error("ended"));
    const late = setTimeout(() => {
      reject(
        new AttemptError(
          new RealmError("timed_out", "The service did not answer in time; see its log."),
          true,
        ),
      );
      request.destroy();
    }, gatewayLimits.headMs);
    exchange.signal.addEventListener("abort", abort, { once: true });
    if (exchange.signal.aborted) abort();
    const settled = () => clearTimeout(late);
    request.once(
      "socket",
      (s) => s.connecting ? s.once("connect", () => connected = true) : connected = true,
    );
    request.once("response", (message) => {
      settled();
      resolve({ message });
    });
    request.once("upgrade", (message, socket, head) => {
      settled();
      resolve({ message, socket, head });
    });
    request.on("error", (cause) => {
      settled();
      const error = connected
        ? new RealmError("unavailable", "The service closed the connection before it answered.", { cause })
        : notSent("The service does not accept connections.", cause);
      reject(new AttemptError(error, connected));
    });
  });
}

/** Sends a request and gives the response with its head; the body streams. Rejects with {@link AttemptError}. */
export async function fetchFromTarget(target: ConnectTarget, exchange: Exchange): Promise<Response> {
  const request = start(await nodeHttp(), target, exchange, false);
  const answer = firstAnswer(request, exchange);
  sendBody(request, exchange);
  return responseOf(exchange.method, (await answer).message);
}

function duplexOf(socket: NodeDuplex, head: Uint8Array): Duplex {
  if (head.length > 0) socket.unshift(head);
  socket.on("error", () => {});
  return {
    readable: Readable.toWeb(socket as unknown as Readable) as unknown as WebReadable,
    writable: Writable.toWeb(socket as unknown as Writable) as WritableStream<Uint8Array>,
    close: () => void socket.destroy(),
  };
}

/** Asks for an upgrade. Rejects with {@link AttemptError}. */
export async function upgradeAtTarget(target: ConnectTarget, exchange: Exchange): Promise<UpgradeAnswer> {
  const request = start(await nodeHttp(), target, exchange, true);
  const answer = firstAnswer(request, exchange);
  request.end();
  const { message, socket, head } = await answer;
  if (!socket) return { kind: "response", response: responseOf(exchange.method, message) };
  const fields = returnedFields(pairs(message.rawHeaders));
  return { kind: "switched", fields, duplex: duplexOf(socket, head ?? new Uint8Array(0)) };
}
