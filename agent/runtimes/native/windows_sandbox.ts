/**
 * Windows: a job object (JobObject API) that bounds a program and all that it starts, and ends them together. The bytes
 * of its structures, as winnt.h has them on 64-bit Windows, and the calls in their order. Written by the documentation;
 * not tried on a machine.
 */
import type { ProgramSpec } from "../program.ts";

/** JobObjectExtendedLimitInformation, JobObjectCpuRateControlInformation, JobObjectBasicUIRestrictions. */
export const jobInformation = { extendedLimits: 9, cpuRate: 15, uiRestrictions: 4 } as const;

/** LimitFlags of JOBOBJECT_BASIC_LIMIT_INFORMATION. */
const ACTIVE_PROCESS = 0x8, JOB_MEMORY = 0x200, DIE_ON_UNHANDLED = 0x400, KILL_ON_JOB_CLOSE = 0x2000;
/** sizeof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION), and offsets in it. */
const EXTENDED_BYTES = 144, LIMIT_FLAGS = 16, ACTIVE_PROCESS_LIMIT = 40, JOB_MEMORY_LIMIT = 120;
/** ControlFlags of JOBOBJECT_CPU_RATE_CONTROL_INFORMATION: ENABLE | HARD_CAP. */
const CPU_ENABLE_HARD_CAP = 0x1 | 0x4;
/** The rate is in hundredths of a percent of all processors. */
const CPU_WHOLE = 10_000;
/** JOB_OBJECT_UILIMIT_… all: no desktop, clipboard, handles of others' windows, settings, or end of the session. */
const UI_ALL = 0xff;
const MIB = 1024 * 1024;

/** One call of `SetInformationJobObject`: which information, and its bytes. */
export interface JobSetting {
  readonly information: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Everything that is set on the job object of a program, in order. `cores`: those of the machine. */
export function jobSettings(spec: ProgramSpec, cores: number): readonly JobSetting[] {
  const limits = new Uint8Array(EXTENDED_BYTES);
  const view = new DataView(limits.buffer);
  view.setUint32(LIMIT_FLAGS, ACTIVE_PROCESS | JOB_MEMORY | DIE_ON_UNHANDLED | KILL_ON_JOB_CLOSE, true);
  view.setUint32(ACTIVE_PROCESS_LIMIT, spec.pids, true);
  view.setBigUint64(JOB_MEMORY_LIMIT, BigInt(spec.memoryMb * MIB), true);
  const settings: JobSetting[] = [
    { information: jobInformation.extendedLimits, bytes: limits },
    { information: jobInformation.uiRestrictions, bytes: new Uint8Array(new Uint32Array([UI_ALL]).buffer) },
  ];
  if (spec.cpuCores !== undefined && spec.cpuCores < cores) {
    const rate = Math.max(1, Math.round(CPU_WHOLE * spec.cpuCores / cores));
    settings.push({
      information: jobInformation.cpuRate,
      bytes: new Uint8Array(new Uint32Array([CPU_ENABLE_HARD_CAP, rate]).buffer),
    });
  }
  return settings;
}

/** Functions of kernel32.dll that put a process into a job object. */
export const jobCalls = {
  CreateJobObjectW: { parameters: ["pointer", "buffer"], result: "pointer" },
  SetInformationJobObject: { parameters: ["pointer", "i32", "buffer", "u32"], result: "i32" },
  OpenProcess: { parameters: ["u32", "i32", "u32"], result: "pointer" },
  AssignProcessToJobObject: { parameters: ["pointer", "pointer"], result: "i32" },
  TerminateJobObject: { parameters: ["pointer", "u32"], result: "i32" },
  CloseHandle: { parameters: ["pointer"], result: "i32" },
  GetLastError: { parameters: [], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** PROCESS_SET_QUOTA | PROCESS_TERMINATE: what {@link confineProcess} needs of a process. */
const PROCESS_RIGHTS = 0x0100 | 0x0001;

/** The calls, so that a test can be in Windows' place. */
export type JobCalls = Deno.DynamicLibrary<typeof jobCalls>["symbols"];

/** A job object that holds a process. */
export interface JobObject extends Disposable {
  /** Ends everything in it. */
  end(): void;
}

/**
 * Makes a job object, sets its limits and puts a process into it, which must not have started anything yet: it waits for
 * its order on stdin. Everything ends when the object is disposed of or this process ends. Throws with Windows' number.
 */
export function confineProcess(calls: JobCalls, pid: number, settings: readonly JobSetting[]): JobObject {
  const check = <T>(what: string, result: T): T => {
    if (result === null || result === 0) throw new Error(`${what} failed: error ${calls.GetLastError()}`);
    return result;
  };
  const job = check("CreateJobObject", calls.CreateJobObjectW(null, null));
  try {
    for (const { information, bytes } of settings) {
      check(
        "SetInformationJobObject",
        calls.SetInformationJobObject(job, information, bytes, bytes.length),
      );
    }
    const process = check("OpenProcess", calls.OpenProcess(PROCESS_RIGHTS, 0, pid));
    try {
      check("AssignProcessToJobObject", calls.AssignProcessToJobObject(job, process));
    } finally {
      calls.CloseHandle(process);
    }
  } catch (error) {
    calls.CloseHandle(job);
    throw error;
  }
  return {
    end: () => void calls.TerminateJobObject(job, 1),
    [Symbol.dispose]: () => void calls.CloseHandle(job),
  };
}
