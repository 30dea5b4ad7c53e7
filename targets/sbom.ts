/** The software bill of materials: CycloneDX 1.6, JSON (https://cyclonedx.org/docs/1.6/json/). */
import type { BundledPackage } from "./packages.ts";
import { DENO_VERSION, type Target } from "./table.ts";

/** Hexadecimal content of a subresource integrity. */
function hashOf(integrity: string): { alg: string; content: string } {
  const [algorithm, base64] = [
    integrity.slice(0, integrity.indexOf("-")),
    integrity.slice(integrity.indexOf("-") + 1),
  ];
  const content = [...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  return { alg: algorithm.replace("sha", "SHA-"), content };
}

const purl = (name: string, version: string) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** An SPDX expression as such; what else a package says as a name. */
const licenceEntry = (licence: string) =>
  /^(unknown|unlicensed|see )/i.test(licence) ? { license: { name: licence } } : { expression: licence };

/** The bill of a release; the same input gives the same bytes, so it bears no time and no serial number. */
export function billOfMaterials(
  version: string,
  packages: readonly BundledPackage[],
  targets: readonly Target[],
): string {
  const own = `pkg:generic/realm@${version}`;
  const components = [
    ...packages.map(({ name, version, integrity, licence }) => ({
      type: "library",
      "bom-ref": purl(name, version),
      name,
      version,
      purl: purl(name, version),
      licenses: [licenceEntry(licence)],
      hashes: [hashOf(integrity)],
    })),
    ...targets.map(({ npmPackage, integrity, platform }) => ({
      type: "platform",
      "bom-ref": purl(npmPackage, DENO_VERSION),
      name: npmPackage,
      version: DENO_VERSION,
      description: `Deno runtime for ${platform}`,
      purl: purl(npmPackage, DENO_VERSION),
      licenses: [licenceEntry("MIT")],
      hashes: [hashOf(integrity)],
    })),
  ];
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: "realm",
        version,
        licenses: [licenceEntry("Apache-2.0")],
      },
    },
    components,
    dependencies: [{ ref: own, dependsOn: components.map((c) => c["bom-ref"]) }],
  };
  return JSON.stringify(bill, null, 2) + "\n";
}
