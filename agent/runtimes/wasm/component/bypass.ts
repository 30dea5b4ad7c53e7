/**
 * Leaves out the trampolines that component tools put between a core module and its imports. Lowered functions need the
 * module's memory, which does not exist before the module; so the tools instantiate a module of stubs first, which call
 * through a table, and a module that fills the table last. Here lowered functions look the memory up when they are
 * called, so they can be given to the module directly: two core instances less for every instance of the component.
 *
 * A stub module is known by its shape: no imports, nothing exported but functions with numbers for names and a table
 * `$imports`. The filling module imports just these and exports nothing. A guest that imitates this shape and does
 * something else changes its own behaviour alone.
 */
import type { CoreItem, CoreStep } from "./link.ts";

const TABLE = "$imports";
const numbered = (name: string) => /^\d+$/.test(name);

function isStubs(module: WebAssembly.Module): boolean {
  const exports = WebAssembly.Module.exports(module);
  return WebAssembly.Module.imports(module).length === 0 &&
    exports.some(({ name, kind }) => name === TABLE && kind === "table") &&
    exports.every(({ name, kind }) => name === TABLE || (kind === "function" && numbered(name)));
}
function isFiller(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.exports(module).length === 0 &&
    WebAssembly.Module.imports(module).every(({ module, name, kind }) =>
      module === "" && (name === TABLE ? kind === "table" : kind === "function" && numbered(name))
    );
}
const isFrom = (item: CoreItem, core: number) => item.is === "export" && item.from.core === core;

/**
 * The steps without trampolines that can go; those left out are `undefined`, so that numbers stay what they are.
 * `elsewhere`: items that are used outside of steps.
 */
export function bypassTrampolines(
  steps: readonly CoreStep[],
  modules: readonly WebAssembly.Module[],
  elsewhere: readonly CoreItem[],
): (CoreStep | undefined)[] {
  const result: (CoreStep | undefined)[] = [...steps];
  steps.forEach((filler, at) => {
    const given = filler.imports.length === 1 ? filler.imports[0]![1] : undefined;
    if (given === undefined || typeof given === "number" || !isFiller(modules[filler.module]!)) return;
    const table = given.get(TABLE);
    if (table?.is !== "export" || table.from.name !== TABLE) return;
    const stubs = table.from.core;
    if (!isStubs(modules[steps[stubs]!.module]!)) return;
    const direct = (item: CoreItem): CoreItem | undefined =>
      item.is === "export" && isFrom(item, stubs) ? given.get(item.from.name) : item;
    const usable = (item: CoreItem) => {
      const other = direct(item);
      // What another core instance exports may come into being too late to be given directly.
      return other === item || (other !== undefined && other.is !== "export");
    };
    const others = result.map((step, i) => i === at || i === stubs ? undefined : step);
    const all = others.every((step) =>
      step === undefined ||
      step.imports.every(([, from]) =>
        typeof from === "number" ? from !== stubs && from !== at : [...from.values()].every(usable)
      )
    );
    if (!all || elsewhere.some((item) => isFrom(item, stubs) || isFrom(item, at))) return;
    others.forEach((step, i) => {
      result[i] = step && {
        module: step.module,
        imports: step.imports.map(([name, from]) =>
          [
            name,
            typeof from === "number" ? from : new Map([...from].map(([key, item]) => [key, direct(item)!])),
          ] as const
        ),
      };
    });
  });
  return result;
}
