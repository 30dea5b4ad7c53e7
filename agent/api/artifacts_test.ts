import assert from "node:assert/strict";
import type { Artifact } from "../protocol/job_record.ts";
import { artifactOf } from "./artifacts.ts";

const made: Artifact = { name: "made", digest: "d", bytes: 1, form: "file", until: 1 };

Deno.test("artifactOf() finds one by name, and says what there is when there is none of it", () => {
  const run = { id: "r", artifacts: [made], ended_at: 1 };
  assert.equal(artifactOf(run, "made"), made);
  assert.throws(() => artifactOf(run, "other"), /the run r has no artifact other; it has made$/);
  assert.throws(() => artifactOf({ ...run, artifacts: [] }, "made"), /it left none$/);
  assert.throws(() => artifactOf({ id: "r", artifacts: [] }, "made"), /it has not ended yet/);
});
