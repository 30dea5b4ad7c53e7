import assert from "node:assert/strict";
import { eventually } from "../../../tests/cluster.ts";
import { Notifier } from "./notifier.ts";

const notice = (webhook: string) => ({
  webhook,
  on: "failure" as const,
  run: "build-1",
  job: "build",
  state: "failed" as const,
  reason: "exited with code 1",
  labels: {},
  submittedAt: 1,
  endedAt: 2,
});

for (
  const [name, answers, tries] of [
    ["once when it is taken", [204], 1],
    ["again after an error of the server", [500, 503, 200], 3],
    ["no more after a refusal", [403], 1],
    ["no more than a few times", [500, 500, 500], 3],
    ["nowhere else when it is sent away", [302], 1],
  ] as const
) {
  Deno.test(`an end is told ${name}`, async () => {
    const got: { body: Record<string, unknown>; delivery: string | null }[] = [];
    const said: string[] = [];
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      got.push({ body: await request.json(), delivery: request.headers.get("x-realm-delivery") });
      const status = answers[got.length - 1] ?? 200;
      return new Response(null, { status, headers: status === 302 ? { location: "/elsewhere" } : {} });
    });
    const quiet = () => {};
    using notifier = new Notifier(
      { debug: quiet, info: quiet, warn: (m) => void said.push(m), error: quiet },
      [5, 5],
    );
    notifier.tell(notice(`http://127.0.0.1:${server.addr.port}/hook`));
    const taken = answers.at(-1)! < 300;
    await eventually("it is through", () => taken ? got.length === tries : said.length === 1);
    await server.shutdown();
    assert.equal(got.length, tries);
    assert.deepEqual(got[0].body, {
      on: "failure",
      run: "build-1",
      job: "build",
      state: "failed",
      reason: "exited with code 1",
      labels: {},
      submitted_at: 1,
      ended_at: 2,
    });
    assert.ok(got.every((g) => g.delivery === "build-1/failure"));
  });
}
