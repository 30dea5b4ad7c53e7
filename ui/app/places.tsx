/** The views: where each is found, and what shows it. A new view is one entry here and one noun. */
import type { VNode } from "preact";
import type { Role } from "../../mod.ts";
import type { IconName } from "./icons.tsx";
import type { Noun } from "./nouns.ts";
import { Apps } from "./views/apps.tsx";
import { Events } from "./views/events.tsx";
import { later } from "./later.tsx";
import { Jobs, NEW_JOB, SCHEDULED, SERVICES } from "./views/jobs.tsx";
import { granting } from "./granting.ts";
import { go, to } from "./router.ts";
import { inviting } from "./invites.ts";
import { Nodes } from "./views/nodes.tsx";
import { Overview } from "./views/overview.tsx";
import { setting } from "./setting_secret.ts";
import { Packages } from "./views/packages.tsx";

/** One view, or a list and its objects. */
export interface Place {
  /** First part of its address; empty for the start page. */
  readonly noun: Noun | "";
  readonly name: string;
  readonly icon: IconName;
  /** Heading in the navigation under which it stands. */
  readonly group: "" | "Work" | "Machines" | "Trust";
  /** What can be done from there, for the command palette. */
  readonly commands?: readonly PlaceCommand[];
  readonly list: () => VNode;
  /** Shows one object by the second part of the address; without it the list takes all addresses. */
  readonly one?: (name: string) => VNode;
}

/** Something that begins in a view. */
export interface PlaceCommand {
  readonly text: string;
  readonly icon: IconName;
  readonly role: Role;
  /** Done once the view is shown. */
  readonly run?: () => void;
}

const fetched = () => import("./views/fetched.ts");
const App = later(async () => (await fetched()).App);
const Apply = later(async () => (await fetched()).Apply);
const Audit = later(async () => (await fetched()).Audit);
const Blob = later(async () => (await fetched()).Blob);
const Key = later(async () => (await fetched()).Key);
const Keys = later(async () => (await fetched()).Keys);
const Node = later(async () => (await fetched()).Node);
const NodePolicies = later(async () => (await fetched()).NodePolicies);
const Package = later(async () => (await fetched()).Package);
const Policies = later(async () => (await fetched()).Policies);
const Run = later(async () => (await fetched()).Run);
const Schedules = later(async () => (await fetched()).Schedules);
const Secret = later(async () => (await fetched()).Secret);
const Secrets = later(async () => (await fetched()).Secrets);
const Services = later(async () => (await fetched()).Services);
const Storage = later(async () => (await fetched()).Storage);
const SubmitJob = later(async () => (await fetched()).SubmitJob);
const Upgrade = later(async () => (await fetched()).Upgrade);

/** Views of jobs in the place of a run. */
const besideRuns: ReadonlyMap<string, () => VNode> = new Map([
  [NEW_JOB, () => <SubmitJob />],
  [SCHEDULED, () => <Schedules />],
  [SERVICES, () => <Services />],
]);

/** All views, in the order of the navigation. */
export const places: readonly Place[] = [
  { noun: "", name: "Overview", icon: "overview", group: "", list: () => <Overview /> },
  {
    noun: "apps",
    name: "Apps",
    icon: "app",
    group: "Work",
    list: () => <Apps />,
    one: (name) => <App key={name} name={name} />,
  },
  {
    noun: "jobs",
    name: "Jobs",
    icon: "job",
    group: "Work",
    commands: [{
      text: "Submit a job",
      icon: "plus",
      role: "operator",
      run: () => go(to("jobs", NEW_JOB)),
    }],
    list: () => <Jobs />,
    one: (name) => besideRuns.get(name)?.() ?? <Run key={name} name={name} />,
  },
  {
    noun: "packages",
    name: "Packages",
    icon: "package",
    group: "Work",
    commands: [{ text: "Deploy a package", icon: "upload", role: "operator" }],
    list: () => <Packages />,
    one: (name) => <Package key={name} name={name} />,
  },
  { noun: "apply", name: "Apply TOML", icon: "apply", group: "Work", list: () => <Apply /> },
  {
    noun: "nodes",
    name: "Nodes",
    icon: "node",
    group: "Machines",
    list: () => <Nodes />,
    one: (name) => <Node key={name} name={name} />,
  },
  {
    noun: "storage",
    name: "Storage",
    icon: "storage",
    group: "Machines",
    commands: [{ text: "Keep a file", icon: "upload", role: "operator" }],
    list: () => <Storage />,
    one: (name) => <Blob key={name} name={name} />,
  },
  {
    noun: "upgrade",
    name: "Upgrade",
    icon: "up",
    group: "Machines",
    commands: [{ text: "Upgrade the fleet", icon: "up", role: "admin" }],
    list: () => <Upgrade />,
  },
  { noun: "events", name: "Events", icon: "pulse", group: "Machines", list: () => <Events /> },
  {
    noun: "keys",
    name: "Keys & invites",
    icon: "key",
    group: "Trust",
    commands: [
      { text: "Invite a machine", icon: "invite", role: "admin", run: () => inviting.value = true },
      { text: "Grant a role to a person", icon: "key", role: "admin", run: () => granting.value = true },
    ],
    list: () => <Keys />,
    one: (name) => <Key key={name} name={name} />,
  },
  {
    noun: "secrets",
    name: "Secrets",
    icon: "lock",
    group: "Trust",
    commands: [{ text: "Set a secret", icon: "lock", role: "admin", run: () => setting.value = "new" }],
    list: () => <Secrets />,
    one: (name) => <Secret key={name} name={name} />,
  },
  {
    noun: "policies",
    name: "Policies",
    icon: "shield",
    group: "Trust",
    list: () => <Policies />,
    one: (name) => <NodePolicies key={name} name={name} />,
  },
  { noun: "audit", name: "Audit", icon: "audit", group: "Trust", list: () => <Audit /> },
];

/** Address of a view. */
export const addressOf = (place: Place): string => `/${place.noun}`;

/** The view at an address; the start page where there is none. */
export const placeAt = (path: string): Place => {
  const noun = path.split("/")[1] ?? "";
  return places.find((p) => p.noun === noun) ?? places[0];
};
