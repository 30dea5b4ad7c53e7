/** Runs that ended while no agent was there, as their warden wrote them down before it went. */
import type { LogChunk } from "../../../ports.ts";
import type { SandboxLevel } from "../../../protocol/policy.ts";
import type { OutputPositions, ProgramHandle } from "../../program.ts";
import type { ExitReport } from "../../runtime.ts";
import { KeptRun } from "./kept_run.ts";
import { streams, wardenFiles } from "./words.ts";

/** One of them. */
export interface EndedRun {
  readonly id: string;
  readonly memo: string;
  /** Its handle: its output from there on is told, then its end. */
  adopt(from: OutputPositions, onLog: (chunk: LogChunk) => void): ProgramHandle;
  /** Removes what was written down. */
  forget(): void;
}

interface Written {
  readonly number: number;
  readonly id: string;
  readonly level: SandboxLevel;
  readonly memo?: string;
  readonly exit: ExitReport;
  readonly output: readonly (readonly [stream: number, at: number, end: number, base64: string])[];
}

/** `undefined`: it was cut short, as by a power cut. */
function readWritten(path: string): Written | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return undefined;
  }
}

/** Those of a warden's directory; the directory goes with the last of them. */
export function listEnded(directory: string): readonly EndedRun[] {
  const names = [...Deno.readDirSync(directory)].map((e) => e.name).filter((n) =>
    n.endsWith(wardenFiles.ended)
  );
  return names.flatMap((name): EndedRun[] => {
    const forget = () => {
      Deno.removeSync(`${directory}/${name}`);
      const left = [...Deno.readDirSync(directory)].some((e) => e.name.endsWith(wardenFiles.ended));
      if (!left) Deno.removeSync(directory, { recursive: true });
    };
    const run = readWritten(`${directory}/${name}`);
    const memo = run?.memo;
    if (!run || memo === undefined) {
      forget();
      return [];
    }
    return [{
      id: run.id,
      memo,
      forget,
      adopt(from, onLog) {
        const nothing = () => {};
        const handle = new KeptRun(run.id, run.level, run.number, onLog, {
          kept: nothing,
          stop: nothing,
          release: forget,
        });
        queueMicrotask(() => {
          for (const [index, at, end, base64] of run.output) {
            const bytes = Uint8Array.fromBase64(base64);
            const stream = streams[index];
            const left = Math.min(bytes.length, end - from[stream]);
            if (left > 0) handle.take({ stream, at, end, bytes: bytes.subarray(bytes.length - left) });
          }
          handle.hasEnded(run.exit);
        });
        return handle;
      },
    }];
  });
}
