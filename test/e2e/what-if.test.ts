import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { WhatIfReport } from "../../src/events/trial/what-if.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, kubectlPath, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const object = (kind: string, name: string, parts: object) => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "default" },
  ...parts,
});
const k8s = (name: string, operation: string, written: object, parameters: readonly object[] = []) => ({
  template: { name, conditions: "push", k8s: { operation, source: { resource: written }, parameters } },
});
const fromRef = (dest: string) => ({ src: { dependencyName: "push", dataKey: "body.ref" }, dest });

function manifests(port: number, sink: string): object[] {
  const sensor = resource("Sensor", "deploy", {
    dependencies: [
      {
        name: "push",
        eventSourceName: "hook",
        eventName: "push",
        filters: { data: [{ path: "body.ref", type: "string", value: ["^main$"] }] },
      },
      { name: "other", eventSourceName: "hook", eventName: "other" },
    ],
    triggers: [
      k8s("make", "create", { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "made-" }, data: {} }, [
        fromRef("data.ref"),
      ]),
      k8s("change", "update", object("ConfigMap", "settings", { data: {} }), [fromRef("data.ref")]),
      k8s("hide", "create", object("Secret", "made", { stringData: { password: "hunter2" } })),
      k8s("drop", "delete", object("ConfigMap", "settings", {})),
      k8s("forget", "delete", object("Secret", "tokens", {})),
      k8s("clash", "create", object("ConfigMap", "settings", { data: {} })),
      {
        template: {
          name: "send",
          conditions: "push",
          http: {
            url: `${sink}/send`,
            payload: [fromRef("ref")],
            headers: { Authorization: "Bearer literal-t0ken" },
            secureHeaders: [{ name: "X-Token", valueFrom: { secretKeyRef: { name: "tokens", key: "t" } } }],
          },
        },
      },
      { template: { name: "tell", conditions: "push", emit: { eventSourceName: "own", eventName: "told" } } },
      { template: { name: "join", conditions: "push && other", log: {} } },
    ],
  });
  const settings = object("ConfigMap", "settings", { data: { ref: "old", kept: "1" } });
  const noted = {
    "kubectl.kubernetes.io/last-applied-configuration": '{"kind":"Secret","data":{"t":"bm90ZWQtdDBrZW4="}}',
  };
  const tokens = {
    ...object("Secret", "tokens", { stringData: { t: "s3cret-t0ken" } }),
    metadata: { name: "tokens", namespace: "default", annotations: noted },
  };
  return [webhookSource("hook", port), settings, tokens, sensor];
}

test("what-if shows what each trigger would do, and nothing changes", {
  timeout: 120_000,
  skip: kubectlMissing() ?? false,
}, async () => {
  await using sink = await startHttpSink();
  await using folder = await tempDir();
  const port = await freePort();
  await writeManifests(join(folder.path, "manifests"), manifests(port, sink.url));
  const audit = join(folder.path, "audit.jsonl");
  await using engine = await startEngine({
    dir: join(folder.path, "manifests"),
    dataDir: join(folder.path, "data"),
    args: ["--kube-audit-log", audit],
  });
  /** Who changed what, as the API itself tells. A dry run is no change. */
  const changes = async () => {
    const text = await readFile(audit, "utf8");
    return text.split("\n").filter((line) => line !== "" && !/[?&]dryRun=All/.test(JSON.parse(line).requestURI));
  };
  const main = join(folder.path, "main.json");
  await writeFile(main, JSON.stringify({ body: { ref: "main" } }));

  /** What the cluster and the bus hold: every object with its version, and the number of events. */
  const objects = async () => {
    const listed = await run(kubectlPath() ?? "kubectl", [
      ...["--kubeconfig", engine.endpoints.kubeconfig, "--cache-dir", join(folder.path, "cache")],
      ...["get", "configmaps,secrets,namespaces,serviceaccounts", "-A", "-o", "json"],
    ]);
    assert.equal(listed.code, 0, listed.stderr);
    const { items } = JSON.parse(listed.stdout) as { items: { kind: string; metadata: Record<string, string> }[] };
    const { stdout } = await engine.cli(["event", "list", "-o", "json"]);
    const versions = items.map(({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.resourceVersion}`);
    return { versions, events: (JSON.parse(stdout) as unknown[]).length };
  };
  const before = await objects();
  const changesBefore = await changes();
  assert.ok(changesBefore.length > 0);
  assert.ok(before.versions.length >= 2);
  const { code, stdout, stderr } = await engine.cli(["what-if", "--event", main, "--from", "hook/push", "-o", "json"]);
  assert.equal(code, 0, stderr);
  const { sensors } = JSON.parse(stdout) as WhatIfReport;
  assert.deepEqual(
    sensors.map(({ sensor }) => sensor),
    [{ namespace: "default", name: "deploy" }],
  );
  const firings = new Map(sensors[0]?.firings.map((firing) => [firing.trigger, firing]));
  assert.deepEqual([...firings.keys()], ["make", "change", "hide", "drop", "forget", "clash", "send", "tell"]);
  assert.deepEqual(sensors[0]?.waiting, ["join"]);

  const make = firings.get("make");
  assert.match(make?.preview?.summary ?? "", /^would create v1\/ConfigMap\/default\/made-[0-9a-f]{10}$/);
  assert.ok(make?.preview?.diff?.includes("+  ref: main"));
  const change = firings.get("change");
  assert.equal(change?.preview?.summary, "would change v1/ConfigMap/default/settings");
  assert.deepEqual(
    change?.preview?.diff?.filter((line) => /^[+-]/.test(line)),
    ["-  ref: old", "+  ref: main"],
  );
  assert.equal(firings.get("drop")?.preview?.summary, "would delete v1/ConfigMap/default/settings");
  assert.equal(firings.get("forget")?.preview?.summary, "would delete v1/Secret/default/tokens");
  assert.match(firings.get("clash")?.error ?? "", /already exists/);
  assert.partialDeepStrictEqual(firings.get("send")?.plan, { method: "POST", body: '{"ref":"main"}' });
  assert.partialDeepStrictEqual(firings.get("tell")?.plan, { eventSource: "own", event: "told", hop: 1 });
  for (const secret of [
    "hunter2",
    Buffer.from("hunter2").toString("base64"),
    "s3cret-t0ken",
    "literal-t0ken",
    "bm90ZWQtdDBrZW4=",
  ]) {
    assert.equal(stdout.includes(secret), false, secret);
  }

  const text = await engine.cli(["what-if", "--event", main, "--from", "hook/push"]);
  assert.match(text.stdout, /Sensor default\/deploy\n {2}make would fire\n {4}would create v1\/ConfigMap/);
  assert.match(text.stdout, /clash would fire, and fail: .*already exists/);
  assert.match(text.stdout, /join would wait for other events/);

  assert.deepEqual(await objects(), before);
  assert.deepEqual((await changes()).slice(changesBefore.length), []);
  assert.deepEqual(sink.requests, []);
  const live = await engine.cli(["what-if", "--event", main, "--from", "hook/push", "-o", "json"]);
  const again = (JSON.parse(live.stdout) as WhatIfReport).sensors[0]?.firings;
  assert.deepEqual(again?.find(({ trigger }) => trigger === "change")?.preview, change?.preview);
  assert.match(again?.find(({ trigger }) => trigger === "make")?.preview?.summary ?? "", /^would create/);

  // A stored event by its id, and a Sensor that is not there yet.
  await writeFile(
    join(folder.path, "dev.json"),
    JSON.stringify({ eventSource: "hook", event: "push", data: { body: { ref: "dev" } } }),
  );
  const dev = await engine.cli(["what-if", "--event", join(folder.path, "dev.json"), "--exit-code"]);
  assert.equal(dev.code, 1);
  assert.match(dev.stdout, /dependency push rejected: filters.data\[0\]/);
  assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { ref: "dev" })).status, 200);
  const stored = await waitFor("the event", async () => {
    const { stdout: list } = await engine.cli(["event", "list", "-o", "json"]);
    return (JSON.parse(list) as { id: string }[])[0]?.id;
  });
  const candidate = resource("Sensor", "new", {
    dependencies: [{ name: "push", eventSourceName: "hook", eventName: "push" }],
    triggers: [{ template: { name: "say", log: {} } }],
  });
  await writeFile(join(folder.path, "new.yaml"), JSON.stringify(candidate));
  const byId = await engine.cli([
    "what-if",
    "--event",
    stored,
    "--sensor",
    join(folder.path, "new.yaml"),
    "--exit-code",
  ]);
  assert.equal(byId.code, 0, byId.stderr + byId.stdout);
  assert.match(byId.stdout, /Sensor default\/new\n {2}say would fire/);
  const unknown = await engine.cli(["what-if", "--event", "nothing"]);
  assert.match(unknown.stderr, /no event "nothing" is known/);
});
