/** The HTTP API: routes made from the capability table, with every check in front of the answers. */
import { type Context, Hono } from "hono";
import type * as v from "valibot";
import {
  apiLimits,
  nodeEnding,
  queries,
  type Query,
  type QueryName,
  RealmError,
  type Role,
  roleCovers,
  unwrap,
} from "../protocol/mod.ts";
import { plainAddress } from "../gateway/mod.ts";
import type { AgentService } from "../node/mod.ts";
import { type Answer, createAnswers, type Special } from "./answers.ts";
import { checked, readJson } from "./body.ts";
import { serveSocket, socketToken, wantsSocket } from "./event_socket.ts";
import { guard, type GuardOptions, securityHeaders } from "./guard.ts";
import { lineStream, ndjson, sse } from "./line_stream.ts";
import { isOwnAddress } from "./own_address.ts";
import { problemResponse } from "./problem.ts";
import { createRateTable } from "./rate.ts";
import { createSessionTable } from "./session_table.ts";

/** How the API is served. */
export interface ApiOptions extends GuardOptions {
  /** Answers of paths outside `/api`: the dashboard's assets. */
  readonly assets?: (request: Request) => Response | undefined | Promise<Response | undefined>;
  /** Told of failures that are not the client's. */
  readonly onFailure?: (error: unknown) => void;
  /** Aborted when the node ends: what has no answer yet is refused. */
  readonly ending?: AbortSignal;
  /** Bounds to change in tests. */
  readonly bounds?: Partial<Record<keyof typeof apiLimits, number>>;
}

/** What the server tells with each request. */
interface Env {
  Bindings: Partial<Deno.ServeHandlerInfo<Deno.NetAddr>>;
}
/** The app of the API. */
export type Api = Hono<Env>;

const bearer = (request: Request): string | undefined => {
  const match = /^Bearer ([A-Za-z0-9_-]{20,128})$/i.exec(request.headers.get("authorization") ?? "");
  return match?.[1] ?? (wantsSocket(request) ? socketToken(request) : undefined);
};

/** Honours `Last-Event-ID`, by which a browser resumes an event stream. */
function rawParams(url: URL, request: Request, query: Query): Record<string, string> {
  const raw: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(raw, name)) throw new RealmError("bad_request", `the parameter ${name} is given twice`);
    Object.defineProperty(raw, name, { value, enumerable: true, configurable: true, writable: true });
  }
  const last = request.headers.get("last-event-id");
  if (query === queries["events.follow"] && last !== null && raw.after === undefined) raw.after = last;
  return raw;
}

function clientOf(c: Context<Env>): string | undefined {
  const remote = c.env?.remoteAddr?.hostname;
  return remote === undefined ? undefined : plainAddress(remote);
}

const catchingUp = (cause: RealmError) =>
  new RealmError(
    "catching_up",
    "this node has just started and still hears from the others what it missed; as far as it knows, " +
      `${cause.message.split(";")[0]}; ask again in a moment`,
    { cause },
  );

/** Makes the API of an agent; `serveApi` puts it on a port. */
export function createApi(agent: AgentService, options: ApiOptions = {}): Api {
  const bounds = { ...apiLimits, ...options.bounds } as Record<keyof typeof apiLimits, number>;
  const sessions = createSessionTable(agent, bounds);
  const answers = createAnswers(agent, sessions);
  const rate = createRateTable(bounds.requestsPerSecond, bounds.requestBurst, bounds.rateAddresses);
  const sessionRate = createRateTable(bounds.sessionsPerSecond, bounds.sessionBurst, bounds.rateAddresses);
  /** Who gets no more than that it failed is told that the node's log says why. */
  const tell = (error: unknown) => {
    if (!(error instanceof RealmError)) options.onFailure?.(error);
  };
  const ending = options.ending ?? new AbortController().signal;
  let streams = 0;
  const app: Api = new Hono<Env>();

  const authorise = (request: Request, needed: Role | undefined): void => {
    if (needed === undefined) return;
    const token = bearer(request);
    if (token === undefined) {
      throw new RealmError("unauthenticated", "this needs a session: sign the challenge of GET /api/session");
    }
    const session = unwrap(sessions.find(token));
    if (!roleCovers(session.role, needed)) {
      throw new RealmError("role_too_low", `this needs the role ${needed}, the session has ${session.role}`);
    }
  };

  const openStream = (stop: AbortController): () => void => {
    if (streams >= bounds.streams) {
      throw new RealmError(
        "limit_reached",
        `this node already serves ${bounds.streams} streams; try again later`,
      );
    }
    streams++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      streams--;
      stop.abort();
    };
  };

  const stream = async (query: Query, answer: Answer, call: Parameters<Answer>[0], stop: AbortController) => {
    const close = openStream(stop);
    try {
      const special = await answer(call) as Special;
      if (!("lines" in special)) {
        close();
        throw new Error("this is no stream of lines");
      }
      const lines = noting(special.lines, tell);
      if (wantsSocket(call.request) && query === queries["events.follow"]) {
        return serveSocket(call.request, lines, close);
      }
      const format = call.request.headers.get("accept")?.includes("text/event-stream") ? sse : ndjson;
      return new Response(lineStream(lines, format, close, bounds.heartbeatMs), {
        headers: {
          "content-type": format.contentType,
          "cache-control": "no-store, no-transform",
          "x-accel-buffering": "no",
        },
      });
    } catch (error) {
      close();
      throw error;
    }
  };

  const bytes = async (answer: Answer, call: Parameters<Answer>[0]) => {
    const special = await unlessEnding(answer(call), undefined, ending) as Special;
    if (!("bytes" in special)) throw new Error("these are no bytes");
    return new Response(special.bytes, {
      headers: {
        "content-type": "application/octet-stream",
        "content-disposition": `attachment; filename="${special.name}"`,
        "cache-control": "private, immutable, max-age=31536000",
        "content-security-policy": "sandbox; default-src 'none'",
        ...(special.size !== undefined && { "content-length": String(special.size) }),
      },
    });
  };

  const plain = async (answer: Answer, call: Parameters<Answer>[0]) => {
    const special = await unlessEnding(answer(call), bounds.queryMs, ending) as Special;
    if (!("text" in special)) throw new Error("this is no text");
    return new Response(special.text, {
      headers: { "content-type": `${special.contentType}; charset=utf-8`, "cache-control": "no-store" },
    });
  };

  const json = async (name: QueryName, answer: Answer, call: Parameters<Answer>[0]) => {
    const uploads = name === "upload.put" || name === "upgrade.upload";
    const value = await unlessEnding(answer(call), uploads ? undefined : bounds.queryMs, ending);
    return new Response(JSON.stringify(value), {
      status: name === "command.submit" || name === "upgrade.upload" ? 202 : 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
  };

  /** What a node does not find may be there all the same while it catches up. */
  const certain = async (answering: Promise<Response>): Promise<Response> => {
    try {
      return await answering;
    } catch (error) {
      const unsure = error instanceof RealmError && error.code === "not_found" && agent.catchingUp();
      throw unsure ? catchingUp(error) : error;
    }
  };

  const handle = async (name: QueryName, c: Context<Env>): Promise<Response> => {
    const query: Query = queries[name], request = c.req.raw;
    const peer = clientOf(c);
    const address = peer ?? "local";
    const slow = name === "session.open" && !sessionRate.take(address, agent.now());
    if (slow || !rate.take(address, agent.now())) {
      throw new RealmError("rate_limited", "too many requests from this address; wait a moment");
    }
    authorise(request, query.role);
    const url = new URL(request.url);
    const params = query.params &&
      checked(query.params as v.GenericSchema, rawParams(url, request, query), "a parameter");
    const body = query.body &&
      await readJson(request, query.body, query.bodyBytes ?? bounds.jsonBodyBytes, bounds.bodyReadMs);
    const stop = new AbortController();
    const gone = () => stop.abort(new RealmError("timed_out", "who asked is gone"));
    if (query.answer === "bytes") request.signal.addEventListener("abort", gone, { once: true });
    const call = {
      path: c.req.param() as Record<string, string>,
      params,
      body,
      request,
      isOwnAddress: (origin: string) => isOwnAddress(origin, peer, options.hosts ?? []),
      signal: stop.signal,
    };
    const answer = answers[name];
    if (query.answer === "lines") return await stream(query, answer, call, stop);
    try {
      if (query.answer === "text") return await plain(answer, call);
      if (query.answer === "bytes") return await bytes(answer, call);
      return await json(name, answer, call);
    } catch (error) {
      stop.abort();
      throw error;
    }
  };

  app.use("*", async (c, next) => {
    // Who asks these proves itself, or is told what everybody may know; pages of other sites show badges.
    const open = agent.forge(c.req.raw, clientOf(c) ?? "local");
    if (open) c.res = await open;
    else {
      guard(c.req.raw, options);
      await next();
    }
    if (c.res.status === 101) return;
    for (const [name, value] of Object.entries(securityHeaders)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  });
  for (const name of Object.keys(queries) as QueryName[]) {
    const { method, path } = queries[name];
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) => certain(handle(name, c)));
  }
  for (const path of new Set(Object.values(queries).map((q) => q.path))) {
    app.all(path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) => {
      throw new RealmError(
        "method_not_allowed",
        `${c.req.method} is not possible here; see /api/openapi.json`,
      );
    });
  }
  app.notFound(async (c) => {
    const asset = c.req.path.startsWith("/api") ? undefined : await options.assets?.(c.req.raw);
    if (asset) return asset;
    return problemResponse(
      new RealmError("not_found", "there is nothing at this address; see /api/openapi.json"),
    );
  });
  app.onError((error) => {
    tell(error);
    const response = problemResponse(error);
    for (const [name, value] of Object.entries(securityHeaders)) response.headers.set(name, value);
    return response;
  });
  return app;
}

/** The same values; told of what ends them in their middle. */
async function* noting<T>(values: AsyncIterable<T>, onFailure: (error: unknown) => void): AsyncGenerator<T> {
  try {
    yield* values;
  } catch (error) {
    onFailure(error);
    throw error;
  }
}

/** `timed_out` when `work` takes longer than `ms`; `unavailable` when the node ends meanwhile. */
async function unlessEnding<T>(
  work: T | Promise<T>,
  ms: number | undefined,
  ending: AbortSignal,
): Promise<T> {
  const given = Promise.withResolvers<never>();
  const late = () => given.reject(new RealmError("timed_out", "the node did not answer in time; try again"));
  const over = () => given.reject(nodeEnding());
  const timer = ms === undefined ? undefined : setTimeout(late, ms);
  ending.addEventListener("abort", over);
  try {
    if (ending.aborted) over();
    return await Promise.race([work, given.promise]);
  } finally {
    clearTimeout(timer);
    ending.removeEventListener("abort", over);
  }
}
