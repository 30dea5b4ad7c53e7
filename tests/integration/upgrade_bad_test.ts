/**
 * Files and releases that must not be installed, against a fleet of real processes: refused at once where that can be
 * known, else kept from everybody but the canary, which never starts them. Nobody restarts.
 */
import assert from "node:assert/strict";
import { type Platform, type ReleaseArtifact, releaseManifest, signRelease } from "../../mod.ts";
import { formatSignedRelease } from "../../agent/protocol/release.ts";
import { createHasher } from "../../agent/platform/mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { Hand } from "../hand.ts";
import { makeExecutable, platform, upgradeStatus } from "../upgrade_bed.ts";

const OTHER: Platform = platform === "linux/amd64" ? "linux/arm64" : "linux/amd64";
const HOUR = 3_600_000;

interface Made {
  readonly path: string;
  readonly artifact: ReleaseArtifact;
}

async function artifactOf(path: string, of: Platform = platform): Promise<Made> {
  const bytes = await Deno.readFile(path);
  const hash = createHasher().sha256();
  hash.update(bytes);
  const file = path.slice(path.lastIndexOf("/") + 1);
  return {
    path,
    artifact: { platform: of, file, sha256: hash.digest(), size: bytes.length, builder: "portable" },
  };
}

/** Takes the end of a file away. */
const shorten = async (path: string) => await Deno.truncate(path, (await Deno.stat(path)).size - 20);

Deno.test({
  name:
    "truncated, tampered with, unsigned, by a revoked key, expired, older, for another platform: no node but the canary is touched, and nobody restarts",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    const hand = new Hand(cluster);
    const [home, canary] = cluster.nodes;
    const client = cluster.client(home);
    const nodes = await client.nodes();
    const canaryId = nodes.find((n) => n.name === canary.name)!.id;
    const figures: string[] = [];
    let patch = 0;
    const version = () => `9.0.${++patch}`;
    /** A directory as a build leaves it. */
    const dist = async (v: string, mangle: (path: string) => Promise<void>) => {
      const dir = `${cluster.root}/dist-${v}`;
      const { path, artifact } = await artifactOf(await makeExecutable(dir, v));
      await Deno.writeTextFile(
        `${dir}/release.signed.json`,
        formatSignedRelease(signRelease(releaseManifest(v, [artifact]), hand.owner)),
      );
      await mangle(path);
      return dir;
    };
    const refused = async (what: string, reason: RegExp, ran: () => Promise<string>) => {
      const started = performance.now();
      const said = await ran();
      assert.match(said, reason, `${what}: ${said}`);
      figures.push(`${what} refused after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    };
    const byCommand = (...args: string[]) => async () => {
      const { code, stderr } = await cluster.run(["upgrade", ...args]);
      assert.notEqual(code, 0, stderr);
      return stderr;
    };
    const wish = { canaries: [canaryId], batch: 2, probation_ms: 2_000, deadline_ms: 32_000, drain_ms: 0 };
    type Release = ReturnType<typeof signRelease>;
    const byApi = (release: Release, more: { allow_downgrade?: boolean } = {}) => async () => {
      try {
        await client.command("upgrade.start", { release, ...wish, allow_downgrade: false, ...more });
      } catch (error) {
        return (error as Error).message;
      }
      return "it was taken";
    };

    // Refused before anything is sent.
    await refused(
      "truncated",
      /is truncated: \d+ bytes of \d+; build it again/,
      byCommand("--all-platforms", await dist(version(), (p) => shorten(p))),
    );
    await refused(
      "tampered with",
      /is not the file that release\.signed\.json names/,
      byCommand(
        "--all-platforms",
        await dist(version(), (p) => Deno.writeTextFile(p, "\nrm -rf /\n", { append: true })),
      ),
    );
    const elsewhere = await makeExecutable(`${cluster.root}/elsewhere`, version(), { platform: OTHER });
    await refused("for another platform", /no node would change: .*no file for/, byCommand(elsewhere));
    await refused(
      "older",
      /is older than the installed/,
      byCommand(await makeExecutable(`${cluster.root}/older`, "0.0.1")),
    );

    // Refused by the node that is asked, whoever asks.
    const v = version();
    const good = await artifactOf(await makeExecutable(`${cluster.root}/good`, v));
    const manifest = releaseManifest(v, [good.artifact]);
    const signed = signRelease(manifest, hand.owner);
    const anotherSignature = signRelease(releaseManifest("1.0.0", [good.artifact]), hand.owner).envelope.sig;
    const stranger = hand.key("admin", -HOUR, -60_000);
    await refused(
      "unsigned",
      /not validly signed/,
      byApi({ ...signed, envelope: { ...signed.envelope, sig: anotherSignature } }),
    );
    await refused(
      "signed by a key whose time is over",
      /signed by a key that may not do so/,
      byApi(signRelease(manifest, stranger.signer, stranger.grants)),
    );
    const operator = hand.key("operator");
    await refused(
      "signed by an operator",
      /needs the signature of an admin/,
      byApi(signRelease(manifest, operator.signer, operator.grants)),
    );
    const admin = hand.key("admin");
    const byAdmin = signRelease(manifest, admin.signer, admin.grants);
    await client.command("key.revoke", { key: admin.key });
    await refused("signed by a revoked key", /signed by a key that may not do so.*revoked/, byApi(byAdmin));
    await refused(
      "expired",
      /release \S+ expired at/,
      byApi(signRelease(releaseManifest(v, [good.artifact], { expires: Date.now() - 1 }), hand.owner)),
    );
    const older = await artifactOf(`${cluster.root}/older/realm-0.0.1-${platform.replace("/", "-")}`);
    await refused(
      "older, by the API",
      /no node would change: .*is older than the installed/,
      byApi(signRelease(releaseManifest("0.0.1", [older.artifact]), hand.owner)),
    );

    // Taken, for its signature is right: the canary finds out what the file is, and does not start it.
    const stopped = async (what: string, reason: RegExp, made: Made, v: string) => {
      const started = performance.now();
      const file = await Deno.readFile(made.path);
      await client.upload(made.artifact.sha256, new Blob([file]));
      const release = signRelease(releaseManifest(v, [made.artifact]), hand.owner);
      await client.command("upgrade.start", { release, ...wish, allow_downgrade: false });
      const view = await eventually(`${what}: the rollout stops`, async () => {
        const now = await upgradeStatus(cluster);
        return now.version === v && now.phase === "stopped" && now;
      }, 60_000);
      assert.match(view.reason ?? "", reason, `${what}: ${view.reason}`);
      const states = view.nodes.map((n) => `${n.name} ${n.state}`);
      assert.deepEqual(states, ["n0 skipped", "n1 rolled_back", "n2 skipped"], what);
      figures.push(`${what} stopped after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    };
    const inside = version();
    await stopped(
      "another platform inside",
      /is said to be for .* and is for/,
      await artifactOf(await makeExecutable(`${cluster.root}/inside`, inside, { platform: OTHER })),
      inside,
    );
    await stopped(
      "another version inside",
      /is version .*, and the release says/,
      await artifactOf(await makeExecutable(`${cluster.root}/other`, "9.7.7")),
      version(),
    );
    const cut = version();
    const whole = await makeExecutable(`${cluster.root}/cut`, cut);
    // Cut before it was signed: its header is whole, and what follows is no program.
    await shorten(whole);
    await stopped("truncated before it was signed", /self-test/, await artifactOf(whole), cut);

    const after = await client.nodes();
    assert.deepEqual(
      after.map((n) => [n.name, n.info?.version, n.state]),
      nodes.map((n) => [n.name, n.info?.version, n.state]),
    );
    assert.deepEqual(after.map((n) => n.info?.started_at), nodes.map((n) => n.info?.started_at));
    console.log(figures.join("\n"));
  },
});
