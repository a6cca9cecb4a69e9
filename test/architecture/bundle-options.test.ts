import assert from "node:assert/strict";
import { test } from "node:test";
import { transform } from "esbuild";
import { bundleOptions } from "../../scripts/bundle-options.ts";

/** A read that fails once and then is done, as those of the bus: what it opens is closed at the end of each turn. */
const retrying = `
  export function read() {
    const closed = [];
    for (let turn = 1; turn < 10; turn++) {
      try {
        using opened = { [Symbol.dispose]: () => closed.push(turn) };
        if (turn === 1) throw new Error("away");
        return closed;
      } catch {}
    }
    throw new Error("it never ended");
  }
`;

test("what is opened in a loop and fails once does not fail in each turn that follows", async () => {
  const { platform, target, format, supported } = bundleOptions;
  const { code } = await transform(retrying, { platform, target, format, supported });
  const { read } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { read(): readonly number[] };
  assert.deepEqual(read(), [1, 2]);
});
