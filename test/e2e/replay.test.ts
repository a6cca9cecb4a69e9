import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ReplayReport } from "../../src/events/trial/replay.ts";
import { type RunningEngine, startEngine, tiphys } from "../harness/engine.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { triggered } from "../harness/metrics.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, resource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const sensorOf = (branch: string, url: string): object =>
  resource("Sensor", "deploy", {
    dependencies: [
      {
        name: "push",
        eventSourceName: "github",
        eventName: "push",
        filters: { data: [{ path: "ref", type: "string", value: [`^${branch}$`] }] },
      },
    ],
    triggers: [
      {
        template: {
          name: "post",
          http: { url, payload: [{ src: { dependencyName: "push", dataKey: "n" }, dest: "n" }] },
        },
      },
    ],
  });

async function send(engine: RunningEngine, id: string, data: object): Promise<void> {
  const args = [
    "event",
    "send",
    "--event-source",
    "github",
    "--event",
    "push",
    "--id",
    id,
    "--data",
    JSON.stringify(data),
  ];
  const { code, stderr } = await engine.cli(args);
  assert.equal(code, 0, stderr);
}

for (const bus of buses) {
  describe(`replay on the ${bus.name}`, { skip: bus.skip }, () => {
    test("a candidate is compared with what happened, on a running engine and on its directory; --apply makes effects", async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      await using sink = await startHttpSink();
      const dataDir = join(folder.path, "data");
      const dir = await writeManifests(join(folder.path, "manifests"), [sensorOf("main", sink.url)]);
      const candidate = join(folder.path, "candidate.json");
      await writeFile(candidate, JSON.stringify(sensorOf("(main|dev)", sink.url)));
      const flags = ["--sensor", candidate, "--since", "1h"];
      let stored: ReplayReport["compared"] | undefined;
      {
        await using engine = await startEngine({ dir, dataDir, args: driver.args });
        await send(engine, "m1", { ref: "main", n: "1" });
        await send(engine, "d1", { ref: "dev", n: "2" });
        await send(engine, "x1", { ref: "rel", n: "3" });
        await waitFor("the first effect", async () => (await triggered(engine, "post")) === 1);

        const text = await engine.cli(["replay", ...flags]);
        assert.equal(text.code, 0, text.stderr);
        assert.match(text.stdout, /^Sensor default\/deploy over 3 events of bus system/);
        assert.match(text.stdout, /^ {2}post would fire 2 times$/m);
        assert.match(text.stdout, /^Against the ledger: 1 the same, 1 new, 0 gone$/m);
        assert.match(text.stdout, /^ {2}\+ \S+ post: push d1$/m);
        const same = await engine.cli([
          "replay",
          "--sensor",
          join(dir, "manifests.yaml"),
          "--since",
          "1h",
          "--exit-code",
        ]);
        assert.match(same.stdout, /1 the same, 0 new, 0 gone/);
        assert.equal(same.code, 0);
        const json = await engine.cli(["replay", ...flags, "--exit-code", "-o", "json"]);
        assert.equal(json.code, 1);
        stored = (JSON.parse(json.stdout) as ReplayReport).compared;
        const none = await engine.cli(["replay", ...flags, "--event-source", "other"]);
        assert.match(
          none.stdout,
          /over 0 events[\s\S]*\nit listens to no event of the EventSources that were asked for$/m,
        );
        assert.equal(sink.requests.length, 1, "nothing but the Sensor itself acted");

        const asked = await engine.cli(["replay", ...flags, "--apply"]);
        assert.equal(asked.code, 2);
        assert.match(asked.stderr, /making effects again needs a confirmation and this is no terminal: give --yes/);
        const applied = await engine.cli(["replay", ...flags, "--apply", "--yes", "--id", "again"]);
        assert.deepEqual([applied.code, applied.stdout], [0, "replay again: 3 events, 2 fired, 2 succeeded\n"]);
        const keys = sink.requests.slice(1).map(({ headers }) => headers["idempotency-key"]);
        assert.deepEqual(keys.sort(), ["replay-again/post/d1", "replay-again/post/m1"]);
        const after = await engine.cli(["replay", ...flags]);
        assert.match(after.stdout, /1 the same, 1 new, 0 gone/, "what a replay did is not what the Sensor did");
      }
      if (driver.args.length > 0) return;
      const offline = await tiphys(["--data-dir", dataDir, "replay", ...flags, "-o", "json"]);
      assert.equal(offline.code, 0, offline.stderr);
      assert.deepEqual((JSON.parse(offline.stdout) as ReplayReport).compared, stored);
    });
  });
}

const refused: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ["no Sensor", ["--since", "1h"], 2, /required option '--sensor <file>' not specified/],
  [
    "a file that is not there",
    ["--sensor", "none.yaml", "--since", "1h"],
    2,
    /none\.yaml: cannot be read: it does not exist/,
  ],
  ["a folder", ["--sensor", "examples/quickstart", "--since", "1h"], 2, /quickstart: cannot be read: it is a folder/],
  ["a file without Sensors", ["--sensor", "examples/quickstart/webhook.yaml", "--since", "1h"], 2, /holds no Sensor/],
  [
    "a time that is none",
    ["--sensor", "examples/quickstart/sensor.yaml", "--since", "soon"],
    2,
    /--since: "soon" must be a time/,
  ],
  [
    "an end before the start",
    ["--sensor", "examples/quickstart/sensor.yaml", "--since", "1h", "--until", "2h"],
    2,
    /--since 1h lies after --until 2h/,
  ],
  [
    "a limit that is none",
    ["--sensor", "examples/quickstart/sensor.yaml", "--since", "1h", "--limit", "x"],
    2,
    /"x" must be 0 to 1000/,
  ],
  [
    "no engine and no directory",
    ["--sensor", "examples/quickstart/sensor.yaml", "--since", "1h"],
    3,
    /no engine runs on/,
  ],
  [
    "no engine to apply on",
    ["--sensor", "examples/quickstart/sensor.yaml", "--since", "1h", "--apply"],
    3,
    /no engine runs on/,
  ],
];

for (const [name, args, code, text] of refused) {
  test(`replay with ${name} exits with ${code}`, async () => {
    await using dir = await tempDir();
    const result = await tiphys(["--data-dir", join(dir.path, "data"), "replay", ...args]);
    assert.match(result.stderr, text);
    assert.equal(result.code, code);
  });
}
