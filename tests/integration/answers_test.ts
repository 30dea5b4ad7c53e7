/**
 * What a node answers while others do not: every route that reads, asked while another node stands still, dies in the
 * middle of the questions, or this node itself ends. No answer is an internal error, and each that refuses says why.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createClient, type ProblemView } from "../../mod.ts";
import { errorTable } from "../../agent/protocol/errors.ts";
import { digestOf } from "../../agent/protocol/identity.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { endOf, linuxTest, submitNative } from "../native_jobs.ts";

/** A question is answered by then, whatever becomes of who was asked for a part of it. */
const ANSWER_MS = 45_000;

/** How a question ended: its status and what it says, or that the connection broke. */
interface Answered {
  readonly path: string;
  readonly status?: number;
  readonly problem?: ProblemView;
  readonly broke?: string;
  readonly ms: number;
}

/** Paths of all routes that read, of the node's own description, about things that lie on `on`. */
async function pathsOf(by: ClusterNode, names: Readonly<Record<string, string>>): Promise<string[]> {
  const { paths } = await (await fetch(`${by.api}/api/openapi.json`)).json() as {
    paths: Record<string, Record<string, unknown>>;
  };
  return Object.keys(paths).filter((path) => "get" in paths[path]).map((path) =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      assert.ok(names[name], `nothing to ask ${path} about`);
      return encodeURIComponent(names[name]);
    })
  ).sort();
}

/** The problem that a body tells: its whole text, or the last line of a stream of lines. */
function problemIn(text: string, type: string): ProblemView | undefined {
  if (type === "application/problem+json") return JSON.parse(text);
  if (type !== "application/x-ndjson") return undefined;
  const last = text.trimEnd().split("\n").at(-1)!;
  return last.startsWith('{"problem":') ? JSON.parse(last).problem : undefined;
}

async function ask(by: ClusterNode, token: string, path: string): Promise<Answered> {
  const started = performance.now(), since = () => Math.round(performance.now() - started);
  try {
    const response = await fetch(by.api + path, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const type = response.headers.get("content-type") ?? "";
    if (path === "/api/events" && response.ok) {
      await response.body!.cancel();
      return { path, status: response.status, ms: since() };
    }
    const problem = problemIn(await response.text(), type);
    return { path, status: problem?.status ?? response.status, ...(problem ? { problem } : {}), ms: since() };
  } catch (error) {
    return { path, broke: String(error), ms: since() };
  }
}

/** Fails when an answer is none that a reader can do something with; gives how many there were of each status. */
function check(answers: readonly Answered[], when: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { path, status, problem, broke, ms } of answers) {
    const what = `${when}: ${path}: ${JSON.stringify({ status, problem, broke, ms })}`;
    assert.ok(broke === undefined, what);
    counts[status!] = (counts[status!] ?? 0) + 1;
    if (status === 200) continue;
    assert.ok(problem && [404, 503, 504].includes(status!), what);
    assert.equal(errorTable[problem.code][0], status, what);
    assert.match(problem.detail, /^[^\n]{10,400}$/, what);
  }
  return counts;
}

linuxTest("no route answers with an internal error while nodes stand still, die or end", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const [n0, n1, n2] = cluster.nodes;
  const site = `${cluster.root}/site`;
  const built = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "examples/hello-site/build.ts", "--version", "1.0.0", "--out", site],
  }).output();
  await cluster.realm(
    "deploy",
    new TextDecoder().decode(built.stdout).trim().split("\n").at(-1)!,
    "--replicas",
    "all",
  );
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const { id: far } = await cluster.client(n0).node("n2");
  const onFar = `[targeting]\nnode_ids = ["${far}"]\n`;
  const run = await submitNative(
    cluster,
    "talk",
    `[execution]\ncommand = ["/bin/sh", "-c", "echo here"]\n${onFar}`,
  );
  await endOf(cluster, n0, run);
  const open = await submitNative(
    cluster,
    "wait",
    `[execution]\ncommand = ["/bin/sh", "-c", "echo waiting; exec sleep 600"]\n${onFar}`,
  );
  await eventually("it runs on n2", async () => (await cluster.client(n0).run(open)).state === "running");
  const content = new Uint8Array(randomBytes(4_000_000));
  const digest = digestOf(content);
  await cluster.client(n2).upload(digest, content);
  await eventually("n0 knows who has the blob", async () => {
    return (await cluster.client(n0).blob(digest)).holders.includes(far);
  });

  let token = "";
  const credentials = cluster.credentials();
  const opened = createClient({ url: n0.api, credentials, onSession: (s) => void (token = s.token) });
  await opened.realm();
  const names = {
    app: "hello-site",
    run: open,
    node: "n2",
    id: open,
    schedule: "none",
    job: "none",
    secret: "none",
    upgrade: "current",
    blob: digest,
    digest,
  };
  const paths = [
    ...await pathsOf(n0, names),
    `/api/runs/${run}/logs`,
    "/api/nodes/n1/doctor",
    "/api/metrics/nodes/n1",
  ];
  const askAll = (of = paths) => Promise.all(of.map((path) => ask(n0, token, path)));
  const shown = async () => (await cluster.view(n2, n0)).state;

  Deno.kill(n2.pid, "SIGSTOP");
  const still = askAll();
  await eventually("n2 is missed", async () => await shown() === "unreachable", 30_000);
  const missed = askAll();
  check(await still, "as n2 stands still");
  check(await missed, "when n2 is missed");
  const refused = (answers: readonly Answered[], path: string) =>
    answers.find((a) => a.path === path)!.problem?.detail ?? "no refusal";
  assert.match(refused(await still, "/api/nodes/n2/doctor"), /^n2 did not answer in time \(/);
  assert.match(refused(await missed, "/api/nodes/n2/doctor"), /^n2 is unreachable; see 'realm why n2'$/);
  assert.match(refused(await missed, `/api/blobs/${digest}/content`), /n2 \(unreachable\)/);
  Deno.kill(n2.pid, "SIGCONT");
  await eventually("n2 is back", async () => await shown() === "alive", 30_000);

  const dying = askAll();
  await cluster.kill(n2);
  check(await dying, "as n2 dies");

  // Questions to n1 wait while it stands still; this node is told to end meanwhile.
  const waiting = ["doctor", "connections"].map((what) => `/api/nodes/n1/${what}`);
  Deno.kill(n1.pid, "SIGSTOP");
  const ending = askAll(waiting);
  // Answered after those that wait were taken in: they came first, on this node's one event loop.
  await cluster.client(n0).realm();
  n0.process!.kill("SIGTERM");
  const ended = await ending;
  assert.deepEqual(check(ended, "as n0 ends"), { 503: waiting.length });
  assert.match(refused(ended, waiting[0]), /this node is ending/);
  Deno.kill(n1.pid, "SIGCONT");
});
