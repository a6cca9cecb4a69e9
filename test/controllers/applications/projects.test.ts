import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createProjects } from "../../../src/controllers/applications/projects.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createCache } from "../fakes.ts";

const project = (name: string, spec: object): KubeObject =>
  ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { namespace: "argocd", name },
    spec,
  }) as KubeObject;

test("the project default is there even if nobody made it, and is what somebody made of it", () => {
  const { cache, set, delete: remove } = createCache();
  const projects = createProjects(cache, "argocd", silentLogger);
  assert.deepEqual(projects.find("default")?.sourceRepos, ["*"]);
  set(project("default", { sourceRepos: ["https://git.example/*"] }));
  assert.deepEqual(projects.find("default")?.sourceRepos, ["https://git.example/*"]);
  remove(project("default", {}));
  assert.deepEqual(projects.find("default")?.sourceRepos, ["*"]);
});

test("another is there while somebody keeps it, in its newest version", () => {
  const { cache, set, delete: remove } = createCache();
  const projects = createProjects(cache, "argocd", silentLogger);
  assert.equal(projects.find("team"), undefined);
  set(project("team", { sourceRepos: ["a"] }));
  assert.equal(projects.find("team"), projects.find("team"), "each version is parsed once");
  set(project("team", { sourceRepos: ["b"] }));
  assert.deepEqual(projects.find("team")?.sourceRepos, ["b"]);
  remove(project("team", {}));
  assert.equal(projects.find("team"), undefined);
});

test("one that cannot be read permits nothing, and is told of once", () => {
  const warnings: unknown[] = [];
  const { cache, set } = createCache();
  const log = { ...silentLogger, warn: (_: string, fields?: object) => void warnings.push(fields) };
  const projects = createProjects(cache, "argocd", log);
  set(project("default", { sourceRepos: "all" }));
  assert.equal(projects.find("default"), undefined);
  assert.equal(projects.find("default"), undefined);
  assert.equal(warnings.length, 1);
});
