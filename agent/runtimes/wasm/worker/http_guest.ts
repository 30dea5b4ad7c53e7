/** Serves requests with instances of a component: fresh ones, or kept ones. */
import { instantiate } from "../component/mod.ts";
import type { ComponentInstance, HostImports, Plan } from "../component/mod.ts";
import { Fields } from "../host/fields.ts";
import { IncomingRequest, ResponseOutparam } from "../host/http_incoming.ts";
import type { ResponseReceiver } from "../host/http_incoming.ts";
import { QueueSource } from "../host/sources.ts";
import { IoError } from "../host/streams.ts";
import { encodeFrame, frameType, jsonFrame, jsonOf, numberFrame, numberOf } from "../process/frames.ts";
import type { ChildConfig, Failure, Frame, RequestHead } from "../process/frames.ts";
import { MemoryPool } from "../own_memory.ts";
import { failureOf, Interrupted } from "./failures.ts";
import type { Program } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

interface InWork {
  readonly id: number;
  readonly head: RequestHead;
  /** Absent before its turn. */
  instance: ComponentInstance | undefined;
  readonly body: QueueSource | undefined;
  readonly out: ResponseOutparam;
  trailers: Fields | undefined;
  /** The agent has been told how it ended, or asked to forget it. */
  over: boolean;
}

/** An answer waits at most this long for those of requests that came with its own, milliseconds. */
const TOGETHER_MS = 0.5;

/** The serving part of a worker. */
export class HttpGuest {
  readonly #config: ChildConfig;
  readonly #plan: Plan;
  readonly #program: Extract<Program, { kind: "component" }>;
  readonly #memories: readonly (MemoryPool | undefined)[];
  readonly #host: HostImports;
  readonly #outbox: Outbox;
  readonly #handler: string;
  readonly #inWork = new Map<number, InWork>();
  readonly #queue: InWork[] = [];
  #starting = false;
  #flushedAt = 0;
  readonly #spare: ComponentInstance[] = [];
  #refilling = false;

  /** `handler`: name of the exported `wasi:http/incoming-handler`. */
  constructor(
    config: ChildConfig,
    plan: Plan,
    program: Extract<Program, { kind: "component" }>,
    host: HostImports,
    outbox: Outbox,
    handler: string,
  ) {
    this.#config = config;
    this.#plan = plan;
    this.#program = program;
    this.#memories = program.memories.map((memory) => memory && new MemoryPool(memory, config.instances));
    this.#host = host;
    this.#outbox = outbox;
    this.#handler = handler;
  }

  /** Makes the first instance, so that what cannot start is known at once. Throws what instantiating throws. */
  prepare(): void {
    this.#spare.push(this.#make());
  }

  /** Handles one frame. */
  frame(frame: Frame): void {
    if (frame.type === frameType.request) {
      this.#queue.push(this.#begin(frame.id, jsonOf(frame.payload) as RequestHead));
      if (!this.#starting) void this.#startQueued();
      return;
    }
    const work = this.#inWork.get(frame.id);
    switch (frame.type) {
      case frameType.body:
        if (work?.body) work.body.push(frame.payload);
        return;
      case frameType.bodyEnd:
        if (work?.body === undefined) return;
        if (frame.payload.length > 0) {
          work.trailers = Fields.ofTexts(jsonOf(frame.payload) as [string, string][]);
        }
        return work.body.end();
      case frameType.credit:
        if (work) ResponseOutparam.grant(work.out, numberOf(frame.payload));
        return;
      case frameType.closed:
        if (work === undefined) return;
        ResponseOutparam.closed(work.out);
        return work.body?.end(new IoError("the client has gone", { tag: "connection-terminated" }));
      case frameType.cancel:
        if (work === undefined) this.#outbox.add(encodeFrame(frameType.cancelled, frame.id));
        else if (work.instance === undefined) this.#forget(work);
        else work.instance.interrupt(new Interrupted("the request was ended"));
        this.#outbox.flush();
    }
  }

  /** Ends a request before its turn. */
  #forget(work: InWork): void {
    this.#queue.splice(this.#queue.indexOf(work), 1);
    this.#inWork.delete(work.id);
    this.#outbox.add(encodeFrame(frameType.cancelled, work.id));
    this.#outbox.done(work.id);
  }

  /**
   * One after the other, with a turn of the microtask queue between them: only then is the stack of a call that has ended
   * free for the next one, and the engine keeps few of them (V8 pools 4 MB; a stack has 1 MB, and mapping one costs more
   * than a small request). Calls that wait do not hold up the next.
   */
  async #startQueued(): Promise<void> {
    this.#starting = true;
    this.#flushedAt = performance.now();
    for (let work = this.#queue.shift(); work !== undefined; work = this.#queue.shift()) {
      void this.#serve(work);
      await undefined;
    }
    this.#starting = false;
    this.#outbox.flush();
  }

  /** Answers to requests that came together go together, unless the guest takes its time. */
  #flush(): void {
    if (this.#starting) {
      const now = performance.now();
      if (now - this.#flushedAt < TOGETHER_MS) return;
      this.#flushedAt = now;
    }
    this.#outbox.flush();
  }

  #make(): ComponentInstance {
    return instantiate(this.#plan, this.#program.modules, this.#host, this.#memories);
  }

  async #serve(work: InWork): Promise<void> {
    const { id, head, out } = work;
    try {
      const instance = work.instance = this.#spare.pop() ?? this.#make();
      const request = new IncomingRequest({
        ...head,
        body: work.body === undefined ? undefined : { source: work.body, trailers: () => work.trailers },
      });
      await instance.call(this.#handler, "handle", [request, out]);
      if (ResponseOutparam.isSet(out) && work.over) this.#keep(instance);
      else {
        this.#fail(work, ResponseOutparam.isSet(out) ? unfinished : noAnswer);
        discard(instance);
      }
    } catch (error) {
      this.#broken(work, error);
    } finally {
      this.#inWork.delete(id);
      this.#outbox.done(id);
      this.#flush();
      this.#refill();
    }
  }

  #begin(id: number, head: RequestHead): InWork {
    const taken = (bytes: number) => this.#outbox.add(numberFrame(frameType.credit, id, bytes));
    const work: InWork = {
      id,
      head,
      instance: undefined,
      body: head.body ? new QueueSource(taken) : undefined,
      out: new ResponseOutparam(this.#receiver(id, () => work)),
      trailers: undefined,
      over: false,
    };
    this.#inWork.set(id, work);
    return work;
  }

  #receiver(id: number, work: () => InWork): ResponseReceiver {
    const outbox = this.#outbox;
    return {
      head: (status, headers) => outbox.add(jsonFrame(frameType.head, id, { status, headers })),
      chunk: (bytes) => outbox.add(encodeFrame(frameType.chunk, id, bytes)),
      end: (trailers) => {
        work().over = true;
        outbox.add(
          trailers.length === 0 ? encodeFrame(frameType.end, id) : jsonFrame(frameType.end, id, trailers),
        );
      },
      failed: (why) => this.#fail(work(), { reason: "failed", message: `The guest failed: ${why}.` }),
    };
  }

  #fail(work: InWork, failure: Failure): void {
    if (work.over) return;
    work.over = true;
    this.#outbox.add(jsonFrame(frameType.fail, work.id, failure));
    this.#outbox.line(`Request ${work.id}: ${failure.message}`);
  }

  #broken(work: InWork, error: unknown): void {
    const { id, head, instance } = work;
    if (error instanceof Interrupted) {
      work.over = true;
      discard(instance);
      this.#outbox.add(encodeFrame(frameType.cancelled, id));
      return;
    }
    const full = instance?.memoryFull() ?? false;
    const failure = failureOf(error, full, this.#config.memoryMb);
    if (work.over) this.#outbox.line(`Request ${id}, after its response: ${failure.message}`);
    else this.#fail(work, { ...failure, message: `${failure.message} (${head.method} ${head.path})` });
    // Afterwards: dropping what the guest held breaks off its response, which is news only if nothing else is.
    discard(instance);
  }

  #keep(instance: ComponentInstance): void {
    if (this.#config.instance === "per_request") instance.recycle();
    else if (this.#spare.length < this.#config.instances) this.#spare.push(instance);
    else discard(instance);
  }

  /** With fresh instances, has one ready before the next request comes, if the worker is idle. */
  #refill(): void {
    if (this.#config.instance === "reuse" || this.#refilling || this.#spare.length > 0) return;
    this.#refilling = true;
    setTimeout(() => {
      this.#refilling = false;
      if (this.#inWork.size > 0 || this.#spare.length > 0) return;
      try {
        this.prepare();
      } catch { /* the next request will say why */ }
    }, 0);
  }
}

function discard(instance: ComponentInstance | undefined): void {
  try {
    instance?.dispose();
  } catch { /* what a guest held cannot harm the worker by failing to close */ }
}
const noAnswer: Failure = { reason: "failed", message: "The guest returned without a response." };
const unfinished: Failure = {
  reason: "failed",
  message: "The guest returned before it had finished the response's body.",
};
