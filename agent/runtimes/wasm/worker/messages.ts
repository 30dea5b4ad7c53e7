/** Messages between the main thread of a child process and its workers. */
import type { Definition } from "../component/mod.ts";
import type { OwnMemory } from "../own_memory.ts";
import type { ChildConfig } from "../process/frames.ts";

/** A guest, decoded and compiled once for all workers. */
export type Program =
  | {
    readonly kind: "component";
    readonly body: readonly Definition[];
    readonly modules: readonly WebAssembly.Module[];
    /** Memories that modules must be given from outside, by index of the module. */
    readonly memories: readonly (OwnMemory | undefined)[];
  }
  | { readonly kind: "module"; readonly module: WebAssembly.Module };

/** To the worker. */
export type ToWorker =
  | {
    readonly init: {
      readonly config: ChildConfig;
      readonly program: Program;
      /** Shared state of the guest file system. */
      readonly fsState: SharedArrayBuffer;
      /** Lock around stdout (`child/output.ts`). */
      readonly outGate: SharedArrayBuffer;
      /** One number, counted down for each request that is over. */
      readonly inWork: Int32Array<SharedArrayBuffer>;
      /** Number of this worker, from 1. */
      readonly owner: number;
      /** Where symlinks are asked for. */
      readonly symlinks: MessagePort;
      /** Stdin for a core module, which blocks. */
      readonly stdin?: SharedArrayBuffer;
    };
  }
  /** Frames, as they go on the wire. */
  | { readonly frames: Uint8Array<ArrayBuffer> };

/** From the worker. */
export interface FromWorker {
  /** Requests that are over: nothing need be handed on for them. Told now and then. */
  readonly done?: readonly number[];
  /** In `http` mode: ready to take requests; with a message: it cannot. */
  readonly ready?: { readonly message?: string };
}
