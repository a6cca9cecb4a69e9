import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { releaseProjects } from "../../../src/controllers/applications/project-release.ts";
import { createProjects } from "../../../src/controllers/applications/projects.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { createCache } from "../fakes.ts";

const ours = "resources-finalizer.argocd.argoproj.io";
const at = "2026-11-29T10:00:00Z";

const project = (metadata: object, spec: object = { sourceNamespaces: ["team-*"] }): KubeObject =>
  ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { namespace: "argocd", name: "team", resourceVersion: "7", ...metadata },
    spec,
  }) as KubeObject;
const application = (name: string, namespace: string, spec: object): KubeObject =>
  ({ apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata: { namespace, name }, spec }) as KubeObject;
const leaving = { deletionTimestamp: at, finalizers: [ours] };

/** What is written to projects, one after the other; the first `failures` writes are refused. */
async function rig(objects: readonly KubeObject[], options: { isOurs?: () => boolean; failures?: number } = {}) {
  const clock = createVirtualClock();
  const [projects, applications] = [createCache(), createCache()];
  for (const object of objects) (object.kind === "AppProject" ? projects : applications).set(object);
  const written: unknown[] = [];
  let left = options.failures ?? 0;
  const patch: KubeClient["patch"] = async (ref, _type, body) => {
    if (left-- > 0) throw new EngineError("API_CONFLICT", "somebody wrote meanwhile");
    written.push([ref.name, body]);
    return project({});
  };
  const stop = new AbortController();
  const coming: ((partition: number) => void)[] = [];
  const running = releaseProjects(
    {
      cache: projects.cache,
      applications: applications.cache,
      projects: createProjects(projects.cache, {
        configMaps: { find: () => undefined },
        namespace: "argocd",
        log: silentLogger,
      }),
      kube: { patch },
      namespace: "argocd",
      isOurs: options.isOurs ?? (() => true),
      onCome: (listener) => void coming.push(listener),
      clock,
      log: silentLogger,
    },
    stop.signal,
  );
  await clock.advance(0);
  return {
    ...{ clock, projects, applications, written },
    come: () => {
      for (const listener of coming) listener(0);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

const released = [["team", { metadata: { resourceVersion: "7", finalizers: null } }]];

for (const [name, objects, expected] of [
  ["that is not deleted stays", [project({ finalizers: [ours] })], []],
  ["that nobody names goes", [project(leaving)], released],
  [
    "keeps the finalizers of others",
    [project({ deletionTimestamp: at, finalizers: ["example.com/mine", ours] })],
    [["team", { metadata: { resourceVersion: "7", finalizers: ["example.com/mine"] } }]],
  ],
  ["that waits for others only is left alone", [project({ ...leaving, finalizers: ["example.com/mine"] })], []],
  ["that an Application names stays", [project(leaving), application("web", "argocd", { project: "team" })], []],
  [
    "that one in a listed namespace names stays",
    [project(leaving), application("web", "team-a", { project: "team" })],
    [],
  ],
  ["that one elsewhere names goes", [project(leaving), application("web", "other", { project: "team" })], released],
  ["that others do not name goes", [project(leaving), application("web", "argocd", { project: "else" })], released],
  [
    "that cannot be read stays while it is named at all",
    [project(leaving, { sourceRepos: "all" }), application("web", "other", { project: "team" })],
    [],
  ],
] as const) {
  test(`a project ${name}`, async () => {
    await using world = await rig(objects);
    await world.clock.advance(60_000);
    assert.deepEqual(world.written, expected);
  });
}

test("a project goes with its last Application, and when that names another", async () => {
  for (const next of [undefined, application("web", "argocd", { project: "else" })]) {
    const last = application("web", "argocd", { project: "team" });
    await using world = await rig([project(leaving), last]);
    await world.clock.advance(60_000);
    assert.deepEqual(world.written, []);
    if (next === undefined) world.applications.delete(last);
    else world.applications.set(next);
    await world.clock.advance(0);
    assert.deepEqual(world.written, released);
  }
});

test("a project whose release is refused is tried again; one of another engine waits for its partition to come", async () => {
  let isOurs = false;
  await using world = await rig([project(leaving)], { isOurs: () => isOurs, failures: 2 });
  await world.clock.advance(60_000);
  assert.deepEqual(world.written, []);
  isOurs = true;
  world.come();
  await world.clock.advance(60_000);
  assert.deepEqual(world.written, released);
});
