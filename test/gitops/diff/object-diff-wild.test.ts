import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { wildKinds, wildObjects } from "./wild.ts";

/** The same at each run, unless more is asked for: `WILD_RUNS=500`. */
const numRuns = Number(process.env.WILD_RUNS ?? 30);
const seed = process.env.WILD_RUNS === undefined ? { seed: 7 } : {};
/** What no server would take is not compared; so many have to be taken, or the test says nothing. */
const fewest = numRuns / 10;

function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject) {
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

describe("what was just applied has no differences, however it is written", () => {
  for (const kind of wildKinds) {
    test(`a ${kind.kind} of ${kind.group}/${kind.version}`, async () => {
      await using plane = await openTestPlane();
      const { client } = plane;
      const options = { fieldManager: "argocd-controller", force: true };
      const apply = (object: KubeObject) =>
        client.patch(refOf(object), "application/apply-patch+yaml", object as unknown as JsonObject, options);
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(wildObjects(kind), async (written) => {
          let live: KubeObject;
          try {
            live = await apply(written);
          } catch (error) {
            if (error instanceof EngineError && error.code === "API_INVALID") return;
            throw error;
          }
          taken++;
          try {
            assert.deepEqual(diffObject(written, live).differences, [], "as we applied it");
            const { managedFields: _owners, ...metadata } = live.metadata;
            assert.deepEqual(diffObject(written, { ...live, metadata }).differences, [], "as nobody knows who did");
            const again = await apply(written);
            assert.equal(again.metadata.resourceVersion, live.metadata.resourceVersion, "a second time");
          } finally {
            await client.delete(refOf(written), { propagationPolicy: "Background" });
          }
        }),
        { numRuns, ...seed },
      );
      assert.ok(taken >= fewest, `${taken} of ${numRuns} were taken`);
    });
  }
});
