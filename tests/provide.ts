/** Installs the system packages that a suite needs, where that may be: Debian, as root. */
import { missingFiles, type SuiteName, systemPackages } from "./system_packages.ts";

/** Whether everything is there in the end; says what it installs. */
export async function provideSystemPackages(name: SuiteName, say: (text: string) => void): Promise<boolean> {
  if (missingFiles(name).length === 0) return true;
  const { packages } = systemPackages[name];
  try {
    Deno.statSync("/usr/bin/apt-get");
  } catch {
    return false;
  }
  if (Deno.uid() !== 0) return false;
  say(`installing Debian packages: ${packages.join(" ")}`);
  const apt = (...args: string[]) =>
    new Deno.Command("apt-get", {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdout: "null",
      stderr: "inherit",
    }).output();
  await apt("update", "-q");
  await apt("install", "-y", "-q", "--no-install-recommends", ...packages);
  return missingFiles(name).length === 0;
}
