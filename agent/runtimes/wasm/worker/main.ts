/**
 * A worker inside a run's child process: holds guests and nothing else. It is started with the permissions of the run
 * (mounts, allowed hosts) and is told everything by messages.
 */
import { GatedOutput } from "../child/output.ts";
import { link } from "../component/mod.ts";
import { GuestFs, symlinkClient } from "../fs/mod.ts";
import { FIXED_START_NS } from "../preview1/mod.ts";
import { QueueSource } from "../host/sources.ts";
import { FrameParser, frameType, jsonFrame, numberFrame } from "../process/frames.ts";
import type { CommandEnd, Frame } from "../process/frames.ts";
import { runComponent, runModule } from "./command_guest.ts";
import { componentHost, missingImports } from "./component_host.ts";
import { brief, failureOf } from "./failures.ts";
import { HttpGuest } from "./http_guest.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { narrowGlobals } from "./scope.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
};
type Init = Extract<ToWorker, { init: unknown }>["init"];

let parser = new FrameParser();
let platformFetch: typeof fetch | undefined;
let onFrame: (frame: Frame) => void = () => {};

/** The main thread must know before the agent does that requests can come; what a command says must not overtake it. */
function tellReady({ config }: Init, output: GatedOutput, message: string | undefined): void {
  const ready = message === undefined ? {} : { message };
  if (config.mode === "command") output.write(jsonFrame(frameType.ready, 0, ready));
  else scope.postMessage({ ready });
}

function start(init: Init): void {
  const { config, program } = init;
  const fetchOutside = platformFetch ??= narrowGlobals();
  // The worker of a lot has had other commands.
  parser = new FrameParser();
  onFrame = () => {};
  const output = new GatedOutput(init.outGate);
  const outbox = new Outbox({
    write: (bytes) => output.write(bytes),
    over: () => void Atomics.sub(init.inWork, 0, 1),
    forget: (done) => scope.postMessage({ done }),
  }, config.wholeLog);
  const ready = (message?: string) => tellReady(init, output, message);
  const fs = new GuestFs({
    mounts: config.mounts,
    shared: init.fsState,
    owner: init.owner,
    makeSymlink: symlinkClient(init.symlinks),
    refused: (path) =>
      outbox.notice(`Path ${JSON.stringify(brief(path))} was refused: it leads out of the app's mounts.`),
    ...(config.deterministic ? { fixedTimeNs: FIXED_START_NS } : {}),
  });
  const finish = (end: CommandEnd) => {
    fs[Symbol.dispose]();
    init.symlinks.close();
    outbox.exit(end);
  };
  if (program.kind === "module") {
    ready();
    finish(runModule(program.module, config, fs, outbox, init.stdin));
    return;
  }
  const plan = link(program, program.modules);
  const stdin = new QueueSource((bytes) => outbox.add(numberFrame(frameType.credit, 0, bytes)));
  if (config.mode === "http") stdin.end();
  const host = componentHost(config, fs, outbox, () => stdin, fetchOutside);
  const missing = missingImports(plan.imports, host);
  if (missing.length > 0) {
    return ready(`the component imports what no WASI 0.2 host has: ${brief(missing.join(", "))}`);
  }
  const interfaceName = config.mode === "http" ? "wasi:http/incoming-handler@0.2." : "wasi:cli/run@0.2.";
  const entry = [...plan.exports.keys()].find((name) => name.startsWith(interfaceName));
  if (entry === undefined) return ready(`the component does not export ${interfaceName}x`);
  if (config.mode === "http") {
    const guest = new HttpGuest(config, plan, program, host, outbox, entry);
    guest.prepare();
    onFrame = (frame) => guest.frame(frame);
    return ready();
  }
  onFrame = (frame) => {
    if (frame.type === frameType.body) stdin.push(frame.payload);
    else if (frame.type === frameType.bodyEnd) stdin.end();
  };
  ready();
  void runComponent(plan, program.modules, host, entry, config.memoryMb).then(finish);
}

scope.onmessage = ({ data }) => {
  if ("init" in data) {
    try {
      start(data.init);
    } catch (error) {
      const { message } = failureOf(error, false, data.init.config.memoryMb);
      tellReady(data.init, new GatedOutput(data.init.outGate), message);
    }
    return;
  }
  for (const frame of parser.push(data.frames)) onFrame(frame);
};
