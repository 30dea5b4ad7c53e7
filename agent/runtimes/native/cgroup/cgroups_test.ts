import assert from "node:assert/strict";
import { findGroups, hierarchies, type Hierarchy } from "./cgroups.ts";

/** Files as the kernel would show them, in a directory of the test's own. */
async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await Deno.makeTempDir();
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, text);
  }
  return root;
}
const second = (own: string, mount: string): Hierarchy => ({ version: 2, controllers: [], own, mount });
const limits = { memoryBytes: 1 << 20, cores: 1.5, processes: 9 };

Deno.test("version 2: this process moves into a leaf, runs get groups beside it with their limits", async () => {
  const own = "realm.service";
  const root = await tree({
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    [`${own}/cgroup.procs`]: `${Deno.pid}\n`,
    [`${own}/cgroup.subtree_control`]: "cpu memory pids\n",
    [`${own}/realm-agent/cgroup.procs`]: "",
    ...Object.fromEntries(
      ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"].map((
        f,
      ) => [`${own}/run/${f}`, ""]),
    ),
    [`${own}/run/cpu.stat`]: "usage_usec 1500000\nuser_usec 1\n",
    [`${own}/run/memory.stat`]: "anon 700\nfile 300\n",
    [`${own}/run/memory.peak`]: "1000\n",
    [`${own}/run/memory.events`]: "low 0\noom 2\noom_kill 2\n",
    [`${own}/run/pids.events`]: "max 3\n",
  });
  const groups = findGroups([second(`${root}/${own}`, root)]);
  assert.equal(groups.version, "v2");
  assert.deepEqual(groups.controllers, ["memory", "cpu", "pids"]);
  const read = (path: string) => Deno.readTextFileSync(`${root}/${own}/${path}`);
  assert.equal(read("realm-agent/cgroup.procs"), String(Deno.pid));
  assert.deepEqual(groups.directories("run"), [`${root}/${own}/run`]);
  const group = groups.create("run", limits);
  assert.deepEqual(
    ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"].map((f) => read(`run/${f}`)),
    ["1048576", "0", "1", "150000 100000", "9"],
  );
  assert.deepEqual(group.usage(), {
    cpuMs: 1_500,
    memoryBytes: 700,
    cacheBytes: 300,
    peakBytes: 1_000,
    outOfMemory: 2,
    processesDenied: 3,
  });
  await Deno.remove(root, { recursive: true });
});

Deno.test("version 2: a group that others share is left alone, and that is said", async () => {
  const root = await tree({
    "cgroup.controllers": "cpu memory pids\n",
    "user/cgroup.procs": `${Deno.pid}\n1\n`,
  });
  const groups = findGroups([second(`${root}/user`, root)]);
  assert.equal(groups.version, "none");
  assert.match(groups.missing, /has processes of others in it/);
  assert.throws(() => Deno.statSync(`${root}/user/realm-agent`), Deno.errors.NotFound);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a machine with both versions has its controllers in the first; what is not there is named", async () => {
  const root = await tree({
    "unified/cgroup.controllers": "\n",
    "memory/job/x": "",
    "pids/x": "",
    "cpuacct/x": "",
    "memory/job/run/memory.limit_in_bytes": "",
    "pids/run/pids.max": "",
  });
  const first = (name: string, own = name): Hierarchy => ({
    version: 1,
    controllers: [name],
    own: `${root}/${own}`,
    mount: `${root}/${name}`,
  });
  const groups = findGroups([
    second(`${root}/unified`, `${root}/unified`),
    first("memory", "memory/job"),
    first("pids"),
    first("cpuacct"),
    first("cpu", "not-there"),
  ]);
  assert.equal(groups.version, "v1");
  assert.deepEqual(groups.controllers, ["memory", "pids"]);
  assert.equal(groups.missing, "no control group for cpu");
  groups.create("run", limits);
  assert.equal(Deno.readTextFileSync(`${root}/memory/job/run/memory.limit_in_bytes`), "1048576");
  assert.equal(Deno.readTextFileSync(`${root}/pids/run/pids.max`), "9");
  await Deno.remove(root, { recursive: true });
});

Deno.test("a process finds its own groups in what the kernel tells of it, also below another root", async () => {
  const root = await tree({
    "self/cgroup": "4:memory:/a/b\n3:cpu,cpuacct:/\n0::/docker/x/y\n",
    "self/mountinfo": "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +
      "34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
      "40 30 0:37 /docker/x /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" +
      "41 30 0:38 / /proc rw - proc proc rw\n",
  });
  const found = hierarchies(`${root}/self`);
  assert.deepEqual(found.map((h) => [h.version, h.own]), [
    [1, "/sys/fs/cgroup/cpu"],
    [1, "/sys/fs/cgroup/memory/a/b"],
    [2, "/sys/fs/cgroup/unified/y"],
  ]);
  await Deno.remove(root, { recursive: true });
});
