/** Definitions of `realm up` as a service of the system: for systemd, launchd and the Windows task scheduler. */

/** What a definition says. */
export interface ServiceWish {
  /** The executable, absolute. */
  readonly executable: string;
  readonly dataDir: string;
  /** Options of `realm up`, as typed. */
  readonly options: readonly string[];
  /** Of the whole machine, not of one user. */
  readonly system: boolean;
  /** User of a system service; default root. */
  readonly user?: string;
}

const commandOf = ({ executable, dataDir, options }: ServiceWish): readonly string[] => [
  executable,
  "up",
  "--data-dir",
  dataDir,
  ...options,
];

/** A word of a systemd unit: quoted, with its specifiers and variables escaped. */
const unitWord = (word: string): string =>
  `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
const unitPath = (path: string): string => path.replaceAll("%", "%%").replaceAll(" ", "\\x20");

/**
 * A systemd unit. It takes away what the agent never needs. What stays: control groups and users, by which programs of
 * jobs are limited and separated, and executable memory, which WebAssembly is compiled to.
 */
export function systemdUnit(wish: ServiceWish): string {
  const { dataDir, system, user } = wish;
  // A user's own service manager has no rights that it could take away.
  const walls = system
    ? `# Only its own directory can be written, and the system's parts cannot be changed.
ProtectSystem=strict
ReadWritePaths=${unitPath(dataDir)}
ProtectHome=${/^\/(home|root)\//.test(dataDir) ? "no" : "read-only"}
PrivateTmp=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
RestrictRealtime=yes
`
    : "";
  return `[Unit]
Description=Realm node
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${commandOf(wish).map(unitWord).join(" ")}
Environment=${unitWord(`REALM_CACHE_DIR=${dataDir}/cache`)}
${user === undefined ? "" : `User=${user}\n`}UMask=0077
Restart=always
RestartSec=2
# The supervisor passes the signal on, and the agent ends what is in flight. After a crash native jobs go on until the
# next agent takes them over.
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=60
LimitNOFILE=65536
# Control groups of jobs are below that of the service.
Delegate=yes
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
${walls}
[Install]
WantedBy=${system ? "multi-user.target" : "default.target"}
`;
}

const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Label of the launchd job. */
export const LAUNCHD_LABEL = "realm.node";

/** A launchd property list. */
export function launchdPlist(wish: ServiceWish): string {
  const { dataDir, user } = wish;
  const string = (text: string) => `<string>${xml(text)}</string>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${string(LAUNCHD_LABEL)}
  <key>ProgramArguments</key>
  <array>
${commandOf(wish).map((word) => `    ${string(word)}`).join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict><key>REALM_CACHE_DIR</key>${string(`${dataDir}/cache`)}</dict>
${user === undefined ? "" : `  <key>UserName</key>${string(user)}\n`}  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ExitTimeOut</key><integer>60</integer>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key>${string(`${dataDir}/realm.log`)}
  <key>StandardErrorPath</key>${string(`${dataDir}/realm.log`)}
</dict>
</plist>
`;
}

/** Quoted as Windows programs take their command line apart. */
const windowsWord = (word: string): string =>
  /[\s"]/.test(word) ? `"${word.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"` : word;

/**
 * A task of the Windows task scheduler that starts with the machine and is started again when it ends: a console program
 * cannot be a service by itself.
 */
export function windowsTask(wish: ServiceWish): string {
  const [command, ...args] = commandOf(wish);
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.4" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Realm node</Description></RegistrationInfo>
  <Triggers><BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>
  <Principals>
    <Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${xml(command)}</Command>
      <Arguments>${xml(args.map(windowsWord).join(" "))}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}
