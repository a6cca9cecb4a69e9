import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import {
  applicationRef,
  automated,
  configMap,
  configRef,
  createApplication,
  hookJob,
  openShop,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const jobRef = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };
const complete = { status: { conditions: [{ type: "Complete", status: "True" }] } };
/** Never healthy: nobody runs it. */
const stuckDeployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop, annotations: {argocd.argoproj.io/sync-wave: "-1"}}
spec:
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: main, image: busybox}]}}
`;

async function stateOf(world: World, name = "web"): Promise<JsonObject> {
  return objectOf((await world.application(name)).status.operationState);
}

function ask(world: World, operation: JsonObject = {}): Promise<unknown> {
  const body = { operation: { sync: {}, initiatedBy: { username: "ada" }, ...operation } };
  return world.kube.patch(applicationRef, merge, body as JsonObject);
}

async function ended(world: World): Promise<JsonObject | undefined> {
  const state = await stateOf(world);
  return ["Succeeded", "Failed", "Error"].includes(textOf(state.phase)) ? state : undefined;
}

function completeJob(world: World): Promise<unknown> {
  return world.kube.patch(jobRef, merge, complete, { subresource: "status" });
}

test("an operation that a person set begins with its cause, and is recorded", async () => {
  await using world = await openShop();
  await createApplication(world);
  await world.start();
  await world.until("the look", async () => objectOf((await world.application()).status.sync).status === "OutOfSync");
  await ask(world);
  const state = await world.until("the end", () => ended(world));
  assert.equal(state.phase, "Succeeded");
  assert.equal((await world.application()).operation, undefined);
  const [sync] = world.syncs();
  const cause = world.decisions().find(({ id }) => id === sync?.causes[0]);
  assert.deepEqual(cause?.causes, ["operation/argocd/web"]);
  assert.match(cause?.reason ?? "", /ada set an operation/);
});

test("begins an automated sync once, though the watch tells of nothing", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  engine.freeze(true);
  await world.until("the sync", () => world.syncs().length === 1);
  await world.pass(5_000, 200);
  assert.equal(world.syncs().length, 1);
  assert.equal(world.decisions().length, 1);
});

test("the API's sync at the same moment does not make two operations", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let isAsked = false;
  await world.start({
    async fault({ method, path, body }) {
      if (isAsked || method !== "PATCH" || !path.endsWith("/applications/web") || !body.includes('"operation":{'))
        return;
      isAsked = true;
      await ask(world);
    },
  });
  await world.until("a sync", () => world.syncs().length > 0);
  await world.pass(5_000, 200);
  assert.equal(isAsked, true);
  assert.deepEqual(
    world.syncs().map(({ phase }) => phase),
    ["Succeeded"],
  );
  const { initiatedBy } = objectOf((await stateOf(world)).operation);
  assert.equal(objectOf(initiatedBy).username, "ada", "the person was first");
});

test("killed after any write, it is completed at the same commit", async () => {
  for (const kill of [1, 2, 3, 4, 5, 6, 8, 10]) {
    await using world = await openShop();
    const first = await world.repository.commit({
      "web/job.yaml": hookJob("migrate", "PreSync"),
      "web/last.yaml": configMap("last", {}, ', annotations: {argocd.argoproj.io/sync-wave: "1"}'),
    });
    await createApplication(world, {}, {}, { operation: { sync: {} } });
    let writes = 0;
    let isOver = false;
    const engine = await world.start({
      async answered({ method }) {
        if (method !== "GET") writes += 1;
        if (writes >= kill && !isOver) {
          isOver = true;
          void engine.kill();
        }
      },
    });
    await world.until("the kill or the end", async () => {
      if (isOver) return true;
      if ((await world.kube.get(jobRef)) !== undefined) await completeJob(world);
      return (await stateOf(world)).phase === "Succeeded";
    });
    if (!isOver) {
      assert.ok(kill > 6, `there were only ${writes} writes`);
      return;
    }
    const begun = objectOf(objectOf((await stateOf(world)).syncResult)).revision;
    const newer = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "newer" }) });
    await world.start();
    const state = await world.until(`the end after a kill at write ${kill}`, async () => {
      if ((await world.kube.get(jobRef)) !== undefined) await completeJob(world);
      return ended(world);
    });
    assert.equal(state.phase, "Succeeded", textOf(state.message));
    const revision = objectOf(state.syncResult).revision;
    if (begun !== undefined) assert.equal(revision, begun, `kill at write ${kill}`);
    const data = objectOf((await world.kube.get(configRef))?.data as never);
    assert.equal(data.a, revision === newer ? "newer" : "1");
    assert.ok([first, newer].includes(textOf(revision)));
  }
});

test("the result of a hook is stored before anything goes on", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start({
    async fault({ method, path, body }) {
      if (method !== "PATCH" || !path.endsWith("/configmaps/settings") || !body.includes("tracking-id")) return;
      if (objectOf(objectOf((await world.kube.get(configRef)) as never)).kind !== undefined) return;
      const results = listOf(objectOf((await stateOf(world)).syncResult).resources).map(objectOf);
      const job = results.find(({ kind }) => kind === "Job");
      if (results.length > 0) seen.push(textOf(job?.hookPhase));
    },
  });
  const seen: string[] = [];
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.pass(2_000, 100);
  await completeJob(world);
  await world.until("the end", () => ended(world));
  assert.equal(seen.at(-1), "Succeeded", `${seen} ${engine.calls.length}`);
});

const failing = "apiVersion: v1\nkind: Nonsense\nmetadata: {name: x, namespace: shop}\n";

test("retries with growing delay, tells when, and stops at the limit", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/bad.yaml": failing });
  await createApplication(
    world,
    {},
    {},
    {
      operation: { sync: {}, retry: { limit: 2, backoff: { duration: "10s", factor: 3, maxDuration: "1m" } } },
    },
  );
  await world.start();
  const messages = new Set<string>();
  const state = await world.until(
    "the end",
    async () => {
      const found = await stateOf(world);
      messages.add(textOf(found.message));
      return ended(world);
    },
    500,
  );
  const waits = [...messages].filter((message) => message.includes("Retrying attempt"));
  assert.match(waits[0] ?? "", /\. Retrying attempt #1 at \d+:\d\d[AP]M\.$/);
  assert.match(waits[1] ?? "", /\. Retrying attempt #2 at \d+:\d\d[AP]M\.$/);
  assert.equal(waits.length, 2, [...messages].join("\n"));
  assert.equal(state.phase, "Failed");
  assert.match(textOf(state.message), /\(retried 2 times\)\.$/);
  const [sync, ...more] = world.syncs();
  assert.deepEqual([sync?.retries, more.length], [2, 0]);
  const tookMs = (sync?.at ?? 0) - (sync?.startedAt ?? 0);
  assert.ok(tookMs >= 40_000, `it took ${tookMs} ms`);
});

for (const refresh of [false, true]) {
  test(`a retry ${refresh ? "with refresh takes the newest commit" : "keeps the commit of the first attempt"}`, async () => {
    await using world = await openShop();
    const first = await world.repository.commit({ "web/bad.yaml": failing });
    const retry = { limit: 1, refresh, backoff: { duration: "10s" } };
    await createApplication(world, {}, {}, { operation: { sync: {}, retry } });
    await world.start();
    await world.until("the first failure", async () =>
      textOf((await stateOf(world)).message).includes("Retrying attempt"),
    );
    const second = await world.repository.commit({ "web/bad.yaml": "# nothing\n" });
    const state = await world.until("the end", () => ended(world), 500);
    assert.equal(objectOf(state.syncResult).revision, refresh ? second : first);
    assert.equal(state.phase, refresh ? "Succeeded" : "Failed");
  });
}

test("an automated sync with refresh takes the newest commit at its retry", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/bad.yaml": failing });
  const retry = { limit: 3, refresh: true, backoff: { duration: "10s" } };
  await createApplication(world, { syncPolicy: { automated: {}, retry } });
  await world.start();
  await world.until("the first failure", async () =>
    textOf((await stateOf(world)).message).includes("Retrying attempt"),
  );
  const second = await world.repository.commit({ "web/bad.yaml": "# nothing\n" });
  const state = await world.until("the end", () => ended(world), 500);
  assert.equal(state.phase, "Succeeded");
  assert.equal(objectOf(state.syncResult).revision, second);
});

test("terminated by a person: running hooks are removed, and it is not tried again", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {}, retry: { limit: 5 } } });
  await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.pass(2_000, 100);
  await world.kube.patch(applicationRef, merge, { status: { operationState: { phase: "Terminating" } } });
  const state = await world.until("the end", () => ended(world));
  assert.deepEqual([state.phase, state.message], ["Failed", "Operation terminated"]);
  const [job] = listOf(objectOf(state.syncResult).resources).map(objectOf);
  assert.deepEqual([job?.kind, job?.hookPhase, job?.message], ["Job", "Failed", "Terminated"]);
  assert.equal(await world.kube.get(jobRef), undefined);
  await world.pass(20_000, 500);
  assert.equal((await stateOf(world)).phase, "Failed");
});

test("Terminating that was set while the engine was down is heeded at its start", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.pass(2_000, 100);
  await engine.kill();
  await world.kube.patch(applicationRef, merge, { status: { operationState: { phase: "Terminating" } } });
  await world.start();
  const state = await world.until("the end", () => ended(world));
  assert.deepEqual([state.phase, state.message], ["Failed", "Operation terminated"]);
});

test("Terminating while it waits for a retry ends it at once", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/bad.yaml": failing });
  await createApplication(world, {}, {}, { operation: { sync: {}, retry: { limit: 5, backoff: { duration: "1h" } } } });
  await world.start();
  await world.until("the wait", async () => textOf((await stateOf(world)).message).includes("Retrying attempt"));
  await world.kube.patch(applicationRef, merge, { status: { operationState: { phase: "Terminating" } } });
  const state = await world.until("the end", () => ended(world));
  assert.match(textOf(state.message), /^Operation terminated/);
});

test("a newer commit supersedes an automated sync that waits for health", async () => {
  await using world = await openShop();
  const first = await world.repository.commit({ "web/deployment.yaml": stuckDeployment });
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the wait", async () => textOf((await stateOf(world)).message).startsWith("waiting for healthy"));
  const second = await world.repository.commit({ "web/deployment.yaml": "# gone\n" });
  void engine.door.refresh({ namespace: "argocd", name: "web" }, false);
  await world.until("the second sync", () => world.syncs().length === 2);
  assert.deepEqual(
    world.syncs().map(({ revisions, phase, message, supersededBy }) => [revisions[0], phase, message, supersededBy]),
    [
      [first, "Failed", `superseded by ${second}`, [second]],
      [second, "Succeeded", "successfully synced (all tasks run)", undefined],
    ],
  );
});

test("a newer commit does not cut off a hook that runs", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.until("the wait", async () =>
    textOf((await stateOf(world)).message).startsWith("waiting for completion"),
  );
  await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  void engine.door.refresh({ namespace: "argocd", name: "web" }, false);
  await world.pass(5_000, 100);
  assert.equal((await stateOf(world)).phase, "Running");
  await completeJob(world);
  await world.until("the first sync", () => world.syncs().length === 1);
  assert.equal(world.syncs()[0]?.phase, "Succeeded");
});

test("a newer commit supersedes a wait for a retry, after a restart too", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/bad.yaml": failing });
  const retry = { limit: 5, backoff: { duration: "1h" } };
  await createApplication(world, { syncPolicy: { automated: {}, retry } });
  const engine = await world.start();
  await world.until("the wait", async () => textOf((await stateOf(world)).message).includes("Retrying attempt"));
  await engine.kill();
  const second = await world.repository.commit({ "web/bad.yaml": "# nothing\n" });
  await world.start();
  await world.until("the second sync", () => world.syncs().length === 2);
  assert.deepEqual(
    world.syncs().map(({ revisions, phase, supersededBy }) => [revisions[0] === second, phase, supersededBy]),
    [
      [false, "Failed", [second]],
      [true, "Succeeded", undefined],
    ],
  );
});

test("made anew under the same name during an operation: the new one is not touched by the old one's end", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.pass(2_000, 100);
  engine.freeze(true); // as if both came in one list, after the watch was interrupted
  await world.kube.delete(applicationRef);
  const { metadata } = await createApplication(world);
  await world.pass(1_000, 100);
  engine.freeze(false);
  await world.kube.patch(applicationRef, merge, { metadata: { labels: { touched: "true" } } });
  await world.until("the look", async () => objectOf((await world.application()).status.sync).status !== undefined);
  await world.pass(10_000, 200);
  const { status, metadata: now } = await world.application();
  assert.equal(now.uid, metadata.uid);
  assert.equal(status.operationState, undefined);
});

test("deleted during an operation: the operation ends, and leaves its record", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.pass(2_000, 100);
  await world.kube.delete(applicationRef);
  const [sync] = await world.until("the record", () => (world.syncs().length > 0 ? world.syncs() : undefined));
  assert.deepEqual([sync?.phase, sync?.message], ["Error", "the Application was deleted"]);
});

test("a project that vanishes during an operation ends it with an error", async () => {
  await using world = await openShop();
  const project = { ...applicationRef, kind: "AppProject", name: "team" };
  const { apiVersion, kind, ...metadata } = project;
  const spec = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
  await world.kube.create({ apiVersion, kind, metadata, spec });
  await world.repository.commit({ "web/bad.yaml": failing });
  const operation = { sync: {}, retry: { limit: 1, backoff: { duration: "20s" } } };
  await createApplication(world, { project: "team" }, {}, { operation });
  await world.start();
  await world.until("the wait", async () => textOf((await stateOf(world)).message).includes("Retrying attempt"));
  await world.kube.delete(project);
  const state = await world.until("the end", () => ended(world), 500);
  assert.equal(state.phase, "Error");
  assert.match(textOf(state.message), /InvalidSpecError: .*team/);
});

test("an API that is away for a moment does not fail an operation", async () => {
  await using world = await openShop();
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  let isAway = false;
  let failures = 0;
  await world.start({
    fault({ method, path, body }) {
      if (method !== "PATCH" || !path.endsWith("/applications/web")) return;
      if (body.includes("syncResult") && failures === 0) isAway = true;
      if (isAway && failures < 5) {
        failures += 1;
        throw new TypeError("fetch failed");
      }
    },
  });
  const state = await world.until("the end", () => ended(world), 100);
  assert.equal(state.phase, "Succeeded", textOf(state.message));
  assert.ok(failures > 0);
});

test("what fails in an unforeseen way ends as an error, and is logged with the Application's name", async () => {
  await using world = await openShop();
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  await world.start({
    onRender: () => {
      throw new RangeError("nobody thought of this");
    },
  });
  const state = await world.until("the end", () => ended(world), 500);
  assert.deepEqual([state.phase, state.message], ["Error", "nobody thought of this"]);
  assert.ok(world.logged.some(({ level, fields }) => level === "error" && fields?.application === "argocd/web"));
});

test("a rollback brings back what the source of the history said", async () => {
  await using world = await openShop();
  const first = await world.repository.commit({ "former/settings.yaml": configMap("settings", { a: "former" }) });
  await createApplication(world);
  await world.start();
  const { repository } = world;
  const source = { repoURL: repository.url, path: "former", targetRevision: "main" };
  await ask(world, { sync: { revision: first, source } });
  const state = await world.until("the end", () => ended(world));
  assert.equal(objectOf((await world.kube.get(configRef))?.data as never).a, "former");
  assert.deepEqual(objectOf(state.syncResult).source, source);
});

test("what a sync waits for is shown as it is in the end, without a write for each step", async () => {
  await using world = await openShop();
  const names = ["a", "b", "c"];
  for (const name of names) {
    await world.repository.commit({ [`web/${name}.yaml`]: stuckDeployment.replace("name: api", `name: ${name}`) });
  }
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start();
  const message = async (): Promise<string> => textOf((await stateOf(world)).message);
  await world.until("the wait", async () => (await message()).includes("2 more"));
  const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 };
  const writes = engine.writes();
  for (const name of names.slice(0, 2)) {
    const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name };
    await world.kube.patch(ref, merge, { status } as JsonObject, { subresource: "status" });
  }
  await world.until("the last one", async () => (await message()) === "waiting for healthy state of apps/Deployment/c");
  await world.pass(30_000, 500);
  assert.ok(engine.writes() - writes <= 8, `${engine.writes() - writes} writes`);
});

test("a watch that is behind costs one conflict, not one after the other", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let frozen: (() => void) | undefined;
  const engine = await world.start({
    async fault({ method, path, body }) {
      if (frozen || method !== "PATCH" || !path.endsWith("/applications/web") || !body.includes('"operation":{'))
        return;
      frozen = () => engine.freeze(false);
      engine.freeze(true);
      await world.kube.patch(applicationRef, merge, { metadata: { labels: { somebody: "else" } } });
    },
  });
  await world.until("the sync", () => world.syncs().length === 1);
  assert.notEqual(frozen, undefined);
  assert.equal(world.decisions().length, 2);
});
