import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, resource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const dependency = (name: string, more: object = {}) => ({ name, eventSourceName: "hub", eventName: name, ...more });
const main = {
  filters: {
    data: [
      { path: "ref", type: "string", value: ["^main$"] },
      { path: "n", type: "number", comparator: ">", value: ["1"] },
    ],
  },
};

const sensorOf = (url: string) =>
  resource("Sensor", "release", {
    dependencies: [dependency("push", main), dependency("approved"), dependency("forced"), dependency("tick")],
    triggers: [
      {
        template: { name: "hourly", conditions: "tick", log: {} },
        rateLimit: { unit: "Hour", requestsPerUnit: 1 },
      },
      { template: { name: "deploy", conditions: "push && (approved || forced)", log: {} } },
      {
        template: { name: "post", conditions: "push", http: { url } },
        retryStrategy: { steps: 2, duration: "10ms" },
        atLeastOnce: true,
      },
    ],
  });

async function send(engine: RunningEngine, event: string, id: string, data: object): Promise<void> {
  const { code, stderr } = await engine.cli([
    "event",
    "send",
    "--event-source",
    "hub",
    "--event",
    event,
    "--id",
    id,
    "--data",
    JSON.stringify(data),
  ]);
  assert.equal(code, 0, stderr);
}

for (const bus of buses) {
  describe(`why on the ${bus.name}`, { skip: bus.skip }, () => {
    test("names what each filter saw, what a join had and lacked, and what became of the trigger", async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      const dir = await writeManifests(join(folder.path, "manifests"), [
        sensorOf(`http://127.0.0.1:${await freePort()}/`),
      ]);
      await using engine = await startEngine({ dir, args: driver.args });
      const why = async (id: string, marker: string): Promise<string> =>
        waitFor(`${marker} of ${id}`, async () => {
          const { stdout } = await engine.cli(["why", id, "--sensor", "default/release"]);
          return stdout.includes(marker) && stdout;
        });

      await send(engine, "push", "p0", { ref: "dev", n: 1 });
      const refused = await why("p0", "rejected");
      assert.match(refused, /^ {2}dependency push rejected: filters\.data\[0\]: ref is "dev", wanted "\^main\$"$/m);
      assert.match(refused, /^ {4}filters\.data\[0\] rejected: ref = "\^main\$", saw "dev"$/m);
      assert.match(refused, /^ {4}filters\.data\[1\] rejected: n > "1", saw 1$/m);
      assert.doesNotMatch(refused, /conditions of post/);
      assert.match(refused, /^ {2}conditions of deploy not met: push \(missing\) && /m);

      await send(engine, "push", "p1", { ref: "main", n: 2 });
      const waiting = await why("p1", "dead");
      assert.match(waiting, /^ {4}filters\.data\[1\] passed: n > "1", saw 2$/m);
      assert.match(
        waiting,
        /^ {2}conditions of deploy not met: push \(there\) && \(approved \(missing\) \|\| forced \(missing\)\); missing approved, forced$/m,
      );
      assert.match(waiting, /^ {2}trigger post fired$/m);
      assert.match(waiting, /^ {4}http failed \(attempt 1\): .*; tried again later$/m);
      assert.match(waiting, /^ {4}http dead \(attempt 2\): .*; not tried again, kept on `dead`$/m);
      assert.match(waiting, /^ {6}to go on: `tiphys dead list --sensor default\/release --trigger post` shows/m);

      await send(engine, "forced", "f1", {});
      const fired = await why("f1", "trigger deploy fired");
      assert.match(
        fired,
        /^ {2}conditions of deploy met: push \(there\) && \(approved \(missing\) \|\| forced \(there\)\); missing approved; push had come as event p1$/m,
      );

      for (const id of ["t1", "t2", "t3"]) await send(engine, "tick", id, {});
      assert.match(
        await why("t3", "rate limit"),
        /^ {2}trigger hourly, attempt 1, waits for its rate limit, one each 1h0m0s: 1 come before it$/m,
      );

      const json = await engine.cli(["why", "p1", "-o", "json"]);
      const { sensors } = JSON.parse(json.stdout) as {
        sensors: { records: { kind: string; trigger?: string; filters?: object }[] }[];
      };
      const decision = sensors[0]?.records.find(({ kind, trigger }) => kind === "decision" && trigger === "post");
      assert.deepEqual(decision?.filters, {
        push: [
          { filter: "filters.data[0]", expression: 'ref = "^main$"', verdict: "passed", seen: '"main"' },
          { filter: "filters.data[1]", expression: 'n > "1"', verdict: "passed", seen: "2" },
        ],
      });
    });
  });
}
