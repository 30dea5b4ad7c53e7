/** `realm package …`. */
import { createPackage, inspectPackage, readPackage, verifier, verifyPackage } from "../mod.ts";
import { signingCredentials } from "./connection.ts";
import { bytes, type Cell, facts, print, stateCell, table } from "./display.ts";
import { flag, type Handler, text } from "./invocation.ts";

/** Makes a package file. */
export const create: Handler = async (i) => {
  const world = await i.host.packageWorld();
  const directory = i.args[0].replace(/(?<=.)[/\\]+$/, "");
  const signer = flag(i, "sign") ? (await signingCredentials(i)).signer : undefined;
  let out = text(i, "out");
  if (out === undefined) {
    const { manifest } = await readPackage(world, directory);
    out = `${manifest.name}-${manifest.version}.realm`;
  }
  const made = await createPackage(world, directory, out, { ...(signer && { signer }) });
  const { manifest, ...rest } = made;
  print(i, { ...rest, name: manifest.name, version: manifest.version }, () =>
    facts(i.terminal, [
      ["package", `${manifest.name} ${manifest.version}`],
      ["file", `${made.path}, ${bytes(made.size)}`],
      ["digest", made.digest],
      ["signed", made.signed ? "yes" : undefined],
      ["left out", made.leftOut.length > 0 ? made.leftOut.join(", ") : undefined],
      [
        "unused",
        made.unused.length > 0
          ? { text: `no mount shows ${made.unused.join(", ")}`, colour: "yellow" }
          : undefined,
      ],
    ]));
};

/** Lists a package. */
export const inspect: Handler = async (i) => {
  const p = await inspectPackage(await i.host.packageWorld(), i.args[0]);
  print(i, p, () =>
    facts(i.terminal, [
      ["package", `${p.name} ${p.version}`],
      ["digest", p.digest],
      ["size", `${bytes(p.bytes)} in ${p.files.length} files`],
      ["signed by", p.signedBy],
      [
        "unused",
        p.unused.length > 0 ? { text: `no mount shows ${p.unused.join(", ")}`, colour: "yellow" } : undefined,
      ],
    ]) + "\n" +
    table(
      i.terminal,
      ["PATH", "SIZE", "SHA-256"],
      p.files.map((f): readonly Cell[] => [f.path, bytes(f.size), f.sha256]),
    ));
};

/** Checks a package. */
export const verify: Handler = async (i) => {
  const p = await verifyPackage(await i.host.packageWorld(), i.args[0], verifier);
  print(i, p, () =>
    facts(i.terminal, [
      ["package", `${p.name} ${p.version}`],
      ["digest", p.digest],
      ["content", stateCell(p.problems.length === 0 ? "ok" : "failed")],
      ["signature", p.signature === "valid" ? `valid, by ${p.signedBy}` : stateCell(p.signature)],
    ]) + p.problems.map((problem) => `! ${problem}\n`).join(""));
  return p.ok ? 0 : 1;
};
