/**
 * `POST /api/upgrade`: a rollout in one request, as multipart/form-data. The part `command` comes first: a signed
 * `upgrade.start`. Then the executables, each under the file name that the release gives it. Every byte goes to the blob
 * store as it comes; the command is handed in when all files of the release are there.
 */
import { Busboy } from "@fastify/busboy";
import { Readable } from "node:stream";
import type { AgentService } from "../node/mod.ts";
import {
  apiLimits,
  decodeJson,
  openCommand,
  readRelease,
  RealmError,
  type ReleaseArtifact,
  type SignedCommand,
  SignedCommandSchema,
  type SubmittedView,
  unwrap,
  utf8,
} from "../protocol/mod.ts";
import { watchedUpload } from "./body.ts";

const wrong = (message: string) => new RealmError("bad_request", message);

/** Files that a signed command is about. */
function filesOf(agent: AgentService, signed: SignedCommand): readonly ReleaseArtifact[] {
  const opened = unwrap(openCommand(signed, agent.realm, agent.verifier, (key) => agent.revokedAt(key)));
  if (!opened.known || opened.command.kind !== "upgrade.start") {
    throw wrong(
      opened.known
        ? `the command is ${opened.command.kind}, not upgrade.start`
        : opened.problem ?? "the command is not known here",
    );
  }
  return unwrap(readRelease(opened.command.body.release, agent.verifier)).manifest.artifacts;
}

/** Takes files and command in. */
export async function uploadUpgrade(
  agent: AgentService,
  request: Request,
  signal: AbortSignal,
): Promise<SubmittedView> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*;/i.test(type) || !request.body) {
    throw wrong("the request's content type must be multipart/form-data");
  }
  let command: SignedCommand | undefined;
  let files: readonly ReleaseArtifact[] = [];
  const stored: Promise<unknown>[] = [];
  const parser = new Busboy({
    headers: { "content-type": type },
    limits: { fieldSize: apiLimits.commandBodyBytes, fields: 1, files: 6, fileSize: Infinity, parts: 8 },
  });
  const done = new Promise<void>((resolve, reject) => {
    parser.on("field", (name, value, _cut, truncated) => {
      try {
        if (name !== "command") throw wrong(`the part ${name} is not known; 'command' and files are`);
        if (truncated) throw new RealmError("too_large", "the part 'command' is too large");
        command = unwrap(decodeJson(utf8(value), SignedCommandSchema, "the part 'command'"));
        files = filesOf(agent, command);
      } catch (error) {
        reject(error);
      }
    });
    parser.on("file", (_, stream, name) => {
      const artifact = files.find((f) => f.file === name);
      if (!artifact) {
        stream.resume();
        reject(wrong(command ? `the release names no file ${name}` : "the part 'command' must come first"));
        return;
      }
      const content = Readable.toWeb(stream as unknown as Readable) as unknown as ReadableStream<Uint8Array>;
      const watched = watchedUpload(content, artifact.size, apiLimits.uploadIdleMs);
      stored.push(
        agent.upload(artifact.sha256, watched, signal).catch((error) => {
          stream.resume();
          reject(error);
        }),
      );
    });
    parser.on("finish", resolve);
    parser.on(
      "error",
      (error: unknown) => reject(wrong(`the request's body is no multipart/form-data: ${error}`)),
    );
  });
  const source = Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]);
  source.on("error", (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    await done;
    await Promise.all(stored);
  } catch (error) {
    source.unpipe(parser);
    source.destroy();
    throw error;
  }
  if (!command) throw wrong("the part 'command' is missing: a signed upgrade.start as JSON");
  const needed = new Set(agent.nodes().map((n) => n.info?.platform));
  const missing = await agent.missing(files.filter((f) => needed.has(f.platform)).map((f) => f.sha256));
  const lacking = files.filter((f) => missing.includes(f.sha256)).map((f) => f.file);
  if (lacking.length > 0) throw wrong(`these files of the release are missing: ${lacking.join(", ")}`);
  return unwrap(agent.submit(command));
}
