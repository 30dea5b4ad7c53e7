/** The way of one request through the gateway, from the checked address to the metered answer. */
import type { Clock, Log, PeerStreams } from "../ports.ts";
import { httpStatusOf, RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { prefixOf, type ReplicaTarget, type Route } from "./routes.ts";
import type { StaticFiles } from "./static_files.ts";
import type { AccessLog } from "./access_log.ts";
import type { AppCounters, ErrorClass } from "./metrics.ts";
import type { Attempts, Outcome } from "./attempts.ts";
import { answerOf, AttemptError, type Exchange, type RequestBody, type UpgradeAnswer } from "./exchange.ts";
import { type Fields, forwardedFields, isIdempotent, returnedFields, type Target } from "./forwarding.ts";
import { answerLocally, upgradeLocally } from "./local_replica.ts";
import { fetchFromPeer, upgradeAtPeer } from "./peer_exchange.ts";
import { splice } from "./framed_duplex.ts";
import { problem } from "./problems.ts";
import { afterUpload, bodyFields, prime } from "./prime.ts";
import { canTakeOver, takeOver } from "./raw_upgrade.ts";
import { type IncomingBody, metered, takeBody } from "./request_body.ts";

/** What all requests share. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly streams: PeerStreams;
  readonly files: StaticFiles;
  readonly attempts: Attempts;
  readonly access: AccessLog;
  /** The route in the present table. */
  route(host: string, path: string): Route | undefined;
  /** Registers an upgraded connection, so that closing the gateway ends it; returns its removal. */
  tunnel(close: () => void): () => void;
}

/** One request, checked. */
export interface Arrival {
  readonly request: Request;
  readonly target: Target;
  readonly route: Route;
  readonly counters: AppCounters;
  readonly client: string;
  readonly trusted: boolean;
  readonly proto: "http" | "https";
  readonly upgrade: string | undefined;
}

const CLASS_OF: Readonly<Record<number, ErrorClass>> = { 503: "unavailable", 504: "timed_out" };

/** Counts and logs a request that ended. */
class Account {
  readonly #arrival: Arrival;
  readonly #around: Surroundings;
  readonly #startedAt: number;
  readonly #start: number;
  #closed = false;
  bytes = 0;
  replica: ReplicaTarget | undefined;
  status = 0;

  constructor(arrival: Arrival, around: Surroundings) {
    this.#arrival = arrival;
    this.#around = around;
    this.#startedAt = around.clock.now();
    this.#start = around.clock.monotonic();
    arrival.counters.requests++;
    arrival.counters.inFlight++;
  }

  close(failure?: ErrorClass): void {
    if (this.#closed) return;
    this.#closed = true;
    const { counters, request, target, route, client } = this.#arrival;
    const ms = this.#around.clock.monotonic() - this.#start;
    counters.inFlight--;
    counters.bytesOut += this.bytes;
    counters.took(ms);
    const bad = failure ?? (this.status >= 500 ? "app" : this.status >= 400 ? "client" : undefined);
    if (bad) counters.errors[bad]++;
    if (bad === undefined && !this.#around.access.sampled()) return;
    this.#around.access.add({
      at: this.#startedAt,
      app: route.app,
      client,
      method: request.method,
      host: target.host,
      path: target.path,
      status: this.status,
      ms,
      bytes: this.bytes,
      ...(this.replica && { replica: this.replica.id, revision: this.replica.revision }),
    });
  }
}

/** Answers one request. Never rejects. */
export async function answer(arrival: Arrival, around: Surroundings): Promise<Response> {
  const account = new Account(arrival, around);
  try {
    if (arrival.counters.inFlight > gatewayLimits.inFlightPerApp) {
      throw new RealmError("unavailable", "This app has too many requests in work; try again shortly.");
    }
    if (arrival.upgrade !== undefined) return await upgrade(arrival, arrival.upgrade, around, account);
    return await pass(arrival, around, account);
  } catch (error) {
    return failed(error, arrival, around, account);
  }
}

function failed(error: unknown, arrival: Arrival, around: Surroundings, account: Account): Response {
  const { request, route } = arrival;
  if (request.signal.aborted && !(error instanceof RealmError)) {
    account.status = 499;
    account.close("aborted");
    return new Response(null, { status: 499 });
  }
  const known = error instanceof RealmError
    ? error
    : new RealmError("failed", "The request failed.", { cause: error });
  const wanted = (known.detail as { status?: number } | undefined)?.status;
  const status = wanted ??
    (known.code === "failed" || known.code === "internal" ? 502 : httpStatusOf(known.code));
  account.status = status;
  account.close(CLASS_OF[status] ?? (status < 500 ? "client" : "failed"));
  if (status >= 500) around.log.warn("a request failed", { app: route.app, status, why: known.message });
  return problem(status, known.message, status === 503 ? { "retry-after": "1" } : {});
}

function exchangeOf(
  arrival: Arrival,
  fields: Fields,
  body: RequestBody | undefined,
): Omit<Exchange, "signal"> {
  const { request, target, route, proto, upgrade } = arrival;
  return {
    app: route.app,
    method: request.method,
    url: `${proto}://${target.authority}${target.path}${target.search}`,
    path: target.path,
    prefix: prefixOf(route),
    fields,
    body,
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}

function fieldsOf(arrival: Arrival): Fields {
  const { request, client, trusted, proto, target, route } = arrival;
  const fields = forwardedFields(request.headers, {
    address: client,
    proto,
    trusted,
    host: target.authority,
    prefix: prefixOf(route),
  });
  if (!fields) {
    const limit = gatewayLimits.headerBytes;
    const why = `The header fields of the request exceed ${limit} bytes; clear the site's cookies.`;
    throw new RealmError("too_large", why, { detail: { status: 431 } });
  }
  return fields;
}

const BODILESS = new Set([204, 205, 304]);

async function pass(arrival: Arrival, around: Surroundings, account: Account): Promise<Response> {
  const { request, target, route, counters } = arrival;
  const body = await takeBody(
    request,
    route.maxBodyBytes ?? gatewayLimits.bodyBytes,
    (n) => counters.bytesIn += n,
  );
  const base = exchangeOf(arrival, fieldsOf(arrival), body);
  const repeatable = isIdempotent(request.method) && (!body || body.bytes !== undefined);
  const outcome = await around.attempts.run({
    counters,
    route: () => around.route(target.host, target.path),
    upgrade: false,
    repeatable,
    bodyLeft: () => !body || !body.touched,
    signal: request.signal,
    attempt: (replica, signal) =>
      attempt(replica, { ...base, signal }, around, repeatable).catch((error) => {
        throw body?.refused ? new AttemptError(body.refused, true) : error;
      }),
  });
  return deliver(body ? await whenUploaded(outcome, body) : outcome, request, account);
}

/** See {@link afterUpload}. */
async function whenUploaded(outcome: Outcome<Answered>, body: IncomingBody): Promise<Outcome<Answered>> {
  const { status, fields, stream } = outcome.value;
  if (!stream || body.bytes) return outcome;
  try {
    const primed = await afterUpload(stream, bodyFields(fields), body.over());
    return { ...outcome, value: { status, fields, whole: undefined, stream: undefined, ...primed } };
  } catch (error) {
    outcome.done();
    throw body.refused ?? error;
  }
}

interface Answered {
  readonly status: number;
  /** For the client. */
  readonly fields: readonly [string, string][];
  readonly whole: Uint8Array<ArrayBuffer> | undefined;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
}

async function attempt(
  replica: ReplicaTarget,
  exchange: Exchange,
  around: Surroundings,
  repeatable: boolean,
): Promise<Answered> {
  const answer = replica.local
    ? await answerLocally(replica.local, exchange, around.files)
    : answerOf(await fetchFromPeer(around.streams, replica.node, replica.id, exchange));
  const { status, body } = answer;
  const fields = returnedFields(answer.fields);
  if (body === undefined) return { status, fields, whole: undefined, stream: undefined };
  if (exchange.method === "HEAD" || BODILESS.has(status)) {
    if (body instanceof ReadableStream) body.cancel().catch(() => {});
    return { status, fields, whole: undefined, stream: undefined };
  }
  try {
    const about = bodyFields(fields);
    if (body instanceof Uint8Array) {
      if (Number(about.length ?? 0) > body.length) throw new TypeError("the response was cut");
      return { status, fields, whole: body, stream: undefined };
    }
    if (!repeatable) return { status, fields, whole: undefined, stream: body };
    return { status, fields, whole: undefined, stream: undefined, ...await prime(body, about) };
  } catch (cause) {
    const error = new RealmError("unavailable", "The app's response was cut before it was complete.", {
      cause,
    });
    throw new AttemptError(error, true);
  }
}

function deliver(outcome: Outcome<Answered>, request: Request, account: Account): Response {
  const { status, fields, whole, stream } = outcome.value;
  account.status = status;
  account.replica = outcome.replica;
  if (stream) {
    const body = metered(stream, (n) => account.bytes += n, (how) => {
      outcome.done();
      account.close(how === "done" ? undefined : how === "cut" && request.signal.aborted ? "aborted" : how);
    }, outcome.signal);
    return new Response(body, { status, headers: fields });
  }
  outcome.done();
  const kept = request.method === "HEAD" ? fields : fields.filter(([name]) => name !== "content-length");
  const response = new Response(whole ?? null, { status, headers: kept });
  account.bytes = whole?.length ?? 0;
  account.close();
  return response;
}

async function upgrade(
  arrival: Arrival,
  protocol: string,
  around: Surroundings,
  account: Account,
): Promise<Response> {
  const { request, target, counters } = arrival;
  if (!canTakeOver()) throw new RealmError("bad_request", "This build cannot upgrade connections.");
  if (counters.tunnels >= gatewayLimits.tunnelsPerApp) {
    throw new RealmError("unavailable", "This app has too many upgraded connections; try again later.");
  }
  const base = exchangeOf(arrival, fieldsOf(arrival), undefined);
  const outcome = await around.attempts.run<UpgradeAnswer>({
    counters,
    route: () => around.route(target.host, target.path),
    upgrade: true,
    repeatable: true,
    bodyLeft: () => true,
    signal: request.signal,
    attempt: (replica, signal) =>
      replica.local
        ? upgradeLocally(replica.local, { ...base, signal })
        : upgradeAtPeer(around.streams, replica.node, replica.id, { ...base, signal }),
  });
  const { value } = outcome;
  if (value.kind === "response") {
    const { response } = value;
    const answered = {
      status: response.status,
      fields: returnedFields(response.headers),
      whole: undefined,
      stream: response.body ?? undefined,
    };
    return deliver({ ...outcome, value: answered }, request, account);
  }
  account.replica = outcome.replica;
  account.status = 101;
  const taken = takeOver(request);
  counters.tunnels++;
  const switched = taken.switched(protocol, value.fields);
  const forget = around.tunnel(() => {
    value.duplex.close();
    switched.then((client) => client.close(), () => {});
  });
  switched.then((client) => splice(client, value.duplex), () => value.duplex.close()).finally(() => {
    forget();
    counters.tunnels--;
    outcome.done();
    account.close();
  });
  return taken.response;
}
