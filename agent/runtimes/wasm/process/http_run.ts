/** A run that serves requests: places and queue, time-outs that really end a guest, children that are replaced. */
import type { HttpAnswer, HttpCall } from "../../../ports.ts";
import { RealmError } from "../../../protocol/errors.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import type { ExitReport, RunHandle, RunSpec, RunStats } from "../../runtime.ts";
import type { ChildEnd, ChildProcess } from "./child_process.ts";
import { describeEnd, readiness, reasonOf, untilReady } from "./children.ts";
import type { StartChild } from "./children.ts";
import { callOf, Exchange, responseOf } from "./exchange.ts";
import { frameType } from "./frames.ts";
import type { Frame } from "./frames.ts";
import type { RunLog } from "./logs.ts";

interface Waiting {
  readonly go: () => void;
  readonly refuse: (error: RealmError) => void;
}

/** Nothing of the request has reached the guest: any request may be tried elsewhere. */
const notBegun = (message: string): RealmError =>
  new RealmError("unavailable", message, { detail: { sent: false } });

/** The handle of a run in `http` mode. */
export class HttpRun implements RunHandle {
  readonly id: string;
  readonly exit: Promise<ExitReport>;
  readonly #spec: RunSpec;
  readonly #startChild: StartChild;
  readonly #log: RunLog;
  readonly #startedAt = performance.now();
  readonly #exited = Promise.withResolvers<ExitReport>();
  readonly #exchanges = new Map<number, Exchange>();
  /** Whose head came with the frames that are being handled. */
  readonly #begun = new Set<Exchange>();
  readonly #waiting: Waiting[] = [];
  #child: ChildProcess | undefined;
  #starting: ChildProcess | undefined;
  #restarts: number[] = [];
  /** Requests that have been asked to end and have not yet. */
  #ending = 0;
  #nextId = 1;
  #stopping = false;
  #isOver = false;
  #idle: (() => void) | undefined;
  readonly #limitMs: number;
  /** Fires when the oldest request of the moment may have passed its limit. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #requests = 0;
  #errors = 0;
  /** Of children that have ended. */
  #past = { cpuMs: 0, peakBytes: 0 };

  /** Not started yet: see {@link HttpRun.start}. */
  constructor(spec: RunSpec, startChild: StartChild, log: RunLog) {
    this.id = spec.id;
    this.#spec = spec;
    this.#limitMs = Math.min(spec.timeoutMs, wasmLimits.timeoutMs);
    this.#startChild = startChild;
    this.#log = log;
    this.exit = this.#exited.promise;
  }

  /** Starts the first child. Rejects with `RealmError("failed")`. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#launch(signal);
  }

  async fetch(request: Request): Promise<Response> {
    return responseOf(await this.serve(callOf(request)));
  }

  async serve(call: HttpCall): Promise<HttpAnswer> {
    this.#requests++;
    try {
      if (this.#isOver || this.#stopping) throw notBegun(`Run ${this.id} has ended.`);
      return await (this.#hasPlace() ? this.#begin(call) : this.#queue(call));
    } catch (error) {
      this.#errors++;
      throw error;
    }
  }

  async stop(graceMs: number): Promise<ExitReport> {
    if (!this.#stopping) {
      this.#stopping = true;
      for (const { refuse } of this.#waiting.splice(0)) {
        refuse(notBegun(`Run ${this.id} is stopping.`));
      }
      await this.#untilIdle(graceMs);
      (this.#child ?? this.#starting)?.kill();
      if (this.#child === undefined && this.#starting === undefined) this.#finish("stopped", "Stopped.");
    }
    return await this.exit;
  }

  stats(): RunStats {
    const usage = this.#child?.usage;
    return {
      rssBytes: usage?.rssBytes ?? 0,
      cpuMs: this.#past.cpuMs + (usage?.cpuMs ?? 0),
      inFlight: this.#exchanges.size,
      requests: this.#requests,
      errors: this.#errors,
    };
  }

  /** While a guest is asked to end, nothing new is given to its process: it may be about to be killed. */
  #hasPlace(): boolean {
    return this.#child !== undefined && this.#ending === 0 &&
      this.#exchanges.size < this.#spec.maxConcurrency;
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#hasPlace()) this.#waiting[0]!.go();
  }

  /** Waits for a free place and a child that is ready. */
  #queue(call: HttpCall): Promise<HttpAnswer> {
    const { signal } = call;
    if (this.#waiting.length >= wasmLimits.requestQueue) {
      throw notBegun(
        `Run ${this.id} has ${this.#spec.maxConcurrency} requests in work and ${wasmLimits.requestQueue} waiting.`,
      );
    }
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", gone);
        const at = this.#waiting.indexOf(waiting);
        if (at >= 0) this.#waiting.splice(at, 1);
        how();
      };
      const waiting: Waiting = {
        go: () => settle(() => resolve(this.#begin(call))),
        refuse: (error) => settle(() => reject(error)),
      };
      const gone = () => waiting.refuse(new RealmError("unavailable", "The client has gone."));
      const timer = setTimeout(
        () => waiting.refuse(notBegun(`Run ${this.id} had no free place in time.`)),
        wasmLimits.queueWaitMs,
      );
      signal.addEventListener("abort", gone, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** Only where {@link HttpRun.#hasPlace}. */
  #begin(call: HttpCall): Promise<HttpAnswer> {
    const child = this.#child!;
    const id = this.#nextId;
    this.#nextId = id % 0xffff_fffe + 1;
    const exchange = new Exchange(id, call, (frame) => child.send(frame));
    this.#exchanges.set(id, exchange);
    this.#deadline ??= setTimeout(() => this.#expire(), this.#limitMs);
    void exchange.over.then(() => {
      this.#exchanges.delete(id);
      if (exchange.brokenOff) this.#errors++;
      this.#admit();
      if (this.#exchanges.size === 0) this.#idle?.();
    });
    return exchange.answer;
  }

  /** One timer for all: they have the same limit, so they pass it in the order in which they began. */
  #expire(): void {
    this.#deadline = undefined;
    const now = performance.now();
    for (const exchange of this.#exchanges.values()) {
      if (exchange.cancelled) continue;
      const leftMs = exchange.startedAt + this.#limitMs - now;
      if (leftMs > 0) {
        this.#deadline = setTimeout(() => this.#expire(), Math.ceil(leftMs));
        return;
      }
      // All exchanges are of the present child: when one ends, all of its own end with it.
      this.#timedOut(exchange, this.#child!);
    }
  }

  #timedOut(exchange: Exchange, child: ChildProcess): void {
    const seconds = this.#spec.timeoutMs / 1000;
    this.#log.line(
      `Request ${exchange.id} (${exchange.what}) ran past its limit of ${seconds} s and was ended.`,
    );
    exchange.cancel(new RealmError("timed_out", `The app did not answer within ${seconds} s.`));
    const timer = setTimeout(() => {
      if (this.#child !== child) return;
      this.#log.line("The guest does not stop: its process is ended and started again.");
      child.kill();
    }, wasmLimits.cancelGraceMs);
    this.#ending++;
    void exchange.over.then(() => {
      clearTimeout(timer);
      this.#ending--;
      this.#admit();
    });
  }

  async #launch(signal?: AbortSignal): Promise<void> {
    const { ready, onFrame } = readiness();
    const child = this.#startChild((frames) => {
      for (const frame of frames) if (!onFrame(frame)) this.#frame(frame);
      for (const exchange of this.#begun) exchange.settle();
      this.#begun.clear();
    });
    // A stop while the child starts must not leave it behind.
    this.#starting = child;
    try {
      await untilReady(child, ready, signal);
    } finally {
      this.#starting = undefined;
    }
    if (this.#stopping) {
      child.kill();
      await child.ended;
      return this.#finish("stopped", "Stopped.");
    }
    this.#child = child;
    void child.ended.then((end) => this.#childEnded(child, end));
    this.#admit();
  }

  #frame(frame: Frame): void {
    if (frame.type === frameType.log) return this.#log.frame(frame.payload);
    const exchange = this.#exchanges.get(frame.id);
    if (frame.type === frameType.head && exchange !== undefined) this.#begun.add(exchange);
    exchange?.frame(frame);
  }

  #childEnded(child: ChildProcess, end: ChildEnd): void {
    this.#child = undefined;
    const { cpuMs, peakBytes } = child.usage;
    this.#past = { cpuMs: this.#past.cpuMs + cpuMs, peakBytes: Math.max(this.#past.peakBytes, peakBytes) };
    const error = new RealmError("unavailable", "The app's process ended before it answered.", {
      detail: { reason: reasonOf(end) },
    });
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(error);
    if (this.#stopping) return this.#finish("stopped", "Stopped.");
    if (end.why !== "ended") this.#log.line(`The app has lost its process: ${describeEnd(end)}`);
    const now = performance.now();
    this.#restarts = [...this.#restarts.filter((at) => now - at < wasmLimits.restartWindowMs), now];
    if (this.#restarts.length > wasmLimits.restarts) {
      return this.#finish(
        reasonOf(end),
        `Ended after ${wasmLimits.restarts} restarts in ${wasmLimits.restartWindowMs / 1000} s: ${
          describeEnd(end)
        }`,
      );
    }
    this.#launch().catch((failure: unknown) => {
      const message = failure instanceof Error ? failure.message : String(failure);
      this.#finish(this.#stopping ? "stopped" : "failed_to_start", message);
    });
  }

  async #untilIdle(graceMs: number): Promise<void> {
    if (this.#exchanges.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
  }

  #finish(reason: ExitReport["reason"], message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    for (const { refuse } of this.#waiting.splice(0)) refuse(notBegun(message));
    this.#log.line(`Run ended: ${message}`);
    this.#exited.resolve({
      reason,
      message,
      wallMs: performance.now() - this.#startedAt,
      cpuMs: this.#past.cpuMs,
      peakMemoryBytes: this.#past.peakBytes,
    });
  }
}
