import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const perSecond = 5;
const events = 40;

function sensor(sinkUrl: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  const http = (path: string) => ({ url: `${sinkUrl}/${path}`, method: "POST", payload });
  return resource("Sensor", "limited", {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [
      {
        template: { name: "limited", http: http("limited") },
        rateLimit: { unit: "Second", requestsPerUnit: perSecond },
      },
      { template: { name: "free", http: http("free") } },
    ],
  });
}

/** The least time that `perSecond + 1` requests in a row took. */
function tightest(times: readonly number[]): number {
  return Math.min(...times.slice(perSecond).map((at, index) => at - (times[index] ?? 0)));
}

test("two engines on one bus keep one limit, through a handover and a kill", {
  skip: natsServerMissing(),
}, async (t) => {
  await using bus = await startNatsServer();
  await using cluster = await openTestCluster();
  await using folder = await tempDir();
  const limited: { at: number; key: string }[] = [];
  const free: number[] = [];
  await using sink = await startHttpSink(async ({ path, headers }) => {
    const at = performance.now();
    if (path === "/free") free.push(at);
    else limited.push({ at, key: String(headers["idempotency-key"]) });
  });
  await cluster.open({ user: { token: "admin-token" } });
  const dir = await writeManifests(join(folder.path, "manifests"), [
    webhookSource("numbers", await freePort()),
    sensor(sink.url),
  ]);
  const args = ["--bus", bus.url, "--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes"];
  const start = (name: string, manifests?: string): Promise<RunningEngine> =>
    startEngine({ ...(manifests === undefined ? {} : { dir: manifests }), dataDir: join(folder.path, name), args });
  await using a = await start("a", dir);
  await using b = await start("b");
  for (let n = 0; n < events; n++) {
    const to = n % 2 === 0 ? a : b;
    const response = await postJson(`${to.endpoints.ingress}/webhooks/default/numbers/push`, { n });
    assert.equal(response.status, 200);
  }
  const startedAt = performance.now();
  await waitFor("the trigger without a limit, which waits for nobody", () => free.length >= events, 5_000);
  assert.ok(limited.length < events / 2, `${limited.length} already`);
  await waitFor("some turns", () => limited.length >= perSecond * 2);
  await a.kill9();
  const distinct = () => new Set(limited.map(({ key }) => key)).size;
  await waitFor("every event to have its turn", () => distinct() === events, 40_000);
  const times = limited.map(({ at }) => at).sort((x, y) => x - y);
  t.diagnostic(
    `${times.length} turns in ${Math.round((times.at(-1) ?? 0) - startedAt)} ms, tightest second ${tightest(times)}`,
  );
  // On their way to the sink requests may come closer together than they were sent.
  assert.ok(tightest(times) > 900, `${perSecond + 1} turns within ${tightest(times)} ms`);
  assert.ok(times.length <= events + 1, "only what was under way at the kill may be done again");
  assert.equal(await b.stop(), 0);
});
