/** What the schema cannot say of services. */
import type { ReportJob } from "./job_checks.ts";
import type { WrittenJob } from "./job_written.ts";
import { parseRoute } from "./routes.ts";
import { showValue } from "./schema_problems.ts";

/** What a job that never ends has no use for, and ports that contradict each other. */
export function checkService(job: WrittenJob, report: ReportJob): void {
  for (const table of ["retry", "concurrency"] as const) {
    if (job[table]) {
      report([table], "stands on a service", "remove the table; [service] says how it is restarted");
    }
  }
  if ((job.step ?? []).length > 0) {
    report(["step"], "a service runs one program", "set `command` in [execution]");
  }
  if ((job.data?.outputs ?? []).length > 0) {
    report(["data", "outputs"], "stands on a service, which never ends", "remove it");
  }
  for (const table of ["cache", "notify", "logs"] as const) {
    if (job[table]) report([table], "stands on a service, which never ends", "remove the table");
  }
  if (job.runtime.type === "wasm" && job.execution?.stdin) {
    report(["execution", "stdin"], "stands on a wasm service, which reads requests alone", "remove it");
  }
  if (job.execution?.timeout_minutes !== undefined) {
    report(["execution", "timeout_minutes"], "stands on a service, which never ends", "remove it");
  }
  const names = new Set<string>(), ports = new Set<number>();
  (job.service?.ports ?? []).forEach((port, i) => {
    const at = (key: string) => ["service", "ports", i, key];
    if (names.has(port.name)) report(at("name"), "stands twice", "choose another name");
    if (ports.has(port.port)) report(at("port"), "stands twice", "choose another port");
    names.add(port.name);
    ports.add(port.port);
    const wrong = port.route === undefined ? undefined : parseRoute(port.route);
    if (typeof wrong === "string") report(at("route"), `expected ${wrong}, got ${showValue(port.route)}`);
    if (i > 0 && port.route !== undefined) {
      report(at("route"), "requests go to the first port", "give the first port the route");
    }
  });
}
