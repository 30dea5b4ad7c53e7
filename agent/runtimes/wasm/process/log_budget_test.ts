import assert from "node:assert/strict";
import { wasmLimits } from "../../../protocol/limits.ts";
import { LogBudget } from "./log_budget.ts";

Deno.test("LogBudget lets a burst pass, then its rate, and counts what it drops", () => {
  let now = 0;
  const budget = new LogBudget(() => now);
  let passed = 0;
  const write = () => {
    if (budget.take(1024)) passed += 1024;
  };
  for (let i = 0; i < 5_000; i++) write();
  assert.equal(passed, wasmLimits.logBurstBytes);
  assert.equal(budget.takeDropped(), 5_000 * 1024 - passed);
  assert.equal(budget.takeDropped(), 0);
  now = 1_000;
  for (let i = 0; i < 5_000; i++) write();
  assert.equal(passed, wasmLimits.logBurstBytes + wasmLimits.logBytesPerSecond);
});

Deno.test("LogBudget bounds the number of tiny writes too", () => {
  const budget = new LogBudget(() => 0);
  let writes = 0;
  while (budget.take(1)) writes++;
  assert.equal(writes, wasmLimits.logBurstBytes / wasmLimits.logWriteCost);
});
