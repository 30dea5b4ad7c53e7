/** `realm service install|uninstall|status`: `realm up` at every start of the machine. */
import { RealmError } from "../mod.ts";
import { print } from "./display.ts";
import { flag, type Handler, type Invocation, text, UsageError } from "./invocation.ts";
import { needRealmFile, readText, writePrivate } from "./local_files.ts";
import { up as upOptions } from "./command_spec.ts";
import { LAUNCHD_LABEL, launchdPlist, type ServiceWish, systemdUnit, windowsTask } from "./service_text.ts";
import { checkedUp } from "./up.ts";

/** Name of the service everywhere but on macOS. */
const NAME = "realm";

/** How one system keeps services. */
interface Keeper {
  /** File of the definition. */
  readonly path: string;
  readonly content: string;
  /** Command lines that start it now and at every start of the machine. */
  readonly start: readonly (readonly string[])[];
  readonly stop: readonly (readonly string[])[];
  /** Its output tells the state. */
  readonly state: readonly string[];
  /** Where it logs. */
  readonly logs: string;
}

const isRoot = (): boolean => Deno.build.os !== "windows" && Deno.uid() === 0;

function keeperOf(wish: ServiceWish): Keeper {
  const home = Deno.env.get("HOME") ?? "";
  switch (Deno.build.os) {
    case "linux": {
      const systemctl = ["systemctl", ...wish.system ? [] : ["--user"]];
      return {
        path: wish.system
          ? `/etc/systemd/system/${NAME}.service`
          : `${home}/.config/systemd/user/${NAME}.service`,
        content: systemdUnit(wish),
        start: [[...systemctl, "daemon-reload"], [...systemctl, "enable", "--now", NAME]],
        stop: [[...systemctl, "disable", "--now", NAME]],
        state: [...systemctl, "is-active", NAME],
        logs: `journalctl ${wish.system ? "" : "--user "}-u ${NAME}`,
      };
    }
    case "darwin": {
      const domain = wish.system ? "system" : `gui/${Deno.uid()}`;
      const path = wish.system
        ? `/Library/LaunchDaemons/${LAUNCHD_LABEL}.plist`
        : `${home}/Library/LaunchAgents/${LAUNCHD_LABEL}.plist`;
      return {
        path,
        content: launchdPlist(wish),
        start: [["launchctl", "bootstrap", domain, path]],
        stop: [["launchctl", "bootout", `${domain}/${LAUNCHD_LABEL}`]],
        state: ["launchctl", "print", `${domain}/${LAUNCHD_LABEL}`],
        logs: `${wish.dataDir}/realm.log`,
      };
    }
    default: {
      const path = `${wish.dataDir}\\${NAME}-task.xml`;
      return {
        path,
        content: windowsTask(wish),
        start: [["schtasks", "/Create", "/F", "/TN", NAME, "/XML", path], ["schtasks", "/Run", "/TN", NAME]],
        stop: [["schtasks", "/End", "/TN", NAME], ["schtasks", "/Delete", "/F", "/TN", NAME]],
        state: ["schtasks", "/Query", "/TN", NAME],
        logs: "the event log",
      };
    }
  }
}

/** Options of `realm up` as they were typed, to be repeated by the service. */
function typedOptions(i: Invocation): readonly string[] {
  const typed: string[] = [];
  for (const { name, value } of upOptions) {
    const given = i.options[name];
    if (given === undefined || given === false) continue;
    if (value === undefined) typed.push(`--${name}`);
    else {for (const one of Array.isArray(given) ? given as string[] : [String(given)]) {
        typed.push(`--${name}`, one);
      }}
  }
  return typed;
}

function wishOf(i: Invocation): ServiceWish {
  const executable = i.host.executable;
  if (executable === undefined && !flag(i, "print")) {
    throw new RealmError(
      "usage",
      "a run from source cannot be installed as a service: its files may move; build the executable with 'deno task build' and use that",
    );
  }
  const system = isRoot() || Deno.build.os === "windows", user = text(i, "run-as");
  if (user !== undefined && !system) {
    throw new UsageError("--run-as needs a service of the whole machine: run this as root");
  }
  if (user !== undefined && !/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) {
    throw new UsageError(`--run-as is the name of a user, not ${JSON.stringify(user)}`);
  }
  return {
    executable: executable ?? "/usr/local/bin/realm",
    dataDir: i.dataDir,
    options: typedOptions(i),
    system,
    ...(user === undefined ? {} : { user }),
  };
}

/** Runs a command line of the system; its output. Throws one sentence when it fails. */
async function run([command, ...args]: readonly string[]): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, { args, stdin: "null" }).output();
  } catch (cause) {
    throw new RealmError(
      "unavailable",
      `this machine has no ${command}, so that it keeps no service that way; see 'realm service install --print' and use what it has`,
      { cause },
    );
  }
  const said = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (output.success) return said(output.stdout);
  throw new RealmError(
    "failed",
    `'${[command, ...args].join(" ")}' failed: ${
      said(output.stderr) || said(output.stdout) || `exit code ${output.code}`
    }`,
  );
}

/** Writes the definition and starts the service. */
export const install: Handler = async (i) => {
  // The same options, refused the same: a service that cannot start helps nobody.
  checkedUp(i);
  const wish = wishOf(i), keeper = keeperOf(wish);
  if (flag(i, "print")) return i.terminal.out(keeper.content);
  await needRealmFile(i.dataDir);
  const before = await readText(keeper.path);
  await writePrivate(keeper.path, keeper.content);
  // Nothing secret in it, and the service manager of another user may have to read it.
  if (Deno.build.os !== "windows") await Deno.chmod(keeper.path, 0o644);
  try {
    for (const line of keeper.start) await run(line);
  } catch (error) {
    if (before === undefined) await Deno.remove(keeper.path).catch(() => {});
    else await writePrivate(keeper.path, before);
    throw error;
  }
  print(
    i,
    { path: keeper.path, logs: keeper.logs },
    () =>
      `The node runs as a service, now and whenever the machine starts.\ndefinition  ${keeper.path}\nlogs        ${keeper.logs}\n`,
  );
};

/** Stops the service and takes its definition away; the data stays. */
export const uninstall: Handler = async (i) => {
  const keeper = keeperOf({ executable: "", dataDir: i.dataDir, options: [], system: isRoot() });
  if (await readText(keeper.path) === undefined) {
    throw new RealmError("not_found", `there is no service here (${keeper.path} does not exist)`);
  }
  for (const line of keeper.stop) await run(line);
  await Deno.remove(keeper.path);
  print(i, { path: keeper.path }, () => `The service is gone; the node's data stays in ${i.dataDir}.\n`);
};

/** Whether it is installed and runs. */
export const status: Handler = async (i) => {
  const keeper = keeperOf({ executable: "", dataDir: i.dataDir, options: [], system: isRoot() });
  const installed = await readText(keeper.path) !== undefined;
  const running = installed && await run(keeper.state).then(() => true, () => false);
  print(
    i,
    { installed, running, path: keeper.path, logs: keeper.logs },
    () =>
      installed
        ? `The service is installed (${keeper.path}) and ${
          running ? "runs" : `does not run; see ${keeper.logs}`
        }.\n`
        : "No service is installed; 'realm service install' does so.\n",
  );
  return installed && running ? 0 : 1;
};
