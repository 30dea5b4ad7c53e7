/**
 * The language between the agent and the child process of a run: frames of `u32 length | u8 type | u32 id | payload`,
 * little-endian, length counting what follows it. Requests, bodies in both directions with credits, logs.
 * What comes from a child is not trusted: lengths are bounded, unknown ids are ignored, text is checked where it is used.
 */
export {
  concat,
  encodeFrame,
  encodeFrames,
  type Frame,
  FrameParser,
  jsonFrame,
  jsonOf,
  numberFrame,
  numberOf,
} from "../../frames.ts";

/** Types of frames. `id` is the request's, 0 where there is none. */
export const frameType = {
  /** To the child: JSON {@link ChildConfig}. */
  init: 1,
  /** To the child: JSON {@link RequestHead}. */
  request: 2,
  /** To the child: bytes of a request's body, or of stdin (id 0). */
  body: 3,
  /** To the child: the end of a body; JSON `[name, value][]` trailers, or empty. */
  bodyEnd: 4,
  /** Both ways: u32 bytes that were taken. From the child: of the request's body. */
  credit: 5,
  /** To the child: the request must end. Answered by `cancelled` when it has. */
  cancel: 6,
  /** To the child: nobody reads the response any more. */
  closed: 7,
  /** To the child: the answer to `symlink` of that id; u32 of `symlinkAnswer()`. */
  symlinked: 8,
  /** To the child: a command of a lot has ended. Answered by `idle`; another `init` may follow. */
  reset: 9,
  /** From the child: JSON `{ target, path }`: make this symlink, which Deno allows to no process with scoped permissions. */
  symlink: 24,
  /** From the child: JSON `{ message?: string }`; with a message it cannot start. */
  ready: 16,
  /** From the child: JSON {@link ResponseHead}. */
  head: 17,
  /** From the child: bytes of a response's body. */
  chunk: 18,
  /** From the child: the end of a response; JSON trailers, or empty. */
  end: 19,
  /** From the child: JSON {@link Failure}; nothing follows for this request. */
  fail: 20,
  /** From the child: the request has been ended as asked. */
  cancelled: 21,
  /** From the child: one byte (index into {@link logStreams}), then bytes. */
  log: 22,
  /** From the child: JSON {@link CommandEnd}. */
  exit: 23,
  /** From the child: it has no run and waits for one. */
  idle: 25,
} as const;

/** Names of log streams by the number in a log frame. */
export const logStreams = ["stdout", "stderr", "system"] as const;

/** What a child is told first. */
export interface ChildConfig {
  readonly mode: "http" | "command";
  readonly wasm: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly {
    readonly guest: string;
    readonly host: string;
    readonly readOnly: boolean;
    readonly quotaBytes?: number;
  }[];
  readonly memoryMb: number;
  readonly instance: "per_request" | "reuse";
  readonly outbound: readonly string[];
  readonly deterministic: boolean;
  /** Output waits for the log to take it, instead of being dropped above a rate. */
  readonly wholeLog: boolean;
  /** Instances that one worker may keep for further requests. */
  readonly instances: number;
  /** Workers that serve requests. */
  readonly workers: number;
  /** The worker serves all commands of the process: what it may read and write instead of the mounts. */
  readonly lot?: { readonly read: readonly string[]; readonly write: readonly string[] };
}

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Whether body frames follow. */
  readonly body: boolean;
}
/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: [string, string][];
}
/** Why a request got no answer, or only a part of one. */
export interface Failure {
  readonly reason: "trapped" | "out_of_memory" | "exited" | "failed";
  readonly message: string;
}
/** How a command ended. */
export interface CommandEnd {
  readonly reason: "exited" | "trapped" | "out_of_memory" | "failed_to_start";
  readonly code?: number;
  readonly message: string;
}
