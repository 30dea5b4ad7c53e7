/** Index spaces while a component is linked. */
import type { Definition, Sort, SortIndex } from "./decode.ts";
import { ComponentError } from "./errors.ts";
import type { CoreItem, LinkedFunc } from "./link.ts";
import type { TypeEntity } from "./types.ts";

/** A component instance: what it exports. */
export interface LinkedInstance {
  readonly items: Map<string, Item>;
}
/** Something at the component level, resolved. */
export type Item =
  | { readonly sort: "func"; readonly func: LinkedFunc }
  | { readonly sort: "type"; readonly type: TypeEntity }
  | { readonly sort: "instance"; readonly instance: LinkedInstance }
  | { readonly sort: "component"; readonly component: ComponentValue }
  | { readonly sort: "module"; readonly module: number };
/** A component and the scope that it was defined in. */
export interface ComponentValue {
  readonly body: readonly Definition[];
  readonly scope: Scope | undefined;
}
/** A core instance: one that will be made by a step, or a bundle of items. */
export type CoreInstance = number | ReadonlyMap<string, CoreItem>;

/** The index spaces of one component instance, or of a type. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly owner: number;
  readonly types: TypeEntity[] = [];
  readonly funcs: LinkedFunc[] = [];
  readonly instances: LinkedInstance[] = [];
  readonly components: ComponentValue[] = [];
  readonly modules: number[] = [];
  readonly coreInstances: CoreInstance[] = [];
  readonly coreFuncs: CoreItem[] = [];
  readonly coreMemories: CoreItem[] = [];
  readonly coreTables: CoreItem[] = [];
  readonly coreGlobals: CoreItem[] = [];
  readonly coreTags: CoreItem[] = [];
  /** `owner`: number of the component instance. */
  constructor(parent: Scope | undefined, owner: number) {
    this.parent = parent;
    this.owner = owner;
  }
}

/** An item of an index space. Throws {@link ComponentError} where there is none. */
export function at<T>(list: readonly T[], index: number, what: string): T {
  const item = list[index];
  if (item === undefined) throw new ComponentError(`there is no ${what} ${index}`);
  return item;
}

/** The index space of a core sort. */
export function coreSpace(scope: Scope, sort: Sort): CoreItem[] {
  switch (sort) {
    case "core func":
      return scope.coreFuncs;
    case "core memory":
      return scope.coreMemories;
    case "core table":
      return scope.coreTables;
    case "core global":
      return scope.coreGlobals;
    case "core tag":
      return scope.coreTags;
    default:
      throw new ComponentError(`${sort} is not supported here`);
  }
}
/** A core item by sort and index. */
export const coreItem = (scope: Scope, { sort, index }: SortIndex): CoreItem =>
  at(coreSpace(scope, sort), index, sort);

/** A component-level item by sort and index. */
export function itemAt(scope: Scope, { sort, index }: { readonly sort: Sort; readonly index: number }): Item {
  switch (sort) {
    case "func":
      return { sort, func: at(scope.funcs, index, sort) };
    case "type":
      return { sort, type: at(scope.types, index, sort) };
    case "instance":
      return { sort, instance: at(scope.instances, index, sort) };
    case "component":
      return { sort, component: at(scope.components, index, sort) };
    case "module":
      return { sort, module: at(scope.modules, index, sort) };
    default:
      throw new ComponentError(`${sort} is not supported here`);
  }
}

/** Adds an item to its index space. */
export function push(scope: Scope, item: Item): void {
  switch (item.sort) {
    case "func":
      return void scope.funcs.push(item.func);
    case "type":
      return void scope.types.push(item.type);
    case "instance":
      return void scope.instances.push(item.instance);
    case "component":
      return void scope.components.push(item.component);
    case "module":
      return void scope.modules.push(item.module);
  }
}
