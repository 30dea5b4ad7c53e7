/** What tests of native jobs and services on real nodes have in common: submitting them, their ends, their processes. */
import type { RunView } from "../mod.ts";
import { type Cluster, type ClusterNode, eventually } from "./cluster.ts";

/** A test of real nodes with native programs: Linux alone has them. */
export const linuxTest = (name: string, fn: () => Promise<void>): void =>
  Deno.test({ name, fn, ignore: Deno.build.os !== "linux", sanitizeOps: false, sanitizeResources: false });

/** Submits a one-shot native job; `body`: its tables after `[runtime]`. Gives the run's id. */
export async function submitNative(cluster: Cluster, name: string, body: string): Promise<string> {
  const path = `${cluster.root}/${name}.toml`;
  await Deno.writeTextFile(
    path,
    `[job]\nname = "${name}"\ntype = "one-shot"\n[runtime]\ntype = "native"\n${body}`,
  );
  const { runs } = JSON.parse(await cluster.realm("job", "submit", path, "--detach", "--json"));
  return runs[0];
}

/** The run once a node knows of its end. */
export const endOf = (cluster: Cluster, node: ClusterNode, run: string): Promise<RunView> =>
  eventually(`${run} ends`, async () => {
    const view = await cluster.client(node).run(run);
    return view.ended_at !== undefined && view;
  }, 60_000);

/** Ids of the processes that run `sleep` with this mark. */
export const sleepersOf = (mark: string): string[] =>
  [...Deno.readDirSync("/proc")].map((e) => e.name).filter((name) => {
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(`sleep\0${mark}`);
    } catch {
      return false;
    }
  });

/**
 * A server in the perl of every Debian. `answer`: what it answers, an expression in a perl string; `first`: what it does
 * before it takes connections.
 */
export const perlServer = (answer: string, first = ""): string => `
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 100, ReuseAddr => 1, Proto => "tcp")
  or die "cannot listen at $ENV{PORT}: $!";
$| = 1;
print "listens at $ENV{PORT}\\n";
${first}
while (1) {
  my $c = $s->accept or next;
  my $first = <$c>;
  while (defined(my $line = <$c>)) { last if $line =~ /^\\r?$/; }
  my $body = "${answer}";
  print $c "HTTP/1.1 200 OK\\r\\ncontent-length: " . length($body) . "\\r\\nconnection: close\\r\\n\\r\\n$body";
  close $c;
}
`;

/** A manifest of a service that is a {@link perlServer} in `file` beside it; its health is asked twice a second. */
export const perlService = (name: string, port: number, file = "server.pl"): string =>
  `[job]
name = "${name}"
type = "service"
[runtime]
type = "native"
memory_mb = 64
[execution]
command = ["/usr/bin/perl", "server.pl"]
working_dir = "/app"
[data]
inputs = [{ path = "${file}", mount = "/app/server.pl" }]
[service]
replicas = 1
ports = [{ name = "http", port = ${port}, route = "${name}.my-realm" }]
health = { http = "/", interval_seconds = 0.5, start_seconds = 60 }
stop = { grace_seconds = 2 }
`;
