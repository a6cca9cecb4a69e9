import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { triggered } from "../harness/metrics.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { projectRoot, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { copyExample, postJson } from "./scenario.ts";

failOnLeakedChildren();

/** Only where it is not there already: engines of other tests may run from it, and load parts of it when they need them. */
async function build(): Promise<string> {
  const built = await run(process.execPath, [join(projectRoot, "scripts", "build.ts")]);
  assert.equal(built.code, 0, built.stderr);
  return join(projectRoot, "dist", "tiphys.js");
}

test("the published bundle runs every adapter, as the sources do", { skip: natsServerMissing() }, async () => {
  const main = process.env.TIPHYS_MAIN ?? (await build());
  await using server = await startNatsServer();
  await using folder = await tempDir();
  const port = String(await freePort());
  const dir = await copyExample("quickstart", join(folder.path, "manifests"), { 12000: port });
  await copyExample("nats", dir, { "nats://127.0.0.1:4222": server.url });
  await using engine = await startEngine({ dir, main, args: ["--bus", server.url] });
  const answer = await postJson(`http://127.0.0.1:${port}/push`, { ref: "refs/heads/main" });
  assert.equal(answer.status, 200);
  const client = await connect({ servers: server.url });
  client.publish("orders.new", JSON.stringify({ order: 1 }));
  await client.drain();
  for (const name of ["say-push", "notify", "keep", "say-order"]) {
    await waitFor(name, async () => (await triggered(engine, name)) === 1);
  }
  const listed = await run(process.execPath, [main, "--data-dir", engine.dataDir, "event", "list"]);
  assert.match(listed.stdout, /orders/);
});
