import assert from "node:assert/strict";
import { programOf } from "../../../tests/native_bed.ts";
import { darwinCommand, sandboxProfile } from "./darwin_sandbox.ts";
import { createUntriedRuntime } from "./untried_runtime.ts";
import { confineProcess, type JobCalls, jobInformation, jobSettings } from "./windows_sandbox.ts";

const spec = programOf(["make", "it; rm -rf /"], {
  root: '/r/a "b"',
  workingDir: "/src",
  pids: 7,
  memoryMb: 64,
  diskMb: 3,
});

Deno.test("macOS: a profile denies everything, and names the system, the run's files and no network", () => {
  const lines = sandboxProfile(spec).split("\n");
  assert.deepEqual(lines.slice(0, 2), ["(version 1)", "(deny default)"]);
  assert.ok(lines.includes('(allow file-write* (subpath "/r/a \\"b\\""))'));
  assert.ok(!lines.some((l) => l.includes("network")));
  assert.ok(sandboxProfile({ ...spec, network: "full" }).includes("(allow network*)"));
  const ports = sandboxProfile({ ...spec, network: { connect: [443] } });
  assert.ok(ports.includes('(allow network-outbound (remote tcp "*:443"))') && !ports.includes("network*"));
  assert.throws(
    () => sandboxProfile({ ...spec, root: "/a\n(allow default)" }),
    /cannot stand in a sandbox profile/,
  );
});

Deno.test("macOS: limits are set by a shell that reads no argument as a script", () => {
  const { command, args, env } = darwinCommand(spec);
  assert.equal(command, "/bin/sh");
  assert.equal(
    args[1],
    'ulimit -c 0 && ulimit -n 10240 && ulimit -u 7 && ulimit -f 6144 && cd "$1" && shift && exec /usr/bin/sandbox-exec "$@"',
  );
  assert.deepEqual(args.slice(2, 5), ["realm", '/r/a "b"/src', "-p"]);
  assert.deepEqual(args.slice(6), ["make", "it; rm -rf /"]);
  assert.equal(env.HOME, spec.root);
});

Deno.test("Windows: a job object bounds processes and memory, ends with its owner, and rations processors", () => {
  const [limits, ui, cpu] = jobSettings({ ...spec, cpuCores: 1 }, 4);
  assert.equal(limits.information, jobInformation.extendedLimits);
  assert.equal(limits.bytes.length, 144);
  const view = new DataView(limits.bytes.buffer);
  assert.equal(view.getUint32(16, true), 0x8 | 0x200 | 0x400 | 0x2000);
  assert.equal(view.getUint32(40, true), 7);
  assert.equal(view.getBigUint64(120, true), BigInt(64 * 1024 * 1024));
  assert.deepEqual([ui.information, [...ui.bytes]], [4, [0xff, 0, 0, 0]]);
  assert.deepEqual([cpu.information, [...new Uint32Array(cpu.bytes.buffer)]], [15, [5, 2_500]]);
  assert.equal(jobSettings({ ...spec, cpuCores: 8 }, 4).length, 2);
});

/** In Windows' place: notes what is called, and fails where it is told to. */
function windows(failing?: keyof JobCalls): { calls: JobCalls; said: string[] } {
  const said: string[] = [];
  const call = (name: keyof JobCalls, result: unknown) => (...args: unknown[]) => {
    said.push([name, ...args.filter((a) => typeof a !== "object" || a === null)].join(" "));
    return name === failing ? (typeof result === "number" ? 0 : null) : result;
  };
  const pointer = Deno.UnsafePointer.create(8n);
  return {
    said,
    calls: {
      CreateJobObjectW: call("CreateJobObjectW", pointer),
      SetInformationJobObject: call("SetInformationJobObject", 1),
      OpenProcess: call("OpenProcess", pointer),
      AssignProcessToJobObject: call("AssignProcessToJobObject", 1),
      TerminateJobObject: call("TerminateJobObject", 1),
      CloseHandle: call("CloseHandle", 1),
      GetLastError: () => 5,
    } as unknown as JobCalls,
  };
}

Deno.test("Windows: a process is put into its job object after the limits are set, and nothing is left when that fails", () => {
  const { calls, said } = windows();
  {
    using job = confineProcess(calls, 42, jobSettings(spec, 4));
    job.end();
  }
  assert.deepEqual(said.map((s) => s.split(" ")[0]), [
    "CreateJobObjectW",
    "SetInformationJobObject",
    "SetInformationJobObject",
    "OpenProcess",
    "AssignProcessToJobObject",
    "CloseHandle",
    "TerminateJobObject",
    "CloseHandle",
  ]);
  assert.ok(said.includes(`OpenProcess ${0x101} 0 42`));
  const bad = windows("AssignProcessToJobObject");
  assert.throws(() => confineProcess(bad.calls, 42, []), /AssignProcessToJobObject failed: error 5/);
  assert.equal(bad.said.filter((s) => s.startsWith("CloseHandle")).length, 2);
});

Deno.test("systems whose sandbox was never tried start nothing, and say why", async () => {
  await using runtime = createUntriedRuntime("darwin");
  assert.match(
    (await runtime.sandbox()).levels.floor!,
    /sandbox profiles is untested and therefore not used/,
  );
  assert.equal((await runtime.probe()).available, false);
  await assert.rejects(runtime.start(spec, () => {}), /starts no native program/);
});
