/**
 * The project's own lint rules: the dependency rule of ARCHITECTURE.md, purity of `core/` and `protocol/`, the door
 * rule (other folders are entered by their `mod.ts`), words that name nothing, and what the bundler would break.
 */

/** Layers from left to right; a layer may import itself and what stands left of it. Braces are siblings. */
const LAYERS: readonly (readonly string[])[] = [
  ["agent/protocol"],
  ["agent/ports.ts"],
  ["agent/core"],
  [
    "agent/mesh",
    "agent/storage",
    "agent/packages",
    "agent/runtimes",
    "agent/gateway",
    "agent/upgrade",
    "agent/monitor",
  ],
  ["agent/platform"],
  ["agent/node"],
  ["agent/api"],
  ["mod.ts"],
  ["cli", "ui"],
  ["main.ts", "targets", "tests"],
];
/** Who may import `platform`, besides itself. */
const PLATFORM_USERS = ["agent/node", "main.ts", "tests", "targets"];
const PURE = ["agent/core/", "agent/protocol/"];
const EMPTY_WORDS = /^(utils?|helpers?|manager|common|misc|shared)\.tsx?$/;

interface Place {
  readonly rank: number;
  readonly name: string;
}

function relative(path: string): string | undefined {
  const match = /(?:^|\/)((?:agent|cli|ui|targets|tests)\/.*|main\.ts|mod\.ts)$/.exec(path);
  return match?.[1];
}

function placeOf(path: string): Place | undefined {
  for (let rank = 0; rank < LAYERS.length; rank++) {
    for (const name of LAYERS[rank]) if (path === name || path.startsWith(name + "/")) return { rank, name };
  }
  return undefined;
}

const isTest = (path: string) => /(_test|_contract|_bench)\.tsx?$/.test(path) || path.startsWith("tests/");

/** Why `from` must not import `to`; `undefined` when it may. Paths are relative to the repository root. */
export function violation(from: string, to: string): string | undefined {
  const a = placeOf(from), b = placeOf(to);
  if (!a || !b || isTest(from)) return undefined;
  if (a.name === b.name) return undefined;
  if (b.name === "agent/platform" && !PLATFORM_USERS.includes(a.name)) {
    return `${a.name} must not import agent/platform: take a port (agent/ports.ts) instead`;
  }
  if ((a.name === "cli" || a.name === "ui") && b.name !== "mod.ts") {
    return `${a.name} sees the project through mod.ts alone, not ${to}`;
  }
  if (b.rank > a.rank) return `${a.name} must not import ${b.name}: imports go left only (ARCHITECTURE.md)`;
  if (b.rank === a.rank) {
    return `${a.name} and ${b.name} are siblings: pass what they share in, or move it to core`;
  }
  const inside = to.slice(b.name.length + 1);
  const door = inside === "" || inside === "mod.ts" || !to.startsWith("agent/") ||
    b.name === "agent/protocol" ||
    a.name === "mod.ts" || a.name === "main.ts";
  if (!door) return `enter ${b.name} by its mod.ts, not ${to}`;
  return undefined;
}

function checkImport(context: Deno.lint.RuleContext, node: Deno.lint.Node & { source?: unknown }): void {
  const source = node.source as { type?: string; value?: unknown } | null | undefined;
  if (!source || typeof source.value !== "string" || !source.value.startsWith(".")) return;
  const from = relative(context.filename);
  const to = relative(new URL(source.value, `file://${context.filename}`).pathname);
  if (!from || !to) return;
  const why = violation(from, to);
  if (why) context.report({ node, message: why });
}

const pureFile = (filename: string) => {
  const path = relative(filename);
  return path !== undefined && PURE.some((p) => path.startsWith(p)) && !isTest(path);
};

const plugin: Deno.lint.Plugin = {
  name: "realm",
  rules: {
    layers: {
      create: (context) => ({
        ImportDeclaration: (n) => checkImport(context, n),
        ExportNamedDeclaration: (n) => checkImport(context, n as never),
        ExportAllDeclaration: (n) => checkImport(context, n),
        ImportExpression: (n) => checkImport(context, n as never),
      }),
    },
    pure: {
      create(context) {
        if (!pureFile(context.filename)) return {};
        const report = (message: string) => (node: Deno.lint.Node) => context.report({ node, message });
        return {
          'CallExpression[callee.object.name="Date"][callee.property.name="now"]': report(
            "no clock here: take `now` as input",
          ),
          'CallExpression[callee.object.name="performance"]': report("no clock here: take `now` as input"),
          'CallExpression[callee.object.name="Math"][callee.property.name="random"]': report(
            "no randomness here: take it as input",
          ),
          'MemberExpression[object.name="crypto"]': report("no randomness here: take it as input"),
          'NewExpression[callee.name="Date"][arguments.length=0]': report(
            "no clock here: take `now` as input",
          ),
          'MemberExpression[object.name="Deno"]': report("no Deno.* here: take a port"),
          "CallExpression[callee.name=/^(setTimeout|setInterval|queueMicrotask|fetch)$/]": report(
            "no ambient effects here: return an effect",
          ),
          AwaitExpression: report("core and protocol are synchronous"),
        };
      },
    },
    using: {
      create(context) {
        const path = relative(context.filename);
        if (!path || isTest(path) || path.startsWith("targets/")) return {};
        return {
          "VariableDeclaration[kind=/using/]"(node) {
            const why =
              "the bundler's minifier drops a `using` whose value is used once: write try and finally";
            context.report({ node, message: why });
          },
        };
      },
    },
    names: {
      create(context) {
        return {
          Program(node) {
            const file = context.filename.split("/").at(-1) ?? "";
            if (EMPTY_WORDS.test(file)) {
              context.report({ node, message: `${file} names nothing: name the file after its domain noun` });
            }
          },
        };
      },
    },
  },
};
export default plugin;
