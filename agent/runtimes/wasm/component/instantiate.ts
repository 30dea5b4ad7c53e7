/** Makes an instance of a linked component: core instances, and the functions between them and the host. */
import { Trap, WitError } from "./errors.ts";
import type { CoreValue, FlatInput } from "./codec.ts";
import { alignTo } from "./codec.ts";
import { MAX_FLAT_PARAMS } from "./link.ts";
import type { CoreItem, LinkedFunc, LinkedOptions, LoweredShape, Plan } from "./link.ts";
import { GuestMemory, HandleTable } from "./memory.ts";
import type { GuestResource } from "./memory.ts";
import type { FuncType } from "./types.ts";
import { OWN_MEMORY } from "../own_memory.ts";

/** A host function. Gets lifted values, gives the result or throws `WitError` for `err`; anything else thrown traps. */
// deno-lint-ignore no-explicit-any
export type HostFunc = (...args: any[]) => unknown;
/** A host function that may return a promise: then the guest is suspended meanwhile, else it goes on at once. */
export interface Suspending {
  readonly suspending: HostFunc;
}
/** Host functions by instance (without version patch) and WIT name. */
export type HostImports = Readonly<Record<string, Readonly<Record<string, HostFunc | Suspending>>>>;

/** A running instance. */
export interface ComponentInstance {
  /** Calls an exported function. Rejects with what the guest or the host threw; then the instance must not be used again. */
  call(instance: string, name: string, args: readonly unknown[]): Promise<unknown>;
  /** Makes the host function that the guest is waiting in throw `reason`. No effect while the guest is not waiting. */
  interrupt(reason: Error): void;
  /** Whether a memory of it has grown as far as it may. */
  memoryFull(): boolean;
  /** Drops all resources that the guest still holds. */
  dispose(): void;
  /** Disposes, and lends its memories to instances to come. Only when no call is under way and none has failed. */
  recycle(): void;
}

/** Where an instance takes the memory of a module from that is given it from outside. */
export interface MemorySource {
  take(): WebAssembly.Memory;
  give(memory: WebAssembly.Memory): void;
}

interface Jspi {
  Suspending: new (f: CallableFunction) => WebAssembly.ExportValue & CallableFunction;
  promising(f: CallableFunction): (...args: CoreValue[]) => Promise<CoreValue>;
}
const jspi = WebAssembly as unknown as Jspi;

/**
 * Makes an instance. Throws what a start function throws, `WebAssembly.LinkError`, or `RangeError` for memory that
 * cannot be had. `modules` in the order of `DecodedComponent.modules`; `memories` of those that were opened
 * (`own_memory.ts`), by the same index.
 */
export function instantiate(
  plan: Plan,
  modules: readonly WebAssembly.Module[],
  host: HostImports,
  memories: readonly (MemorySource | undefined)[] = [],
): ComponentInstance {
  const made = new Making(plan, host);
  const lent: [MemorySource, WebAssembly.Memory][] = [];
  for (const step of plan.steps) {
    if (step === undefined) {
      made.cores.push({});
      continue;
    }
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const [name, from] of step.imports) {
      imports[name] = typeof from === "number"
        ? made.cores[from] as Record<string, WebAssembly.ImportValue>
        : Object.fromEntries([...from].map(([key, item]) => [key, made.item(item)]));
    }
    const source = memories[step.module];
    if (source !== undefined) {
      const memory = source.take();
      lent.push([source, memory]);
      imports[OWN_MEMORY] = { [OWN_MEMORY]: memory };
    }
    made.cores.push(new WebAssembly.Instance(modules[step.module]!, imports).exports);
  }
  return {
    call(instance, name, args) {
      const func = plan.exports.get(instance)?.get(name);
      if (func?.is !== "lifted") return Promise.reject(new Trap(`export ${instance}#${name} is missing`));
      return made.callLifted(func, args);
    },
    interrupt: (reason) => made.interrupt(reason),
    memoryFull: () => made.memoryFull(),
    dispose: () => made.dispose(),
    recycle() {
      made.dispose();
      for (const [source, memory] of lent.splice(0)) source.give(memory);
    },
  };
}

class Making {
  readonly cores: WebAssembly.Exports[] = [];
  readonly #tables: HandleTable[];
  readonly #host: HostImports;
  readonly #made = new Map<number, CallableFunction>();
  #interrupted: Error | undefined;
  #interrupt: (reason: Error) => void = () => {};
  readonly #memories = new Map<LinkedOptions, GuestMemory>();
  readonly #promising = new Map<LinkedFunc, (...args: CoreValue[]) => Promise<CoreValue>>();

  constructor(plan: Plan, host: HostImports) {
    this.#host = host;
    this.#tables = Array.from({ length: plan.owners }, () => new HandleTable());
  }

  interrupt(reason: Error): void {
    this.#interrupted = reason;
    this.#interrupt(reason);
  }

  /** One call runs at a time, so there is at most one host function that the guest waits in. */
  #interruptible(waiting: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      waiting.then(resolve, reject);
    });
  }

  memoryFull(): boolean {
    return this.cores.some((exports) =>
      Object.values(exports).some((value) => value instanceof WebAssembly.Memory && isFull(value))
    );
  }

  dispose(): void {
    for (const table of this.#tables) {
      for (const { type, own, rep } of table.drain()) {
        if (own && type.owner === undefined) disposeOf(rep);
      }
    }
  }

  item(item: CoreItem): WebAssembly.ImportValue {
    if (item.is === "export") {
      const value = this.cores[item.from.core]?.[item.from.name];
      if (value === undefined) throw new WebAssembly.LinkError(`core export ${item.from.name} is missing`);
      return value as WebAssembly.ImportValue;
    }
    let func = this.#made.get(item.key);
    if (func === undefined) {
      func = item.is === "lowered" ? this.#lower(item) : this.#builtin(item);
      this.#made.set(item.key, func);
    }
    return func as WebAssembly.ImportValue;
  }

  #function(item: CoreItem): (...args: CoreValue[]) => CoreValue {
    return this.item(item) as (...args: CoreValue[]) => CoreValue;
  }

  #builtin(item: Extract<CoreItem, { is: "new" | "drop" | "rep" }>): CallableFunction {
    const table = this.#tables[item.owner]!;
    const { resource } = item;
    if (item.is === "new") return (rep: number) => table.add(resource, true, rep);
    if (item.is === "rep") return (handle: number) => table.get(handle, resource).rep;
    return (handle: number) => {
      const { own, rep } = table.remove(handle, resource);
      if (!own) return;
      if (resource.owner === undefined) disposeOf(rep);
      else if (resource.destructorItem) this.#function(resource.destructorItem as CoreItem)(rep as number);
    };
  }

  #memoryOf(options: LinkedOptions): GuestMemory {
    let memory = this.#memories.get(options);
    if (memory === undefined) {
      const { realloc } = options;
      let found: WebAssembly.Memory | undefined;
      let allocator: CallableFunction | undefined;
      memory = new GuestMemory(
        this.#tables[options.owner]!,
        options.owner,
        () => {
          if (found === undefined) {
            if (options.memory === undefined) throw new Trap("no memory");
            found = this.item(options.memory) as WebAssembly.Memory;
          }
          return found;
        },
        realloc === undefined ? undefined : () => allocator ??= this.#function(realloc),
        options.encoding,
      );
      this.#memories.set(options, memory);
    }
    return memory;
  }

  /** A core function that calls a component-level one. */
  #lower({ func, options, shape }: Extract<CoreItem, { is: "lowered" }>): CallableFunction {
    const memory = this.#memoryOf(options);
    const { type } = func;
    if (func.is === "lifted") {
      // Between components the result is handed on as it is, `err` included.
      return new jspi.Suspending(async (...values: CoreValue[]) =>
        giveResult(
          await this.#callRaw(func, takeParams(values, type, shape, memory)),
          values,
          type,
          shape,
          memory,
        )
      );
    }
    const found = this.#host[func.instance]?.[func.name];
    if (found === undefined) {
      return () => {
        throw new Trap(`the host has no ${func.instance}#${func.name}`);
      };
    }
    if (typeof found === "function") {
      return (...values: CoreValue[]) => {
        let value: unknown;
        try {
          value = found(...takeParams(values, type, shape, memory));
          if (type.fallible) value = { tag: "ok", val: value };
        } catch (error) {
          value = errorValue(error, type);
        }
        return giveResult(value, values, type, shape, memory);
      };
    }
    const { suspending } = found;
    const give = (value: unknown, values: readonly CoreValue[]) =>
      giveResult(type.fallible ? { tag: "ok", val: value } : value, values, type, shape, memory);
    const giveError = (error: unknown, values: readonly CoreValue[]) =>
      giveResult(errorValue(error, type), values, type, shape, memory);
    return new jspi.Suspending((...values: CoreValue[]) => {
      let value: unknown;
      try {
        if (this.#interrupted !== undefined) throw this.#interrupted;
        value = suspending(...takeParams(values, type, shape, memory));
      } catch (error) {
        return giveError(error, values);
      }
      // Putting the stack aside costs more than most host functions do.
      if (!(value instanceof Promise)) return give(value, values);
      return this.#interruptible(value).then(
        (late) => give(late, values),
        (error) => giveError(error, values),
      );
    });
  }

  /** Calls an exported function for the host: `err` becomes a thrown `WitError`. */
  async callLifted(func: Extract<LinkedFunc, { is: "lifted" }>, args: readonly unknown[]): Promise<unknown> {
    const value = await this.#callRaw(func, args);
    if (!func.type.fallible) return value;
    const { tag, val } = value as { tag: string; val: unknown };
    if (tag === "err") throw new WitError(val);
    return val;
  }

  async #callRaw(func: Extract<LinkedFunc, { is: "lifted" }>, args: readonly unknown[]): Promise<unknown> {
    const { type, options } = func;
    const memory = this.#memoryOf(options);
    let flat: CoreValue[] = [];
    const count = type.params.reduce((sum, codec) => sum + codec.flat.length, 0);
    if (count > MAX_FLAT_PARAMS) flat = [storeAll(memory, type, args)];
    else type.params.forEach((codec, i) => codec.lower(memory, args[i], flat));
    let core = this.#promising.get(func);
    if (core === undefined) this.#promising.set(func, core = jspi.promising(this.#function(func.func)));
    const answer = await core(...flat);
    const { result } = type;
    let value: unknown;
    if (result !== undefined) {
      value = result.flat.length > 1
        ? result.load(memory, Number(answer) >>> 0)
        : result.lift(memory, { values: [answer], at: 0 });
    }
    if (options.postReturn) this.#function(options.postReturn)(...(answer === undefined ? [] : [answer]));
    return value;
  }
}

/** Pages that a memory must have left not to count as full: allocators ask for more than one at a time. */
const NEARLY = 16;
/** Whether a memory is at its ceiling. */
function isFull(memory: WebAssembly.Memory): boolean {
  try {
    memory.grow(NEARLY);
    return false;
  } catch {
    return true;
  }
}

function disposeOf(rep: unknown): void {
  (rep as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
}

/** The `err` value of a function that may fail; anything else is thrown on. */
function errorValue(error: unknown, type: FuncType): unknown {
  if (type.fallible && error instanceof WitError) return { tag: "err", val: error.payload };
  throw error;
}

function takeParams(
  values: readonly CoreValue[],
  type: FuncType,
  { inMemory }: LoweredShape,
  memory: GuestMemory,
): unknown[] {
  if (inMemory) return loadAll(memory, type, Number(values[0]) >>> 0);
  const from: FlatInput = { values, at: 0 };
  return type.params.map((codec) => codec.lift(memory, from));
}

function giveResult(
  value: unknown,
  values: readonly CoreValue[],
  { result }: FuncType,
  { resultAt }: LoweredShape,
  memory: GuestMemory,
): CoreValue | undefined {
  if (result === undefined) return undefined;
  if (resultAt === undefined) {
    const out: CoreValue[] = [];
    result.lower(memory, value, out);
    return out[0];
  }
  const at = Number(values[resultAt]) >>> 0;
  if (at % result.align !== 0) throw new Trap("unaligned result");
  result.store(memory, value, at);
}

/** Parameters as one tuple in memory. */
function loadAll(memory: GuestMemory, type: FuncType, at: number): unknown[] {
  return type.params.map((codec) => {
    at = alignTo(at, codec.align);
    const value = codec.load(memory, at);
    at += codec.size;
    return value;
  });
}
function storeAll(memory: GuestMemory, type: FuncType, args: readonly unknown[]): number {
  let size = 0;
  let align = 1;
  for (const codec of type.params) {
    size = alignTo(size, codec.align) + codec.size;
    align = Math.max(align, codec.align);
  }
  const start = memory.allocate(align, alignTo(size, align));
  let at = start;
  type.params.forEach((codec, i) => {
    at = alignTo(at, codec.align);
    codec.store(memory, args[i], at);
    at += codec.size;
  });
  return start;
}

export type { GuestResource };
