import assert from "node:assert/strict";

Deno.test("256 MB pass through put, get and transfer in bounded memory", async () => {
  const script = new URL("../../tests/bench/storage_bench.ts", import.meta.url);
  const config = new URL("../../deno.json", import.meta.url);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", config.pathname, script.href, "256", "--json"],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const { peakGrowth } = JSON.parse(new TextDecoder().decode(stdout));
  const mb = (n: number) => Math.round(n / 1e6);
  const { put, get, transfer } = peakGrowth;
  console.log(
    `256 MB blob: memory grew by ${mb(put)} (put), ${mb(get)} (get), ${
      mb(transfer)
    } MB (transfer, both ends)`,
  );
  // The blob itself would be 256 MB; what is left is the window, the runtime's garbage and malloc's fragments.
  for (const growth of [put, get, transfer]) assert.ok(growth < 230e6, `${mb(growth)} MB`);
});
