import assert from "node:assert/strict";
import { plainOrder } from "./plain_order.ts";

Deno.test("plainOrder() orders by code units where no language is named", () => {
  const before = String.prototype.localeCompare;
  try {
    assert.equal("a".localeCompare("B"), -1);
    plainOrder();
    assert.deepEqual(["b", "B", "a", "a"].sort((x, y) => x.localeCompare(y)), ["B", "a", "a", "b"]);
    assert.equal("a".localeCompare("B", "en"), -1, "by the language that is named");
  } finally {
    String.prototype.localeCompare = before;
  }
});
