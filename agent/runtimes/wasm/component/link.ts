/**
 * Links a decoded component into a flat list of core instantiations. All types, names and aliases are resolved here,
 * once; making an instance of the plan (`instantiate.ts`) is then a few core instantiations and closures.
 *
 * Types of imports are taken from the component's own import section and are not compared with the WIT of the host:
 * a component that lies about a host function gets values of other shapes, never memory or resources of others. So host
 * functions must not trust the JavaScript type of what they get, and resource classes keep their state in #private
 * fields, which no other object has.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import type { Alias, Canon, CanonOptions, DecodedComponent, Definition } from "./decode.ts";
import type { ExternDesc, TypeDecl } from "./decode_types.ts";
import { bypassTrampolines } from "./bypass.ts";
import { ComponentError } from "./errors.ts";
import type { ResourceType } from "./memory.ts";
import { at, coreItem, coreSpace, itemAt, push, Scope } from "./scope.ts";
import type { ComponentValue, Item, LinkedInstance } from "./scope.ts";
import { resolveType, resourceAt } from "./types.ts";
import type { FuncType, TypeEntity } from "./types.ts";

/** A core export, by where it will be found. */
export interface CoreExport {
  /** Index into the plan's core instances. */
  readonly core: number;
  readonly name: string;
}
/** Options of a canonical function, resolved. */
export interface LinkedOptions {
  readonly encoding: "utf8" | "utf16";
  readonly memory?: CoreItem;
  readonly realloc?: CoreItem;
  readonly postReturn?: CoreItem;
  /** Number of the component instance. */
  readonly owner: number;
}
/** A component-level function. */
export type LinkedFunc =
  | { readonly is: "host"; readonly instance: string; readonly name: string; readonly type: FuncType }
  | {
    readonly is: "lifted";
    readonly func: CoreItem;
    readonly options: LinkedOptions;
    readonly type: FuncType;
  };
/** The largest number of core parameters before they go through memory (Canonical ABI: MAX_FLAT_PARAMS). */
export const MAX_FLAT_PARAMS = 16;
/** How the core function of a lowered one is called. */
export interface LoweredShape {
  /** Parameters come as a pointer to them. */
  readonly inMemory: boolean;
  /** Index of the parameter that says where the result goes; absent when it is returned, or when there is none. */
  readonly resultAt?: number;
}
/** Something that can be given to a core module. */
export type CoreItem =
  | { readonly is: "export"; readonly from: CoreExport }
  | {
    readonly is: "lowered";
    readonly func: LinkedFunc;
    readonly options: LinkedOptions;
    readonly shape: LoweredShape;
    readonly key: number;
  }
  | {
    readonly is: "new" | "drop" | "rep";
    readonly resource: ResourceType;
    readonly owner: number;
    readonly key: number;
  };
/** One core instantiation. `imports`: module name → names → items, or a whole earlier core instance. */
export interface CoreStep {
  readonly module: number;
  readonly imports: readonly (readonly [string, number | ReadonlyMap<string, CoreItem>])[];
}
/** What is left to do for each instance. */
export interface Plan {
  /** `undefined`: left out, so that numbers of core instances stay what they are. */
  readonly steps: readonly (CoreStep | undefined)[];
  /** How many component instances there are, each with handles of its own. */
  readonly owners: number;
  /** Exported functions: instance name (empty for the root) → function name. */
  readonly exports: ReadonlyMap<string, ReadonlyMap<string, LinkedFunc>>;
  /** Host functions that are imported, `instance#function`; `instance` without its version. */
  readonly imports: readonly string[];
}

/**
 * Links a component. Throws {@link ComponentError}. With its compiled `modules`, what the linker itself makes superfluous
 * is left out (`bypass.ts`).
 */
export function link(
  component: Pick<DecodedComponent, "body">,
  modules?: readonly WebAssembly.Module[],
): Plan {
  const linker = new Linker();
  const root = linker.run({ body: component.body, scope: undefined }, undefined);
  const exports = new Map<string, ReadonlyMap<string, LinkedFunc>>();
  const functionsOf = (items: ReadonlyMap<string, Item>) => {
    const functions = new Map<string, LinkedFunc>();
    for (const [name, item] of items) if (item.sort === "func") functions.set(name, item.func);
    return functions;
  };
  exports.set("", functionsOf(root.items));
  for (const [name, item] of root.items) {
    if (item.sort === "instance") exports.set(name, functionsOf(item.instance.items));
  }
  const steps = modules === undefined
    ? linker.steps
    : bypassTrampolines(linker.steps, modules, linker.usedOutsideSteps);
  return { steps, owners: linker.owners, exports, imports: [...linker.imports].sort() };
}

class Linker {
  readonly steps: CoreStep[] = [];
  readonly imports = new Set<string>();
  readonly usedOutsideSteps: CoreItem[] = [];
  owners = 0;
  #keys = 0;
  readonly #optionsByKey = new Map<string, LinkedOptions>();

  /** Instantiates a component. `args` undefined: the root, whose imports are the host's. */
  run(component: ComponentValue, args: ReadonlyMap<string, Item> | undefined): LinkedInstance {
    if (this.owners >= wasmLimits.componentInstances) throw new ComponentError("too many instances");
    const scope = new Scope(component.scope, this.owners++);
    const items = new Map<string, Item>();
    for (const definition of component.body) this.#define(definition, scope, args, items);
    return { items };
  }

  #define(
    d: Definition,
    scope: Scope,
    args: ReadonlyMap<string, Item> | undefined,
    exports: Map<string, Item>,
  ): void {
    switch (d.define) {
      case "module":
        return void scope.modules.push(d.module);
      case "core instance":
        return void scope.coreInstances.push(this.#coreInstance(d, scope));
      case "core instance of exports":
        return void scope.coreInstances.push(
          new Map(d.exports.map(([name, item]) => [name, coreItem(scope, item)])),
        );
      case "component":
        return void scope.components.push({ body: d.body, scope });
      case "instance": {
        const given = new Map(d.args.map(([name, item]) => [name, itemAt(scope, item)]));
        return void scope.instances.push(this.run(at(scope.components, d.component, "component"), given));
      }
      case "instance of exports":
        return void scope.instances.push({
          items: new Map(d.exports.map(([name, item]) => [name, itemAt(scope, item)])),
        });
      case "alias":
        return this.#alias(d.alias, scope);
      case "type": {
        if (d.type.kind === "resource") {
          const { destructor } = d.type;
          const func = destructor === undefined
            ? undefined
            : at(scope.coreFuncs, destructor, "core function");
          const resource = {
            name: "a resource of the guest",
            owner: scope.owner,
            ...(func === undefined ? {} : { destructorItem: func }),
          };
          return void scope.types.push({ is: "resource", resource });
        }
        return void scope.types.push(typeEntity(d.type, scope));
      }
      case "canon":
        return this.#canon(d.canon, scope);
      case "import": {
        const item = args === undefined ? this.#hostItem(d.name, d.desc, scope) : args.get(d.name);
        if (item === undefined) {
          throw new ComponentError(`argument ${d.name} of a nested component is missing`);
        }
        if (item.sort !== d.desc.sort) throw new ComponentError(`argument ${d.name} is of another sort`);
        return push(scope, item);
      }
      case "export": {
        const item = itemAt(scope, d.item);
        push(scope, item);
        exports.set(d.name, item);
      }
    }
  }

  #coreInstance(d: Extract<Definition, { define: "core instance" }>, scope: Scope): number {
    if (this.steps.length >= wasmLimits.componentInstances) {
      throw new ComponentError("too many core instances");
    }
    const imports = d.args.map(([name, index]) =>
      [name, at(scope.coreInstances, index, "core instance")] as const
    );
    return this.steps.push({ module: at(scope.modules, d.module, "module"), imports }) - 1;
  }

  #alias(alias: Alias, scope: Scope): void {
    if (alias.from === "core export") {
      const instance = at(scope.coreInstances, alias.instance, "core instance");
      const item: CoreItem | undefined = typeof instance === "number"
        ? { is: "export", from: { core: instance, name: alias.name } }
        : instance.get(alias.name);
      if (item === undefined) throw new ComponentError(`core export ${alias.name} is missing`);
      return void coreSpace(scope, alias.sort).push(item);
    }
    if (alias.from === "export") {
      const item = at(scope.instances, alias.instance, "instance").items.get(alias.name);
      if (item === undefined) throw new ComponentError(`export ${alias.name} is missing`);
      if (item.sort !== alias.sort) throw new ComponentError(`export ${alias.name} is of another sort`);
      return push(scope, item);
    }
    let outer: Scope | undefined = scope;
    for (let i = 0; i < alias.count; i++) outer = outer?.parent;
    if (outer === undefined) throw new ComponentError("alias leaves the component");
    push(scope, itemAt(outer, alias));
  }

  #canon(canon: Canon, scope: Scope): void {
    switch (canon.op) {
      case "lift": {
        const entity = at(scope.types, canon.type, "type");
        if (entity.is !== "func") throw new ComponentError("lift to something that is no function");
        const func = at(scope.coreFuncs, canon.func, "core function");
        this.usedOutsideSteps.push(func);
        return void scope.funcs.push({
          is: "lifted",
          func,
          options: this.#options(canon.options, scope),
          type: entity.func,
        });
      }
      case "lower": {
        const func = at(scope.funcs, canon.func, "function");
        return void scope.coreFuncs.push({
          is: "lowered",
          func,
          options: this.#options(canon.options, scope),
          shape: shapeOf(func.type),
          key: this.#keys++,
        });
      }
      default:
        return void scope.coreFuncs.push({
          is: canon.op,
          resource: resourceAt(canon.resource, scope.types),
          owner: scope.owner,
          key: this.#keys++,
        });
    }
  }

  /** Options that say the same are the same object: instances keep one view of memory for each. */
  #options(options: CanonOptions, scope: Scope): LinkedOptions {
    const { encoding, memory, realloc, postReturn } = options;
    const key = [scope.owner, encoding, memory, realloc, postReturn].join();
    let linked = this.#optionsByKey.get(key);
    if (linked === undefined) {
      const func = (index: number) => at(scope.coreFuncs, index, "core function");
      linked = {
        encoding,
        owner: scope.owner,
        ...(memory === undefined ? {} : { memory: at(scope.coreMemories, memory, "memory") }),
        ...(realloc === undefined ? {} : { realloc: func(realloc) }),
        ...(postReturn === undefined ? {} : { postReturn: func(postReturn) }),
      };
      this.#optionsByKey.set(key, linked);
      for (const item of [linked.memory, linked.realloc, linked.postReturn]) {
        if (item !== undefined) this.usedOutsideSteps.push(item);
      }
    }
    return linked;
  }

  #hostItem(name: string, desc: ExternDesc, scope: Scope): Item {
    const instance = withoutVersion(name);
    if (desc.sort === "instance") {
      const entity = at(scope.types, desc.type, "type");
      if (entity.is !== "instance") throw new ComponentError(`import ${name} has no instance type`);
      return {
        sort: "instance",
        instance: this.#hostInstance(instance, entity.decls, entity.scope as Scope),
      };
    }
    if (desc.sort === "func") {
      const entity = at(scope.types, desc.type, "type");
      if (entity.is !== "func") throw new ComponentError(`import ${name} has no function type`);
      this.imports.add(`#${name}`);
      return { sort: "func", func: { is: "host", instance: "", name, type: entity.func } };
    }
    if (desc.sort === "type") return { sort: "type", type: importedType(name, desc.equals, scope) };
    throw new ComponentError(`import ${name} of a ${desc.sort} is not supported`);
  }

  /** What the host will be asked for, in the shape that the component declares. */
  #hostInstance(name: string, decls: readonly TypeDecl[], outer: Scope): LinkedInstance {
    const scope = new Scope(outer, outer.owner);
    const items = new Map<string, Item>();
    for (const decl of decls) {
      if (decl.declare === "type") scope.types.push(typeEntity(decl.type, scope));
      else if (decl.declare === "alias") this.#alias(decl.alias, scope);
      else if (decl.desc.sort === "type") {
        const type = importedType(decl.name, decl.desc.equals, scope);
        scope.types.push(type);
        items.set(decl.name, { sort: "type", type });
      } else if (decl.desc.sort === "func") {
        const entity = at(scope.types, decl.desc.type, "type");
        if (entity.is !== "func") throw new ComponentError(`${name}#${decl.name} has no function type`);
        this.imports.add(`${name}#${decl.name}`);
        items.set(decl.name, {
          sort: "func",
          func: { is: "host", instance: name, name: decl.name, type: entity.func },
        });
      } else throw new ComponentError(`import ${name} contains a ${decl.desc.sort}: not supported`);
    }
    return { items };
  }
}

/** `wasi:http/types@0.2.12` → `wasi:http/types@0.2`: all patch versions are one to the host. */
export function withoutVersion(name: string): string {
  return name.replace(/@(0\.\d+|[1-9]\d*)\.[^@]*$/, "@$1");
}

function importedType(name: string, equals: number | undefined, scope: Scope): TypeEntity {
  return equals === undefined ? { is: "resource", resource: { name } } : at(scope.types, equals, "type");
}

function typeEntity(def: Extract<Definition, { define: "type" }>["type"], scope: Scope): TypeEntity {
  if (def.kind === "instance" || def.kind === "component") return { is: def.kind, decls: def.decls, scope };
  if (def.kind === "resource") throw new ComponentError("a resource is defined inside a type");
  return resolveType(def, scope.types);
}

/** How the core function of a lowered one takes its parameters and gives its result. */
function shapeOf({ params, result }: FuncType): LoweredShape {
  const flat = params.flatMap((codec) => codec.flat).length;
  const byPointer = result !== undefined && result.flat.length > 1;
  const inMemory = flat > MAX_FLAT_PARAMS;
  return { inMemory, ...(byPointer ? { resultAt: inMemory ? 1 : flat } : {}) };
}
