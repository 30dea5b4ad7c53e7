/**
 * What a manifest changes, step by step, against what stands now: what already is as wished makes no step. The same
 * for `realm apply` and for the dashboard, which differ only in how they show and follow the steps.
 */
import type { PackageReader } from "../packages/mod.ts";
import type { DeployWish, Replicas } from "../protocol/app_spec.ts";
import type { CommandBody, CommandKind } from "../protocol/command.ts";
import { RealmError } from "../protocol/errors.ts";
import { sealGrant } from "../protocol/grant.ts";
import { isDigest, shortId } from "../protocol/identity.ts";
import { type AppManifest, appSpecOf } from "../protocol/package_manifest.ts";
import type { PolicyRule } from "../protocol/policy.ts";
import type {
  AppWish,
  KeyWish,
  NodeWish,
  PinWish,
  PolicyTable,
  RealmManifest,
  SecretTable,
} from "../protocol/realm_manifest.ts";
import { describeScope } from "../protocol/secret.ts";
import type { AppView, PlanView } from "../protocol/app_views.ts";
import type { NodeView, SubmittedView } from "../protocol/views.ts";
import type { Credentials, RealmClient } from "./client.ts";
import { readRealmPackage } from "./realm_package.ts";
import { checkSecret, sealSecret } from "./secret_sealing.ts";

/** One step, which says in words what it does. */
export type ManifestStep =
  | {
    readonly kind: "deploy";
    readonly says: string;
    readonly wish: DeployWish;
    readonly plan: PlanView;
    /** Where the files are; absent for a package that the realm already has. */
    readonly reader?: PackageReader;
  }
  | { readonly kind: "scale"; readonly says: string; readonly app: string; readonly replicas: Replicas }
  | {
    readonly kind: "command";
    readonly says: string;
    /** Signs and submits it. */
    run(): Promise<SubmittedView>;
  };

/** What steps need besides a client. */
export interface StepSources {
  /** Opens the package at a path of the manifest. */
  open(path: string): Promise<PackageReader>;
  /** Content of a file that a manifest names; absent where no file can be read. */
  readFile?(path: string): Promise<Uint8Array>;
  /** Signs grants, and tells for which realm secrets are sealed. */
  credentials(): Credentials | Promise<Credentials>;
}

const sameWords = (a: readonly string[], b: readonly string[]): boolean =>
  a.toSorted().join("\n") === b.toSorted().join("\n");

/** What stands under a name; `undefined` when nothing does. */
async function standing(client: RealmClient, name: string): Promise<AppView | undefined> {
  try {
    return await client.app(name);
  } catch (error) {
    if (error instanceof RealmError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Nothing when the app is as wished, a change of scale when only that differs, else a deploy. */
async function appStep(client: RealmClient, wish: AppWish, sources: StepSources): Promise<ManifestStep[]> {
  const reader = isDigest(wish.package) ? undefined : await sources.open(wish.package);
  const from: { readonly manifest: AppManifest; readonly digest: string } = reader ??
    await readRealmPackage(client, wish.package);
  const body: DeployWish = {
    app: wish.name ?? from.manifest.name,
    spec: appSpecOf(from.manifest, from.digest),
    replicas: wish.replicas,
    tags: [...wish.tags],
    strategy: wish.strategy,
  };
  const plan = await client.plan(body);
  const now = plan.change === "same" ? await standing(client, body.app) : undefined;
  if (now && sameWords(now.tags, body.tags)) {
    if (now.wanted === body.replicas) return [];
    const { app, replicas } = body;
    return [{ kind: "scale", says: `scale ${app} to ${replicas}`, app, replicas }];
  }
  const says = `deploy ${body.app} ${body.spec.version}`;
  return [{ kind: "deploy", says, wish: body, plan, ...(reader && { reader }) }];
}

/** What makes a node take work as wished; `undefined` when it does already. What is not said stays as it is. */
function schedulingStep(
  now: NodeView["scheduling"],
  { cordon, drain }: NodeWish,
): "cordon" | "uncordon" | "drain" | undefined {
  if (drain) return now === "draining" ? undefined : "drain";
  if (drain === false && now === "draining") return cordon ? "cordon" : "uncordon";
  if (cordon === undefined || cordon === (now !== "open")) return undefined;
  return cordon ? "cordon" : "uncordon";
}

async function nodeSteps(client: RealmClient, wish: NodeWish): Promise<ManifestStep[]> {
  const node = await client.node(wish.node);
  const steps: ManifestStep[] = [];
  const { tags } = wish;
  if (tags !== undefined && !sameWords(tags, node.tags)) {
    const says = `set the tags of ${node.name} to ${tags.join(" ") || "none"}`;
    steps.push(commandStep(client, says, "node.tag", () => ({ node: node.id, tags: [...tags] })));
  }
  const change = schedulingStep(node.scheduling, wish);
  if (change) {
    steps.push(
      commandStep(client, `${change} ${node.name}`, `node.${change}` as const, () => ({ node: node.id })),
    );
  }
  return steps;
}

function keyStep(client: RealmClient, wish: KeyWish, sources: StepSources): ManifestStep {
  if ("revoke" in wish) {
    return commandStep(client, `revoke ${wish.key}`, "key.revoke", () => ({ key: wish.key }));
  }
  const { key, role, until, name } = wish;
  const date = new Date(until).toISOString().slice(0, 16).replace("T", " ");
  return commandStep(client, `grant ${role} to ${key} until ${date} UTC`, "key.grant", async () => {
    const { realm, signer } = await sources.credentials();
    // A verifier whose clock is a little behind must not find it in the future.
    const from = Date.now() - 60_000;
    const grant = { v: 1, realm, key, role, from, until, ...(name !== undefined && { name }) } as const;
    return { grant: sealGrant(grant, signer) };
  });
}

async function pinSteps(client: RealmClient, wish: PinWish): Promise<ManifestStep[]> {
  const { size, pin, name: present } = await client.blob(wish.digest);
  const { digest, name, copies, tags } = wish;
  if (pin && pin.copies === copies && sameWords(pin.tags, tags) && (name ?? present) === present) return [];
  const body = { digest, copies, size, tags: [...tags], ...(name !== undefined && { name }) };
  return [
    commandStep(client, `keep ${name ?? shortId(digest)} in ${copies} copies`, "blob.pin", () => body),
  ];
}

function commandStep<K extends CommandKind>(
  client: RealmClient,
  says: string,
  kind: K,
  body: () => CommandBody<K> | Promise<CommandBody<K>>,
): ManifestStep {
  return { kind: "command", says, run: async () => await client.command(kind, await body()) };
}

async function policySteps(client: RealmClient, { node, rules }: PolicyTable): Promise<ManifestStep[]> {
  const view = await client.policy();
  const at = node === undefined ? undefined : view.nodes.find((n) => n.node === node);
  if (node !== undefined && !at) {
    throw new RealmError("not_found", `no member ${node}; see 'realm node list'`);
  }
  const stands = at ? at.own : view.realm;
  return (Object.keys(rules) as PolicyRule[]).flatMap((rule) => {
    const value = rules[rule]!;
    if (JSON.stringify(stands[rule]) === JSON.stringify(value)) return [];
    const says = `${rule} = ${String(value) || "(none)"} ${at ? `on ${at.name}` : "in the realm"}`;
    const body = { rule, value, ...(node === undefined ? {} : { node }) };
    return [commandStep(client, says, "policy.set", () => body)];
  });
}

async function secretSteps(
  client: RealmClient,
  { name, scope, valueFile }: SecretTable,
  sources: StepSources,
): Promise<ManifestStep[]> {
  const says = `the secret ${name} is for ${describeScope(scope)}`;
  if (valueFile !== undefined) {
    if (!sources.readFile) {
      throw new RealmError(
        "bad_manifest",
        `the value of the secret ${name} is in a file of your machine: use 'realm apply', or set it on the ` +
          "page Secrets and leave `value_file` out",
      );
    }
    const value = await sources.readFile(valueFile);
    checkSecret(name, value);
    return [commandStep(client, `set ${says}`, "secret.set", async () => {
      const { realm } = await sources.credentials();
      return await sealSecret({ name, value, scope }, realm, await client.secretRecipients(scope.tags));
    })];
  }
  const known = (await client.secrets()).find((s) => s.name === name);
  if (!known) {
    throw new RealmError(
      "not_found",
      `there is no secret ${name}; set its value by 'realm secret set ${name}', or name a \`value_file\``,
    );
  }
  const same = (["jobs", "branches", "tags"] as const).every((part) =>
    sameWords(known.scope[part], scope[part])
  );
  const body = { name, version: known.version, scope };
  return same ? [] : [commandStep(client, says, "secret.scope", () => body)];
}

/**
 * The steps of a manifest, in the order in which they are taken: nodes, policies, keys, pins, secrets, apps. Changes nothing. Fails as
 * the client and {@link StepSources.open} do, and with `not_found` for what a wish names and the realm lacks.
 */
export async function manifestSteps(
  client: RealmClient,
  manifest: RealmManifest,
  sources: StepSources,
): Promise<readonly ManifestStep[]> {
  if (manifest.jobs.length > 0) {
    throw new RealmError(
      "bad_manifest",
      "jobs name files of your machine; run them with 'realm job submit FILE'",
    );
  }
  const steps: ManifestStep[] = [];
  for (const wish of manifest.nodes) steps.push(...await nodeSteps(client, wish));
  for (const wish of manifest.policies) steps.push(...await policySteps(client, wish));
  for (const wish of manifest.keys) steps.push(keyStep(client, wish, sources));
  for (const wish of manifest.pins) steps.push(...await pinSteps(client, wish));
  for (const wish of manifest.secrets) steps.push(...await secretSteps(client, wish, sources));
  for (const wish of manifest.apps) steps.push(...await appStep(client, wish, sources));
  return steps;
}
