import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { ChurnMap } from "../../src/base/churn-map.ts";

const run = promisify(execFile);

test("it holds what a Map holds, in its order, whatever comes and goes", () => {
  const key = fc.nat({ max: 60 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), key }),
    fc.record({ kind: fc.constant("delete" as const), key }),
    fc.record({ kind: fc.constant("clear" as const), key }),
  );
  const weighted = fc.oneof({ weight: 50, arbitrary: step.filter(({ kind }) => kind !== "clear") }, step);
  fc.assert(
    fc.property(fc.array(weighted, { maxLength: 500 }), (steps) => {
      const [ours, theirs] = [new ChurnMap<number, number>(), new Map<number, number>()];
      for (const [index, { kind, key: about }] of steps.entries()) {
        if (kind === "set") {
          ours.set(about, index);
          theirs.set(about, index);
        } else if (kind === "clear") {
          ours.clear();
          theirs.clear();
        } else assert.equal(ours.delete(about), theirs.delete(about));
        assert.equal(ours.size, theirs.size);
        assert.deepEqual([ours.has(about), ours.get(about)], [theirs.has(about), theirs.get(about)]);
      }
      assert.deepEqual([...ours.keys()], [...theirs.keys()]);
      assert.deepEqual([...ours.values()], [...theirs.values()]);
      assert.deepEqual([...ours.entries()], [...theirs.entries()]);
    }),
  );
});

/** Full collections while 300,000 entries come and go, a hundred at a time, each with some garbage beside it. */
async function fullCollections(name: string): Promise<number> {
  const path = fileURLToPath(new URL("../../src/base/churn-map.ts", import.meta.url));
  const script = `
    const { ChurnMap } = await import(${JSON.stringify(path)});
    const { PerformanceObserver, constants } = await import("node:perf_hooks");
    let full = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
    });
    const map = new ${name}();
    observer.observe({ entryTypes: ["gc"] });
    let garbage;
    for (let n = 0; n < 300_000; n++) {
      for (let k = 0; k < 100; k++) garbage = { n, k: [k, k, k] };
      map.set(n, { data: new Uint8Array(1000) });
      map.delete(n - 100);
      if (n % 10_000 === 0) await new Promise(setImmediate);
    }
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate); // the last ones are told a turn later
    console.log(full, garbage === undefined);`;
  const args = ["--input-type=module", "-e", script];
  const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
  return Number.parseInt(stdout, 10);
}

test("what came and went costs no full collections, as it does with a Map", async () => {
  const [ours, theirs] = await Promise.all([fullCollections("ChurnMap"), fullCollections("Map")]);
  assert.ok(ours * 2 < theirs, `${ours} with a ChurnMap, ${theirs} with a Map`);
});
