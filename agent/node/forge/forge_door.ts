/**
 * What is asked of any node without a session: pushes that forges tell (`POST /hooks/<job>`), and badges of jobs that
 * wish them (`GET /badge/<job>.svg`). Who tells a push proves that it knows the job's secret; whoever does not learns
 * nothing, not even which jobs there are.
 */
import {
  type AuditEntry,
  type Core,
  isPaused,
  type Push,
  type Schedule,
  standingSchedules,
} from "../../core/mod.ts";
import { readBody } from "../../gateway/mod.ts";
import { createRateLimit, type RateLimit } from "../../mesh/mod.ts";
import type { Clock, Log } from "../../ports.ts";
import { countsBranch, type Digest, forgeLimits, httpStatusOf, RealmError } from "../../protocol/mod.ts";
import { badgeState, badgeSvg } from "./badge.ts";
import { type Delivery, deliveryId, isOf, readDelivery } from "./delivery.ts";
import { isSigned, isSignedBy } from "./signature.ts";

/** What the door needs of its agent. */
export interface ForgeDoorOptions {
  readonly core: Core;
  readonly clock: Clock;
  readonly log: Log;
  /** Throws `RealmError` when this node may not. */
  openSecret(name: string, jobs: readonly string[], what: string): Uint8Array;
  pushed(schedule: Digest, push: Push): void;
  audit(entry: AuditEntry): void;
}

const HOOK = /^\/hooks\/([^/]*)$/, BADGE = /^\/badge\/([^/]*)\.svg$/;

/** A picture for pages of any site, which runs nothing and is asked for anew each time. */
const PICTURE = {
  "content-type": "image/svg+xml; charset=utf-8",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
  "cache-control": "no-cache, max-age=0",
};

/** See the module's text. */
export class ForgeDoor {
  readonly #options: ForgeDoorOptions;
  readonly #rate: RateLimit;
  /** Deliveries that were taken, the oldest first. */
  readonly #taken = new Set<string>();
  #reading = 0;
  #loggedAt = -Infinity;

  constructor(options: ForgeDoorOptions) {
    this.#options = options;
    this.#rate = createRateLimit(options.clock, {
      perSecond: forgeLimits.requestsPerSecond,
      burst: forgeLimits.requestBurst,
      keys: forgeLimits.rateAddresses,
    });
  }

  /** Answers a request, or rejects with a `RealmError`; `undefined`: it is for somebody else. */
  answer(request: Request, client: string): Promise<Response> | undefined {
    const { pathname, searchParams } = new URL(request.url);
    const hook = HOOK.exec(pathname);
    if (hook) return this.#hook(request, hook[1], client);
    const badge = BADGE.exec(pathname);
    return badge
      ? this.#badge(request, badge[1], searchParams.get("branch") ?? undefined, client)
      : undefined;
  }

  // deno-lint-ignore require-await -- a refusal is a rejection
  async #badge(
    { method }: Request,
    job: string,
    branch: string | undefined,
    client: string,
  ): Promise<Response> {
    this.#count(client);
    if (method !== "GET" && method !== "HEAD") {
      throw new RealmError("method_not_allowed", "a badge is read by GET");
    }
    const { jobs } = this.#options.core;
    const [schedule] = standingSchedules(jobs.schedules).filter((s) =>
      s.trigger?.badge && s.runs.some((r) => r.job === job)
    );
    if (!schedule) throw new RealmError("not_found", "there is no such badge; see `badge` in [trigger]");
    const svg = badgeSvg(job, badgeState(jobs, schedule, job, branch));
    return new Response(method === "HEAD" ? null : svg, { headers: PICTURE });
  }

  #count(client: string): void {
    if (this.#rate.take(client)) return;
    throw new RealmError("rate_limited", "too many requests from this address; wait a moment");
  }

  async #hook(request: Request, job: string, client: string): Promise<Response> {
    this.#count(client);
    if (request.method !== "POST") {
      throw new RealmError(
        "method_not_allowed",
        "a forge tells pushes here by POST; see the keys of [trigger]",
      );
    }
    if (!isSigned(request.headers)) throw this.#refuse(job, client);
    if (this.#reading >= forgeLimits.deliveriesAtOnce) {
      throw new RealmError("unavailable", "this node reads as many deliveries as it may; send it again");
    }
    this.#reading++;
    let body: Uint8Array;
    try {
      body = await readBody(request, forgeLimits.deliveryBytes, forgeLimits.deliveryMs);
    } finally {
      this.#reading--;
    }
    const meant = this.#meant(job, request.headers, body);
    if (meant.length === 0) throw this.#refuse(job, client);
    const delivery = readDelivery(request.headers, body);
    if (!delivery) {
      throw new RealmError("bad_request", "the delivery is signed and cannot be read: send pushes as JSON");
    }
    return Response.json(
      { job, event: delivery.event, ...this.#take(job, meant, delivery, deliveryId(request.headers)) },
      { status: 202, headers: { "cache-control": "no-store" } },
    );
  }

  /** Schedules of a job whose secret the sender knows. */
  #meant(job: string, headers: Headers, body: Uint8Array): readonly Schedule[] {
    const { core, openSecret } = this.#options;
    // Of a job that is not there as much is done as of one that is.
    const all = standingSchedules(core.jobs.schedules).filter((s) =>
      s.trigger?.webhook !== undefined && s.runs.some((r) => r.job === job)
    );
    if (all.length === 0) isSignedBy(headers, body, new Uint8Array(32));
    return all.filter((s) => {
      const names = [...new Set(s.runs.map((r) => r.job))];
      let secret: Uint8Array;
      try {
        secret = openSecret(s.trigger!.webhook!, names, `webhooks of ${s.name}`);
      } catch (error) {
        if (error instanceof RealmError) return false;
        throw error;
      }
      const known = isSignedBy(headers, body, withoutLineEnd(secret));
      secret.fill(0);
      return known;
    });
  }

  #take(
    job: string,
    meant: readonly Schedule[],
    delivery: Delivery,
    id: string | undefined,
  ): { readonly taken: boolean; readonly why?: string; readonly branch?: string; readonly commit?: string } {
    if (delivery.event !== "push") {
      return { taken: false, ...(delivery.event === "other" && { why: delivery.why }) };
    }
    const { branch, commit, before, urls } = delivery;
    const { core, pushed, audit } = this.#options;
    const told = { branch, commit };
    if (!meant.some((s) => countsBranch(s.trigger!, branch))) {
      return { taken: false, why: "the branch does not count", ...told };
    }
    const awake = meant.filter((s) => !isPaused(core.jobs.schedules, s));
    if (awake.length === 0) return { taken: false, why: "the trigger rests", ...told };
    const name = `${job} ${id} ${branch} ${commit}`;
    if (id !== undefined && this.#taken.has(name)) {
      return { taken: false, why: "it was told before", ...told };
    }
    this.#taken.add(name);
    if (this.#taken.size > forgeLimits.deliveriesKnown) {
      this.#taken.delete(this.#taken.values().next().value!);
    }
    audit({
      actor: core.config.self,
      action: "hook.push",
      target: job,
      result: "accepted",
      detail: `${branch} at ${commit}`,
    });
    for (const { id: schedule, trigger } of awake) {
      pushed(schedule, {
        ...told,
        ...(before === undefined ? {} : { before }),
        ...(isOf(trigger!.url, urls) ? {} : { elsewhere: true }),
      });
    }
    return { taken: true, ...told };
  }

  /** The one refusal, whatever is wrong; the node's log tells a little more, now and then. */
  #refuse(job: string, client: string): RealmError {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    if (now - this.#loggedAt >= forgeLimits.refusalLogMs) {
      this.#loggedAt = now;
      log.warn("a delivery of a forge was refused: its job, its signature or this node's secret is wrong", {
        job: job.slice(0, 64),
        client,
      });
    }
    return new RealmError("not_authorised", "this node takes no such delivery");
  }
}

/** A secret that was set from a file mostly ends with a line; one that was pasted into a form does not. */
function withoutLineEnd(secret: Uint8Array): Uint8Array {
  let end = secret.length;
  while (end > 0 && (secret[end - 1] === 10 || secret[end - 1] === 13)) end--;
  return secret.subarray(0, end);
}

/** A failure for who asks the gateway. */
export function plainProblem(error: unknown, log: Log): Response {
  if (!(error instanceof RealmError)) log.error("a request of a forge failed", { why: String(error) });
  const known = error instanceof RealmError ? error : new RealmError("internal", "the node failed to answer");
  return new Response(`${known.message}\n`, {
    status: httpStatusOf(known.code),
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
