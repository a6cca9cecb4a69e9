import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { createLiveState, type LiveState, type LiveStateOptions } from "../../src/kube/live-state.ts";
import { trimLive } from "../../src/kube/trim-live.ts";
import { type ControlPlane, openControlPlane } from "../../src/local/control-plane.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { adminToken, users, widgetDefinition } from "../harness/control-plane.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

const configMap = { apiVersion: "v1", kind: "ConfigMap" };
const deployment = { apiVersion: "apps/v1", kind: "Deployment" };
const replicaSet = { apiVersion: "apps/v1", kind: "ReplicaSet" };
const pod = { apiVersion: "v1", kind: "Pod" };
const widget = { apiVersion: "example.com/v1", kind: "Widget" };
const group = (name: string) => ({ annotations: { group: name } });
const map = (name: string, annotations = {}) => ({ ...configMap, metadata: { name, annotations }, data: { x: "1" } });
/** A Deployment's annotations are copied to its ReplicaSets. */
const groupOfRoot = ({ metadata }: KubeObject) => (metadata.ownerReferences ? undefined : metadata.annotations?.group);
const none = new AbortController().signal;

type Answer = (request: Request, url: URL) => Response | Promise<Response> | undefined;

/** A plane that can be restarted and whose answers can be replaced, and the live state of it. */
async function openWorld(options: { simulate?: boolean; start?: boolean; groupOf?: LiveStateOptions["groupOf"] } = {}) {
  const directory = await tempDir();
  const clock = createVirtualClock();
  const path = join(directory.path, "kube.db");
  const { simulate = false, start = true } = options;
  const open = (): Promise<ControlPlane> => openControlPlane({ path, clock, log: silentLogger, users, simulate });
  let plane = await open();
  const requests: string[] = [];
  let answer: Answer | undefined;
  const base = { baseUrl: "http://kube.local", token: adminToken, log: silentLogger };
  const fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    requests.push(`${url.pathname}${url.searchParams.has("watch") ? " watch" : ""}`);
    return (await answer?.(request, url)) ?? plane.fetch(request);
  };
  const groupOf = options.groupOf ?? groupOfRoot;
  const client = createKubeClient({ ...base, fetch });
  const live = createLiveState({ client, clock, log: silentLogger, trim: trimLive, groupOf });
  const told: string[] = [];
  live.onChange(({ type, object, previous, isInitial }) => {
    const name = `${object.kind}/${object.metadata.name}`;
    told.push([type, name, ...(previous ? ["known"] : []), ...(isInitial ? ["first"] : [])].join(" "));
  });
  const stop = new AbortController();
  const running = start ? live.run(stop.signal) : undefined;
  return {
    live,
    clock,
    requests,
    told,
    stop,
    running,
    /** Past whatever stands between the live state and the plane. */
    direct: createKubeClient({ ...base, fetch: (request) => plane.fetch(request) }),
    answerWith(next: Answer | undefined) {
      answer = next;
    },
    /** Twice, so that the window of watches no longer reaches back to what happens in between. */
    async restart(between: () => Promise<unknown>) {
      await plane[Symbol.asyncDispose]();
      plane = await open();
      await between();
      await plane[Symbol.asyncDispose]();
      plane = await open();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await plane[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const unreachable: Answer = () => {
  throw new TypeError("fetch failed");
};
const refuse = (path: string, status: number, message: string): Answer => {
  return (_request, url) => (url.pathname.endsWith(path) ? Response.json({ message }, { status }) : undefined);
};
const names = (objects: readonly KubeObject[]) => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
const ensure = (live: LiveState, ...kinds: (typeof configMap)[]) => live.ensure(kinds, none);

test("knows what a Deployment makes, down to its Pods and back up", async () => {
  await using world = await openWorld({ simulate: true });
  const { live, direct } = world;
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { replicas: 3, selector: { matchLabels: { app: "web" } }, template };
  const { metadata } = await direct.create({ ...deployment, metadata: { name: "web", ...group("shop") }, spec });
  const uid = metadata.uid ?? "";
  assert.deepEqual(await ensure(live, deployment), { missing: [] });
  const made = await waitFor("three ready Pods", async () => {
    await world.clock.advance(1_000);
    const pods = live.descendantsOf(uid).filter(({ kind }) => kind === "Pod");
    return pods.length === 3 && pods.every(({ status }) => JSON.stringify(status).includes('"Running"')) && pods;
  });
  const web = live.find({ ...deployment, namespace: "default", name: "web" });
  assert.ok(web);
  assert.deepEqual(live.ofGroup("shop"), [web]);
  assert.deepEqual(
    live.childrenOf(uid).map(({ kind }) => kind),
    ["ReplicaSet"],
  );
  assert.deepEqual(live.childrenOf(live.childrenOf(uid)[0]?.metadata.uid ?? ""), made);
  for (const one of made) {
    assert.equal(live.rootOf(one), web);
    assert.equal(one.metadata.managedFields, undefined);
  }
  await direct.delete({ ...deployment, name: "web", namespace: "default" });
  await waitFor("the end of all Pods", async () => {
    await world.clock.advance(1_000);
    return live.descendantsOf(uid).length === 0 && live.ofGroup("shop").length === 0;
  });
});

test("objects move from group to group and leave with their end", async () => {
  await using world = await openWorld();
  const { live, direct, told } = world;
  for (const name of ["b", "a", "c"]) await direct.create(map(name, { group: "one" }));
  await ensure(live, configMap);
  assert.deepEqual(names(live.ofGroup("one")), ["ConfigMap/a", "ConfigMap/b", "ConfigMap/c"]);
  assert.deepEqual(
    told.toSorted(),
    ["a", "b", "c"].map((name) => `set ConfigMap/${name} first`),
  );
  told.length = 0;
  const ref = (name: string) => ({ ...configMap, namespace: "default", name });
  await direct.patch(ref("a"), "application/merge-patch+json", { metadata: { annotations: { group: "two" } } });
  await direct.patch(ref("b"), "application/merge-patch+json", { metadata: { annotations: { group: null } } });
  await direct.delete(ref("c"));
  await direct.create(map("d", { group: "one" }));
  await waitFor("d", () => live.find(ref("d")));
  assert.deepEqual([names(live.ofGroup("one")), names(live.ofGroup("two"))], [["ConfigMap/d"], ["ConfigMap/a"]]);
  assert.deepEqual(told, [
    "set ConfigMap/a known",
    "set ConfigMap/b known",
    "deleted ConfigMap/c known",
    "set ConfigMap/d",
  ]);
  assert.ok(live.find(ref("b")));
  assert.equal(live.find(ref("c")), undefined);
});

test("a kind that comes with its definition later is found, and misses are cheap", async () => {
  await using world = await openWorld();
  const { live, direct, clock, requests } = world;
  assert.deepEqual(await ensure(live, widget, configMap), { missing: [widget] });
  requests.length = 0;
  await direct.create(widgetDefinition);
  await direct.create({ ...widget, metadata: { name: "w", ...group("g") } });
  const all = Array.from({ length: 1_000 }, () => ensure(live, widget));
  for (const { missing } of await Promise.all(all)) assert.deepEqual(missing, [widget]);
  assert.equal(requests.length, 0, "within a second nobody is asked again");
  await clock.advance(1_000);
  const found = await Promise.all(Array.from({ length: 1_000 }, () => ensure(live, widget)));
  assert.ok(found.every(({ missing }) => missing.length === 0));
  assert.deepEqual(
    requests.filter((path) => !path.endsWith("watch")),
    ["/apis/example.com/v1", "/apis/example.com/v1/widgets"],
  );
  assert.deepEqual(names(live.ofGroup("g")), ["Widget/w"]);
});

test("says where a kind lives, and finds cluster-wide objects by any namespace", async () => {
  await using world = await openWorld();
  const { live } = world;
  const namespace = { apiVersion: "v1", kind: "Namespace" };
  assert.equal(live.isNamespaced(namespace), undefined);
  await ensure(live, namespace, configMap);
  assert.deepEqual([live.isNamespaced(namespace), live.isNamespaced(configMap)], [false, true]);
  assert.ok(live.find({ ...namespace, name: "default" }));
  assert.ok(live.find({ ...namespace, namespace: "shop", name: "default" }));
});

test("a watch that breaks is made good, and nothing that happened meanwhile is lost", async () => {
  await using world = await openWorld();
  const { live, direct, clock, told } = world;
  const ref = (name: string) => ({ ...configMap, namespace: "default", name });
  for (const name of ["kept", "moved", "gone"]) await direct.create(map(name, { group: "g" }));
  await ensure(live, configMap);
  told.length = 0;
  world.answerWith(unreachable);
  await world.restart(async () => {
    await direct.delete(ref("gone"));
    await direct.patch(ref("moved"), "application/merge-patch+json", { metadata: { annotations: { group: "h" } } });
    await direct.create(map("new", { group: "g" }));
  });
  world.answerWith(undefined);
  await waitFor("the new list", async () => {
    await clock.advance(1_000);
    return live.find(ref("new"));
  });
  await ensure(live, configMap);
  assert.deepEqual(
    [names(live.ofGroup("g")), names(live.ofGroup("h"))],
    [["ConfigMap/kept", "ConfigMap/new"], ["ConfigMap/moved"]],
  );
  assert.deepEqual(told.toSorted(), ["deleted ConfigMap/gone known", "set ConfigMap/moved known", "set ConfigMap/new"]);
});

test("says so when what is known may be out of date, and is well again afterwards", async () => {
  await using world = await openWorld();
  const { live, clock } = world;
  await ensure(live, configMap);
  world.answerWith(unreachable);
  await world.restart(async () => undefined);
  await clock.advance(20_000);
  await ensure(live, configMap);
  await clock.advance(20_000);
  await assert.rejects(ensure(live, configMap), { code: "API_UNAVAILABLE", message: /no news of v1\/ConfigMap/ });
  await assert.rejects(ensure(live, configMap), { code: "API_UNAVAILABLE" });
  world.answerWith(undefined);
  await clock.advance(60_000);
  assert.deepEqual(await ensure(live, configMap), { missing: [] });
});

test("a first list that does not come is waited for 30 seconds, and taken when it comes", async () => {
  await using world = await openWorld();
  const { live, clock, direct } = world;
  await direct.create(map("a"));
  world.answerWith(unreachable);
  const first = assert.rejects(ensure(live, configMap), {
    code: "API_UNAVAILABLE",
    message: /^no list of v1\/ConfigMap within 30 s: .*no answer from/,
  });
  await clock.advance(30_000);
  await first;
  await assert.rejects(ensure(live, configMap), { code: "API_UNAVAILABLE" }, "at once when it has failed for as long");
  world.answerWith(undefined);
  await clock.advance(40_000);
  await ensure(live, configMap);
  assert.ok(live.find({ ...configMap, namespace: "default", name: "a" }));
});

test("a kind that may not be listed is an error that names it, until it may", async () => {
  await using world = await openWorld();
  const { live, clock, requests } = world;
  world.answerWith(refuse("/pods", 403, "pods is forbidden"));
  const refused = { code: "API_FORBIDDEN", message: "list v1/Pod: pods is forbidden" };
  await assert.rejects(ensure(live, replicaSet), refused, "also one that workloads make");
  requests.length = 0;
  await assert.rejects(ensure(live, pod), refused);
  assert.deepEqual(requests, []);
  world.answerWith(undefined);
  await clock.advance(1_000);
  assert.deepEqual(await ensure(live, pod), { missing: [] });
});

test("a kind that workloads make is not missed by those who did not ask for it", async () => {
  await using world = await openWorld();
  world.answerWith(refuse("/pods", 404, "no such thing"));
  assert.deepEqual(await ensure(world.live, replicaSet), { missing: [] });
  assert.deepEqual(await ensure(world.live, replicaSet, pod), { missing: [pod] });
});

test("of a kind in two versions each object counts once, and is found in both", async () => {
  await using world = await openWorld();
  const { live, direct, clock, told } = world;
  const old = { ...widget, apiVersion: "example.com/v1beta1" };
  await direct.create(widgetDefinition);
  for (const name of ["a", "b"]) await direct.create({ ...widget, metadata: { name, ...group("g") } });
  await ensure(live, old);
  await ensure(live, widget);
  assert.deepEqual(
    live.ofGroup("g").map(({ apiVersion }) => apiVersion),
    [old.apiVersion, old.apiVersion],
  );
  assert.deepEqual(told, ["set Widget/a first", "set Widget/b first"]);
  for (const kind of [old, widget]) {
    assert.equal(live.find({ ...kind, namespace: "default", name: "a" })?.apiVersion, kind.apiVersion);
  }
  told.length = 0;
  // The old version is served no more: its watch ends, and the other takes over without a word.
  world.answerWith((_request, url) =>
    url.pathname.includes("v1beta1") ? new Response("", { status: 404 }) : undefined,
  );
  await world.restart(async () => undefined);
  await waitFor("the other version", async () => {
    await clock.advance(1_000);
    return live.ofGroup("g").every(({ apiVersion }) => apiVersion === widget.apiVersion);
  });
  assert.deepEqual(names(live.ofGroup("g")), ["Widget/a", "Widget/b"]);
  assert.deepEqual(told, []);
  assert.deepEqual(await ensure(live, old, widget), { missing: [old] });
  await direct.delete({ ...widget, namespace: "default", name: "a" });
  await waitFor("the deletion", () => told.length > 0);
  assert.deepEqual([told, names(live.ofGroup("g"))], [["deleted Widget/a known"], ["Widget/b"]]);
});

test("what a kind held is deleted when the cluster no longer knows it, but not at the first such answer", async () => {
  await using world = await openWorld();
  const { live, direct, clock, told } = world;
  await direct.create(widgetDefinition);
  await direct.create({ ...widget, metadata: { name: "a", ...group("g") } });
  await ensure(live, widget);
  told.length = 0;
  let answers = 0;
  // Failures of another kind before do not count.
  world.answerWith(unreachable);
  await world.restart(async () => undefined);
  await clock.advance(10_000);
  world.answerWith(() => {
    answers++;
    return new Response("", { status: 404 });
  });
  await waitFor("an answer", async () => {
    await clock.advance(100);
    return answers > 0;
  });
  assert.deepEqual(told, []);
  await waitFor("the end of the kind", async () => {
    await clock.advance(1_000);
    return told.length > 0;
  });
  assert.equal(answers, 3);
  assert.deepEqual(told, ["deleted Widget/a known"]);
  assert.deepEqual([live.ofGroup("g"), live.find({ ...widget, namespace: "default", name: "a" })], [[], undefined]);
  assert.deepEqual(await ensure(live, widget), { missing: [widget] });
  world.answerWith(undefined);
  await clock.advance(1_000);
  assert.deepEqual(await ensure(live, widget), { missing: [] });
  assert.deepEqual(names(live.ofGroup("g")), ["Widget/a"]);
});

test("10,000 objects are listed once, and a change costs one look at one object", async () => {
  let looks = 0;
  const groupOf = ({ metadata }: KubeObject) => {
    looks++;
    return metadata.annotations?.group;
  };
  await using world = await openWorld({ groupOf });
  const { live, direct, requests, told } = world;
  const count = 10_000;
  for (let from = 0; from < count; from += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, at) => map(`m${from + at}`, { group: `g${(from + at) % 1_000}` }));
    await Promise.all(some.map((object) => direct.create(object)));
  }
  await Promise.all(Array.from({ length: 1_000 }, () => ensure(live, configMap)));
  const pages = requests.filter((path) => path === "/api/v1/configmaps").length;
  assert.deepEqual([pages, looks, told.length], [count / 500, count, count]);
  for (let at = 0; at < 1_000; at++) assert.equal(live.ofGroup(`g${at}`).length, 10);
  requests.length = 0;
  const ref = { ...configMap, namespace: "default", name: "m7" };
  await direct.patch(ref, "application/merge-patch+json", { metadata: { annotations: { group: "moved" } } });
  await waitFor("the change", () => live.ofGroup("moved").length === 1);
  await Promise.all(Array.from({ length: 1_000 }, () => ensure(live, configMap)));
  assert.deepEqual([looks, told.length, requests], [count + 1, count + 1, []]);
  assert.equal(live.ofGroup("g7").length, 9);
});

test("kinds asked for before the start are watched from the start on", async () => {
  await using world = await openWorld({ start: false });
  const { live, direct, requests } = world;
  await direct.create(map("a"));
  const asked = ensure(live, configMap);
  assert.deepEqual(requests, []);
  const stop = new AbortController();
  const running = live.run(stop.signal);
  await asked;
  assert.ok(live.find({ ...configMap, namespace: "default", name: "a" }));
  stop.abort();
  await running;
});

test("stops cleanly: waiting callers are told, objects are not, and nothing stays on the signals", async () => {
  await using world = await openWorld();
  const { live, told, stop, clock } = world;
  await world.direct.create(map("a"));
  const caller = new AbortController();
  await live.ensure([configMap], caller.signal);
  world.answerWith((request) => new Promise((_, reject) => request.signal.addEventListener("abort", reject)));
  const waiting = assert.rejects(live.ensure([deployment], caller.signal), { code: "API_UNAVAILABLE" });
  const aborted = assert.rejects(live.ensure([replicaSet], AbortSignal.abort(new Error("enough"))), /enough/);
  await aborted;
  told.length = 0;
  stop.abort();
  await world.running;
  await waiting;
  assert.deepEqual(told, []);
  assert.equal(getEventListeners(caller.signal, "abort").length, 0);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  assert.equal(clock.sleeping, 0);
  await assert.rejects(live.ensure([configMap], none), { code: "API_UNAVAILABLE" });
});

test("a listener that throws or has left does not keep changes from others", async () => {
  await using world = await openWorld();
  const { live, direct } = world;
  live.onChange(() => {
    throw new Error("listener");
  });
  const seen: string[] = [];
  const leave = live.onChange(() => seen.push("left"));
  live.onChange(({ object }) => seen.push(object.metadata.name ?? ""));
  leave();
  await direct.create(map("a"));
  await ensure(live, configMap);
  assert.deepEqual(seen, ["a"]);
});

test("a kind that stays unknown is asked for less and less often, until a definition arrives", async () => {
  await using world = await openWorld();
  const { live, clock, requests, direct } = world;
  const definitions = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  await ensure(live, definitions);
  const asked = (): number => requests.filter((path) => path === "/apis/example.com/v1").length;
  for (let second = 0; second < 120; second++) {
    assert.deepEqual(await ensure(live, widget), { missing: [widget] });
    await clock.advance(1_000);
  }
  assert.ok(asked() >= 5 && asked() <= 10, `asked ${asked()} times in two minutes`);
  await direct.create(widgetDefinition as unknown as KubeObject);
  await waitFor("the kind", async () => {
    await clock.advance(100);
    return (await ensure(live, widget)).missing.length === 0;
  });
});

for (const [name, answer] of [
  ["not list", refuse("/widgets", 405, "the server does not allow this method on the requested resource")],
  [
    "not watch",
    (_request: Request, url: URL) =>
      url.searchParams.has("watch") ? Response.json({ message: "not allowed" }, { status: 405 }) : undefined,
  ],
] as const) {
  test(`objects of a kind that the cluster does ${name} are asked for one by one`, async () => {
    await using world = await openWorld();
    const { live, direct } = world;
    await direct.create(widgetDefinition);
    const object = (annotations: object, size: number) => ({
      ...widget,
      metadata: { name: "w", ...annotations },
      size,
    });
    await direct.create(object(group("shop"), 1));
    world.answerWith((request, url) => (url.pathname.includes("example.com") ? answer(request, url) : undefined));
    const ref = { ...widget, namespace: "default", name: "w" };
    const look = async (): Promise<unknown> => {
      assert.deepEqual(await ensure(live, widget), { missing: [] });
      await live.fetch([ref, { ...ref, name: "another" }], "shop", none);
      return live.find(ref)?.size;
    };
    // A watch is refused after the list is in.
    await waitFor("the kind to be known as one of these", async () => {
      return (await look()) === 1 && world.requests.includes("/apis/example.com/v1/namespaces/default/widgets/w");
    });
    assert.equal(live.isNamespaced(widget), true);
    assert.deepEqual(names(live.ofGroup("shop")), ["Widget/w"]);
    await direct.patch(ref, "application/merge-patch+json", { size: 2 });
    assert.equal(await look(), 2);
    await world.clock.advance(60_000);
    const lists = () => world.requests.filter((path) => path.endsWith("/widgets") || path.endsWith("/widgets watch"));
    const before = lists().length;
    assert.equal(await look(), 2);
    assert.equal(lists().length, before, "the kind itself is not asked for again");
    await direct.delete(ref);
    await live.fetch([], "shop", none); // no longer wanted, but known of the group
    assert.equal(live.find(ref), undefined);
    assert.deepEqual(live.ofGroup("shop"), []);
  });
}

test("objects that the cluster gives in no way are not there", async () => {
  await using world = await openWorld();
  const { live, direct } = world;
  await direct.create(widgetDefinition);
  const isWidgets = (url: URL) => url.pathname.includes("/widgets");
  world.answerWith((_request, url) => (isWidgets(url) ? Response.json({ message: "no" }, { status: 405 }) : undefined));
  assert.deepEqual(await ensure(live, widget), { missing: [] });
  await live.fetch([{ ...widget, namespace: "default", name: "w" }], "shop", none);
  assert.equal(live.find({ ...widget, namespace: "default", name: "w" }), undefined);
});
