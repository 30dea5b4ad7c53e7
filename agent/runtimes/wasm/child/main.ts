/**
 * Main thread of a run's child process: loads the guest, starts its workers, and hands them what the agent sends over
 * stdin; they answer by themselves (`output.ts`). It never runs guest code itself, so it always answers.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import { createSharedState, relaySymlinks } from "../fs/mod.ts";
import { createStdinRing, ringWriter } from "../preview1/mod.ts";
import type { StdinWriter } from "../preview1/mod.ts";
import {
  encodeFrame,
  encodeFrames,
  FrameParser,
  frameType,
  jsonFrame,
  jsonOf,
  numberFrame,
  numberOf,
} from "../process/frames.ts";
import type { ChildConfig, Frame } from "../process/frames.ts";
import type { FromWorker, Program, ToWorker } from "../worker/messages.ts";
import { createGate, GatedOutput } from "./output.ts";
import { loadProgram } from "./program.ts";
import { startWorker } from "./workers.ts";

interface Seat {
  readonly worker: Worker;
  ready: boolean;
  /** One number: requests given to the worker that are not over; the worker counts down. */
  readonly inWork: Int32Array<SharedArrayBuffer>;
  outgoing: Frame[];
}

/** What outlives a command of a lot. */
interface Process {
  readonly outGate: SharedArrayBuffer;
  worker?: Worker;
  /** The program of the last command, and what it was made from: many commands have the same. */
  program?: { readonly of: string; readonly made: Promise<Program> };
}

/** Permissions that no run needs: given up also where the process was started with all of them. */
const NEEDLESS = ["run", "env", "ffi", "sys"] as const;

/** Runs until stdin ends. */
export async function runWasmChild(): Promise<never> {
  for (const name of NEEDLESS) Deno.permissions.revokeSync({ name });
  const parser = new FrameParser();
  const process: Process = { outGate: createGate() };
  let child: Child | undefined;
  for await (const chunk of Deno.stdin.readable) {
    for (const frame of parser.push(chunk)) {
      if (frame.type === frameType.init) {
        child = new Child(jsonOf(frame.payload) as ChildConfig, process);
        void child.start();
      } else if (frame.type === frameType.reset) {
        child = undefined;
        new GatedOutput(process.outGate).write(encodeFrame(frameType.idle, 0));
      } else child?.frame(frame);
    }
    child?.flush();
  }
  Deno.exit(0);
}

class Child {
  readonly #config: ChildConfig;
  readonly #process: Process;
  readonly #out: GatedOutput;
  readonly #fsState: SharedArrayBuffer;
  readonly #seats: Seat[] = [];
  readonly #seatOf = new Map<number, Seat>();
  #program: Program | undefined;
  /** Symlinks that the agent has been asked for; one per worker at a time, since a worker waits for the answer. */
  readonly #symlinkAsked = new Map<number, (answer: number) => void>();
  #symlinks = 0;
  #growing = false;
  #stdin: { ring: SharedArrayBuffer; writer: StdinWriter; last: Promise<void> } | undefined;

  constructor(config: ChildConfig, process: Process) {
    this.#config = config;
    this.#process = process;
    this.#out = new GatedOutput(process.outGate);
    this.#fsState = createSharedState(config.mounts.length);
  }

  async start(): Promise<void> {
    try {
      // The worker's start and the guest's compilation do not need each other.
      const worker = this.#worker();
      this.#program = await this.#load();
      this.#seat(worker);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#out.write(jsonFrame(frameType.ready, 0, { message }));
    }
  }

  frame(frame: Frame): void {
    if (frame.type === frameType.symlinked) {
      this.#symlinkAsked.get(frame.id)?.(numberOf(frame.payload));
      this.#symlinkAsked.delete(frame.id);
      return;
    }
    if (frame.id === 0) return this.#stdinFrame(frame);
    if (frame.type === frameType.request) {
      const seat = this.#leastBusy();
      if (seat === undefined) return;
      this.#seatOf.set(frame.id, seat);
      seat.outgoing.push(frame);
      if (Atomics.add(seat.inWork, 0, 1) > 0) this.#grow();
      return;
    }
    this.#seatOf.get(frame.id)?.outgoing.push(frame);
  }

  #worker(): Worker {
    if (!this.#config.lot) return startWorker(this.#config);
    return this.#process.worker ??= startWorker(this.#config);
  }

  #load(): Promise<Program> {
    const { lot, wasm, mode, memoryMb, instance } = this.#config;
    const load = () => loadProgram(wasm, mode, memoryMb, mode === "http" && instance === "per_request");
    if (!lot) return load();
    const of = JSON.stringify([wasm, memoryMb]);
    if (this.#process.program?.of !== of) this.#process.program = { of, made: load() };
    return this.#process.program.made;
  }

  /** Hands what has been gathered to the workers. */
  flush(): void {
    for (const seat of this.#seats) {
      if (seat.outgoing.length === 0) continue;
      const frames = encodeFrames(seat.outgoing);
      seat.outgoing = [];
      seat.worker.postMessage({ frames } satisfies ToWorker, [frames.buffer]);
    }
  }

  #leastBusy(): Seat | undefined {
    let best: Seat | undefined;
    let least = Infinity;
    for (const seat of this.#seats) {
      const busy = Atomics.load(seat.inWork, 0);
      if (seat.ready && busy < least) [best, least] = [seat, busy];
    }
    return best;
  }

  /** Another worker when one is not enough; it serves once it is ready. */
  #grow(): void {
    if (this.#growing || this.#seats.length >= this.#config.workers) return;
    this.#growing = true;
    this.#seat(startWorker(this.#config));
  }

  #seat(worker: Worker): void {
    const first = this.#seats.length === 0;
    const inWork = new Int32Array(new SharedArrayBuffer(4));
    const seat: Seat = { worker, ready: false, inWork, outgoing: [] };
    this.#seats.push(seat);
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.ready) {
        seat.ready = data.ready.message === undefined;
        this.#growing = false;
        if (first) this.#out.write(jsonFrame(frameType.ready, 0, data.ready));
      }
      for (const id of data.done ?? []) this.#seatOf.delete(id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      // A fault of the host, not of the guest: the agent starts a new child.
      console.error(`guest worker failed: ${event.message}`);
      Deno.exit(70);
    };
    const module = this.#program!.kind === "module";
    if (module) {
      const ring = createStdinRing(wasmLimits.streamWindowBytes);
      this.#stdin = { ring, writer: ringWriter(ring), last: Promise.resolve() };
    }
    const symlinks = new MessageChannel();
    relaySymlinks(symlinks.port1, (target, path) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      const id = ++this.#symlinks;
      this.#symlinkAsked.set(id, resolve);
      this.#out.write(jsonFrame(frameType.symlink, id, { target, path }));
      return promise;
    });
    const init = {
      config: this.#config,
      program: this.#program!,
      fsState: this.#fsState,
      outGate: this.#process.outGate,
      inWork,
      owner: this.#seats.length,
      symlinks: symlinks.port2,
      ...(this.#stdin === undefined ? {} : { stdin: this.#stdin.ring }),
    };
    worker.postMessage({ init } satisfies ToWorker, [symlinks.port2]);
  }

  #stdinFrame(frame: Frame): void {
    const seat = this.#seats[0];
    if (this.#stdin === undefined) return void seat?.outgoing.push(frame);
    const { writer } = this.#stdin;
    this.#stdin.last = this.#stdin.last.then(async () => {
      if (frame.type === frameType.bodyEnd) return writer.end();
      await writer.write(frame.payload);
      this.#out.write(numberFrame(frameType.credit, 0, frame.payload.length));
    });
  }
}
