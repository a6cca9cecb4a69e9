import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createProjects } from "../../../src/controllers/applications/projects.ts";
import { createScopedRepositories } from "../../../src/controllers/applications/repository-access.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createCache } from "../fakes.ts";

const project = (name: string, spec: object, labels: Readonly<Record<string, string>> = {}): KubeObject =>
  ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { namespace: "argocd", name, labels },
    spec,
  }) as KubeObject;

/** `globalProjects`: the text in `argocd-cm`, which may change. */
function deps(settings: { globalProjects?: string } = {}) {
  const configMaps = {
    find: () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "argocd-cm" }, data: { ...settings } }),
  };
  return { configMaps, namespace: "argocd", log: silentLogger };
}

test("the project default is there even if nobody made it, and is what somebody made of it", () => {
  const { cache, set, delete: remove } = createCache();
  const projects = createProjects(cache, deps());
  assert.deepEqual(projects.find("default")?.sourceRepos, ["*"]);
  set(project("default", { sourceRepos: ["https://git.example/*"] }));
  assert.deepEqual(projects.find("default")?.sourceRepos, ["https://git.example/*"]);
  remove(project("default", {}));
  assert.deepEqual(projects.find("default")?.sourceRepos, ["*"]);
});

test("another is there while somebody keeps it, in its newest version", () => {
  const { cache, set, delete: remove } = createCache();
  const projects = createProjects(cache, deps());
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
  const projects = createProjects(cache, { ...deps(), log });
  set(project("default", { sourceRepos: "all" }));
  assert.equal(projects.find("default"), undefined);
  assert.equal(projects.find("default"), undefined);
  assert.equal(warnings.length, 1);
});

test("a project inherits from the global ones that select its labels, as long as argocd-cm says so", () => {
  const settings: { globalProjects?: string } = {};
  const { cache, set } = createCache();
  const errors: string[] = [];
  const log = { ...silentLogger, error: (message: string) => void errors.push(message) };
  const projects = createProjects(cache, { ...deps(settings), log });
  set(project("base", { sourceRepos: ["base"], clusterResourceBlacklist: [{ group: "", kind: "Node" }] }));
  set(project("team", { sourceRepos: ["team"] }, { tier: "one" }));
  set(project("other", { sourceRepos: ["other"] }, { tier: "two" }));
  assert.deepEqual(projects.find("team")?.sourceRepos, ["team"]);
  const selector = "{matchExpressions: [{key: tier, operator: In, values: [one]}]}";
  settings.globalProjects = `- {projectName: base, labelSelector: ${selector}}\n- {projectName: gone, labelSelector: {}}`;
  assert.deepEqual(projects.find("team")?.sourceRepos, ["team", "base"]);
  assert.deepEqual(projects.find("team")?.clusterResourceBlacklist, [{ group: "", kind: "Node" }]);
  assert.deepEqual(projects.find("other")?.sourceRepos, ["other"]);
  settings.globalProjects = "- {projectName: base}\n";
  assert.deepEqual(projects.find("other")?.sourceRepos, ["other", "base"], "an empty selector takes all");
  assert.deepEqual(projects.find("base")?.sourceRepos, ["base"], "but nobody inherits from itself");
  settings.globalProjects = "- {projectName: base, labelSelector: {matchExpressions: [{key: a, operator: Like}]}}";
  assert.deepEqual(projects.find("team")?.sourceRepos, ["team"]);
  projects.find("team");
  assert.equal(errors.length, 1);
});

test("a project may use the repositories and clusters that belong to it alone, and no other may", () => {
  const { cache, set } = createCache();
  const scoped = (name: string) => ({
    repositories: name === "team" ? ["https://git.example/team/a.git"] : [],
    clusters:
      name === "team"
        ? [
            { server: "https://one" },
            { server: "https://two", scope: { namespaces: ["x", "y"], hasClusterKinds: false } },
          ]
        : [],
  });
  const projects = createProjects(cache, { ...deps(), scoped });
  for (const name of ["team", "other"]) {
    set(project(name, { sourceRepos: ["own"], destinations: [{ server: "https://own", namespace: "*" }] }));
  }
  const team = projects.find("team");
  assert.deepEqual(team?.sourceRepos, ["own", "https://git.example/team/a.git"]);
  assert.deepEqual(team?.destinations, [
    { server: "https://own", namespace: "*" },
    { server: "https://one", namespace: "*" },
    { server: "https://two", namespace: "x" },
    { server: "https://two", namespace: "y" },
  ]);
  assert.deepEqual(projects.find("other")?.sourceRepos, ["own"]);
  assert.equal(projects.find("other")?.destinations.length, 1);
});

test("repository Secrets that name a project, as they are now", () => {
  const { cache, set, delete: remove } = createCache();
  const secret = (name: string, type: string, data: Readonly<Record<string, string>>): KubeObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "argocd", name, labels: { "argocd.argoproj.io/secret-type": type } },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
  });
  const scoped = createScopedRepositories(cache);
  assert.deepEqual(scoped("team"), []);
  set(secret("a", "repository", { url: "https://h/a", project: "team" }));
  set(secret("b", "repository", { url: "https://h/b" }));
  set(secret("c", "repo-creds", { url: "https://h/c", project: "team" }));
  set(secret("d", "repository", { url: "https://h/d", project: "other" }));
  assert.deepEqual([scoped("team"), scoped("other"), scoped("")], [["https://h/a"], ["https://h/d"], []]);
  remove(secret("a", "repository", {}));
  assert.deepEqual(scoped("team"), []);
});
