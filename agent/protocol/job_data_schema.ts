/** The schema of what a job takes in and leaves behind: inputs, outputs and caches. */
import * as v from "valibot";
import { jobLimits } from "./job_limits.ts";
import { limits } from "./limits.ts";
import {
  choice,
  flag,
  guestPath,
  list,
  localPath,
  may,
  must,
  pattern,
  secretName,
  text,
  whole,
} from "./written_values.ts";

const artifactName = pattern(
  "a name of an artifact: letters, digits, dots, hyphens and underscores",
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
  128,
);
/** As {@link GUEST_PATH}; a slash at the end says that it is a directory. */
const OUTPUT_PATH = // deno-lint-ignore no-control-regex
  /^\/$|^(\/(?!\.{1,2}(\/|$))[^/\\\u0000-\u001f\u007f]+)+\/?$/;
const outputPath = pattern(
  'an absolute, normalised path such as "/out/app", or "/out/" for a directory that is made before the start',
  OUTPUT_PATH,
  limits.pathBytes,
);
const path = guestPath("/src");

const Input = v.strictObject({
  git: may(
    text("the address of a repository", 2_048),
    "A git repository: `https://…`, `ssh://…`, `user@host:path`, `github.com/user/repo`, or a path on the node that its policy `native_read` allows.",
  ),
  ref: may(text("a branch, tag or commit", 256), "Git: what to check out; default the default branch."),
  depth: may(whole(1, 1_000_000), "Git: commits of history; default 1."),
  submodules: may(flag, "Git: fetch submodules too."),
  credential: may(secretName, "Git: the secret that gives access."),
  asset: may(
    text("a name or digest of a blob", 256),
    "A stored blob by name or digest, as a read-only file.",
  ),
  path: may(
    localPath,
    "A file or directory of this machine, which is uploaded; of a directory without what .gitignore names.",
  ),
  run: may(text("a job of this pipeline, or a run", 128), "A job of this pipeline, or a run by its id."),
  output: may(artifactName, "With `run`: the name of its artifact."),
  mount: must(path, "Where it appears in the job's file system."),
});
const Output = v.strictObject({
  path: must(
    outputPath,
    "File or directory in the job's file system that is kept; a directory with `/` at its end is made before the start.",
  ),
  name: must(artifactName, "Name of the artifact."),
  retention_days: may(whole(1, jobLimits.retentionDays, " (days)"), "How long it is kept; default 30."),
  if: may(choice("success", "failure", "always"), "When it is kept; default success."),
});
/** What a job finds in its file system, and what is kept of it. */
export const Data = v.strictObject({
  inputs: may(list(Input, "a list of tables", jobLimits.inputs), "What the job finds in its file system."),
  outputs: may(list(Output, "a list of tables", jobLimits.outputs), "What is kept of its file system."),
});
/** Directories kept between runs. */
export const Cache = v.strictObject({
  key: must(
    text("a key", 256),
    "Name of the cached content, among those of the same submitter and platform; {hash:FILE} stands for a file's hash.",
  ),
  paths: must(list(path, "a list of paths", 64), "What is cached."),
  restore_keys: may(
    list(text("a beginning of a key", 256), "a list of texts", 16),
    "Beginnings of keys to fall back to.",
  ),
});
