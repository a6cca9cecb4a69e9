import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric, triggered } from "../harness/metrics.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

// It waits for a full minute of the clock: by its name it begins early, and others run beside it.

failOnLeakedChildren();

/** Joins pushes whose `side` differs. */
function joins(name: string, trigger: object, more: object): object {
  const side = (value: string) => ({ data: [{ path: "body.side", type: "string", value: [`^${value}$`] }] });
  return resource("Sensor", name, {
    dependencies: ["left", "right"].map((one) => {
      return { name: one, eventSourceName: "numbers", eventName: "push", filters: side(one), ...more };
    }),
    triggers: [{ template: { name, log: {}, ...trigger } }],
  });
}

function expired(engine: RunningEngine, trigger: string): Promise<number> {
  return readMetric(engine, "tiphys_events_expired_total", { trigger_name: trigger });
}

test("a join within a time, and one with a reset by the clock, let go of what found no partner; why says so", async () => {
  await using folder = await tempDir();
  const port = await freePort();
  const dir = await writeManifests(join(folder.path, "manifests"), [
    webhookSource("numbers", port),
    joins("paired", {}, { correlate: "body.k", within: "1s" }),
    joins("reset", { conditionsReset: [{ byTime: { cron: "* * * * *" } }] }, {}),
  ]);
  await using engine = await startEngine({ dir });
  const push = (side: string, k: string) => postJson(`http://127.0.0.1:${port}/push`, { side, k });
  // Not over a full minute: the reset must come after all of it.
  await waitFor("a minute that is not about to end", () => Date.now() % 60_000 < 50_000, 15_000);
  await push("left", "x");
  await push("right", "x");
  await waitFor("the pair", async () => (await triggered(engine, "paired")) === 1);
  await waitFor("the other pair", async () => (await triggered(engine, "reset")) === 1);
  await push("left", "y");
  await waitFor("the end of the window", async () => (await expired(engine, "paired")) === 1);
  const id = await waitFor("the expiry in the ledger", async () => {
    const { stdout } = await engine.cli(["event", "list"]);
    const [newestId = ""] = stdout.match(/\b[0-9a-f]{32}\b/) ?? [];
    const why = await engine.cli(["why", newestId]);
    return /trigger paired expired: within: nothing that it is joined with came in 1 s/.test(why.stdout) && newestId;
  });
  assert.equal(await expired(engine, "reset"), 0);
  await waitFor("the reset", async () => (await expired(engine, "reset")) === 1, 70_000);
  await waitFor("the reset in the ledger", async () => {
    const why = await engine.cli(["why", id]);
    return why.stdout.includes('trigger reset expired: conditionsReset "* * * * *"');
  });
  await push("right", "y");
  await waitFor("the lonely event to be let go", async () => (await expired(engine, "paired")) === 2);
  assert.deepEqual([await triggered(engine, "paired"), await triggered(engine, "reset")], [1, 1]);
});
