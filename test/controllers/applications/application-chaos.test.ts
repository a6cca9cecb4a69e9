import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOf, textOf } from "../../../src/api/fields.ts";
import type { GitOpsRequest } from "../../../src/events/triggers/gitops-request.ts";
import { seeded } from "../../harness/seeded.ts";
import {
  configMap,
  configRef,
  createApplication,
  openShop,
  selfHealing,
  type TestEngine,
  type World,
} from "./application-rig.ts";

const never = new AbortController().signal;

function wish(world: World, engine: TestEngine, key: string): Promise<unknown> {
  const application = { namespace: "argocd", name: "web" };
  const sync = { prune: false, dryRun: false, syncOptions: [] };
  const by = { namespace: "default", name: "deploy" };
  const request: GitOpsRequest = { application, operation: "sync", key, by, hop: 1, sync };
  return engine.target.request(request, world.kube, never);
}

async function push(world: World, engine: TestEngine, value: string): Promise<string> {
  const old = await world.repository.git("rev-parse", "HEAD");
  const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: value }) });
  const refs = [{ name: "refs/heads/main", old, new: commit }];
  await engine.push({ url: world.repository.url, refs, headRef: "refs/heads/main" });
  return commit;
}

for (const seed of [1, 2]) {
  test(`whatever happens, and however often it is killed, it comes to what Git says (seed ${seed})`, async () => {
    const random = seeded(seed);
    await using world = await openShop();
    await createApplication(world, selfHealing);
    let engine = await world.start();
    await world.until("the first sync", () => world.syncs().length === 1);
    const wishes: string[] = [];
    let commit = "";
    for (let step = 0; step < 10; step++) {
      const what = random();
      if (what < 0.3) commit = await push(world, engine, `push ${step}`);
      else if (what < 0.5) {
        wishes.push(`uid/deploy/${step}`);
        await wish(world, engine, `uid/deploy/${step}`);
      } else if (what < 0.65) {
        await world.kube.patch(configRef, "application/merge-patch+json", { data: { a: `drift ${step}` } });
      } else {
        await engine.kill();
        engine = await world.start();
      }
      await world.pass(Math.floor(random() * 400), 20);
    }
    commit = await push(world, engine, "last");
    await world.until(
      "what Git says",
      async () => {
        const { status, operation } = await world.application();
        const isSynced = objectOf(status.sync).status === "Synced" && objectOf(status.sync).revision === commit;
        return isSynced && operation === undefined;
      },
      500,
    );
    assert.equal(objectOf((await world.kube.get(configRef))?.data as never).a, "last");
    const state = objectOf((await world.application()).status.operationState);
    assert.equal(state.phase, "Succeeded", textOf(state.message));
    const causes = new Set(world.decisions().flatMap((decision) => decision.causes));
    assert.deepEqual(
      wishes.filter((key) => !causes.has(key)),
      [],
      "every wish leaves a decision",
    );
    const decisions = new Set(world.decisions().map(({ id }) => id));
    assert.deepEqual(
      world.syncs().filter(({ causes: [cause = ""] }) => !decisions.has(cause)),
      [],
      "every sync has a cause",
    );
    const known = new Set(world.decisions().map(({ id }) => `sync/${id}`));
    assert.deepEqual(
      world.observations().filter(({ causes: [cause = ""] }) => !known.has(cause)),
      [],
    );
    await world.pass(2_000, 100);
    const writes = engine.writes();
    await world.pass(120_000, 5_000);
    assert.equal(engine.writes(), writes);
  });
}
