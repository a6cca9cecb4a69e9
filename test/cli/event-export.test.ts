import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { mainFile } from "../harness/run.ts";
import { decisionDraft } from "../ledger/drafts.ts";
import { syncDraft } from "../ledger/rollout.ts";
import { openRig } from "../server/rig.ts";

test("an export goes on after a record, follows what an engine records from now on, and ends when it is told to", async () => {
  await using rig = await openRig();
  const args = ["event", "export", "--format", "cloudevents", "--source", "/eu", "--after", rig.decision, "--follow"];
  const child = spawn(process.execPath, [mainFile, "--server", rig.url, "--token", rig.token, ...args], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = text(child.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse(String((await lines.next()).value));
  const first = await next();
  assert.partialDeepStrictEqual(first, {
    specversion: "1.0",
    id: rig.effect,
    source: "/eu",
    type: "tiphys.ledger.effect",
    subject: "default/hello",
    data: { id: rig.effect, kind: "effect" },
  });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const written = [rig.ledger.write(decisionDraft("e9")), rig.ledger.write(syncDraft("d", { traceparent }))];
  await Promise.all(written.map(({ kept }) => kept));
  const then = [await next(), await next()];
  assert.deepEqual(
    then.map(({ id, subject, traceparent: trace }) => [id, subject, trace]),
    [
      [written[0]?.id, "default/hello", undefined],
      [written[1]?.id, "argocd/web", traceparent],
    ],
  );
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  assert.deepEqual([code, await said], [0, ""]);
});
