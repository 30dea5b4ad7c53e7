import assert from "node:assert/strict";
import { leftOut } from "./system_packages.ts";

Deno.test("a suite whose packages are missing is left out with a line that names them, or fails where that is strict", () => {
  assert.equal(leftOut("wasi", [], true), undefined);
  assert.match(
    leftOut("wasi", ["/usr/bin/clang"], false)!,
    /left out: suite wasi needs \/usr\/bin\/clang .*install -y clang lld wasi-libc/,
  );
  assert.throws(() => leftOut("wasi", ["/usr/bin/clang"], true), /left out: suite wasi/);
});
