import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication, specProblems } from "../../src/api/application.ts";
import type { Application } from "../../src/api/application-types.ts";
import { manifest } from "./builders.ts";

const source = { repoURL: "https://git.example.com/shop", path: "web" };
const destination = { server: "https://kubernetes.default.svc", namespace: "shop" };
const spec = { project: "default", source, destination };

function parse(more: object = {}): Application {
  return parseApplication(manifest("Application", { ...spec, ...more })).resource;
}

function warnings(more: object): string[] {
  return parseApplication(manifest("Application", { ...spec, ...more })).warnings.map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

test("an Application gets its defaults", () => {
  const { resource, warnings } = parseApplication(manifest("Application", spec));
  assert.deepEqual(warnings, []);
  const { metadata: _metadata, ...rest } = resource;
  assert.deepEqual(rest, {
    finalizers: [],
    deletedAt: "",
    project: "default",
    sources: [source],
    isMultiSource: false,
    destination,
    syncPolicy: { syncOptions: [] },
    ignoreDifferences: [],
    revisionHistoryLimit: 10,
    spec,
    status: {},
  });
});

for (const [name, more, sources, isMultiSource] of [
  ["the one source", {}, [source], false],
  ["sources instead of it", { sources: [{ repoURL: "a", path: "b" }] }, [{ repoURL: "a", path: "b" }], true],
  ["the one source beside an empty list", { sources: [] }, [source], false],
  [
    "the hydrator's sync source before both",
    {
      sources: [source],
      sourceHydrator: {
        drySource: { repoURL: "dry", targetRevision: "", path: "p" },
        syncSource: { targetBranch: "env", path: "p" },
      },
    },
    [{ repoURL: "dry", path: "p", targetRevision: "env" }],
    false,
  ],
] as const) {
  test(`the sources in effect are ${name}`, () => {
    const application = parse(more);
    assert.deepEqual(application.sources, sources);
    assert.equal(application.isMultiSource, isMultiSource);
  });
}

const off = { prune: false, selfHeal: false, allowEmpty: false };
for (const [name, automated, expected] of [
  ["absent", undefined, undefined],
  ["null", null, undefined],
  ["an empty object", {}, off],
  ["disabled", { enabled: false, prune: true }, undefined],
  ["with options", { prune: true, selfHeal: true }, { ...off, prune: true, selfHeal: true }],
] as const) {
  test(`automated sync that is ${name}`, () =>
    assert.deepEqual(parse({ syncPolicy: { automated } }).syncPolicy.automated, expected));
}

for (const [name, retry, expected] of [
  ["defaults", {}, { limit: 0, durationMs: 5_000, factor: 2, maxDurationMs: 180_000, refresh: false }],
  [
    "what is written",
    { limit: -1, backoff: { duration: "1m30s", factor: 3, maxDuration: "10" }, refresh: true },
    { limit: -1, durationMs: 90_000, factor: 3, maxDurationMs: 10_000, refresh: true },
  ],
] as const) {
  test(`retry has ${name}`, () => assert.deepEqual(parse({ syncPolicy: { retry } }).syncPolicy.retry, expected));
}

test("a duration that cannot be read is a warning, and the default is used", () => {
  assert.deepEqual(warnings({ syncPolicy: { retry: { backoff: { duration: "soon" } } } }), [
    'spec.syncPolicy.retry.backoff.duration: "soon" is not a duration such as "10s" or "1m30s"; 5s is used',
  ]);
});

for (const [name, more, expected] of [
  ["a field that is not known", { odd: 1 }, ["spec.odd: unknown field, it has no effect"]],
  ["no project", { project: "" }, ['spec.project: is empty; the project "default" is used']],
  [
    "jq paths that are none",
    { ignoreDifferences: [{ kind: "*", jqPathExpressions: [".a", ".a |", "foo", ".a # note"] }] },
    [
      'spec.ignoreDifferences[0].jqPathExpressions[1]: jq program ".a |" at 4: the program ends, expected a term: the comparison fails',
      'spec.ignoreDifferences[0].jqPathExpressions[2]: jq program "foo" at 0: function not defined: foo/0: the comparison fails',
      'spec.ignoreDifferences[0].jqPathExpressions[3]: jq program "del(.a # note)" at 14: the program ends, expected ")": the comparison fails',
    ],
  ],
  [
    "neither path nor chart",
    { source: { repoURL: "a" } },
    ["spec.source: spec.source.repoURL and either spec.source.path or spec.source.chart are required"],
  ],
  [
    "a chart without a version",
    { source: { repoURL: "a", chart: "c" } },
    ["spec.source.targetRevision: spec.source.targetRevision is required if the manifest source is a helm chart"],
  ],
  ["a source that others refer to", { source: null, sources: [{ repoURL: "a", ref: "values" }] }, []],
  [
    "two ways to name the cluster",
    { destination: { name: "n", server: "s" } },
    ["spec.destination: application destination can't have both name and server defined: n s"],
  ],
  ["no cluster", { destination: { namespace: "n" } }, ["spec.destination: Destination server missing from app spec"]],
] as const) {
  test(`an Application is admitted with a warning about ${name}`, () => assert.deepEqual(warnings(more), expected));
}

test("what makes a condition is told apart from other warnings", () => {
  const problems = specProblems(parse({ project: "", destination: {} }));
  assert.deepEqual(
    problems.map(({ message }) => message),
    ["Destination server missing from app spec"],
  );
});

test("every problem comes at once", () => {
  const value = manifest("Application", { source: { path: 1 }, project: 2 }, { operation: 3 });
  assert.throws(() => parseApplication(value), {
    code: "MANIFEST_INVALID",
    message:
      "spec.destination: is required; spec.source.repoURL: is required; spec.source.path: 1 must be a string; put it in quotes; " +
      "spec.project: 2 must be a string; put it in quotes; operation: must be an object",
  });
});

test("an operation is read", () => {
  const sync = {
    revision: "abc",
    prune: true,
    syncStrategy: { apply: { force: true } },
    resources: [{ group: "apps", kind: "Deployment", name: "web" }],
    syncOptions: ["Validate=false"],
  };
  const value = manifest("Application", spec, { operation: { sync, initiatedBy: { username: "ann" } } });
  const { operation } = parseApplication(value).resource;
  assert.deepEqual(operation?.sync, {
    revision: "abc",
    revisions: [],
    prune: true,
    dryRun: false,
    strategy: "apply",
    force: true,
    resources: [{ group: "apps", kind: "Deployment", name: "web" }],
    manifests: [],
    syncOptions: ["Validate=false"],
    autoHealAttemptsCount: 0,
  });
  assert.deepEqual(operation?.initiatedBy, { username: "ann" });
});

for (const [refs, expected] of [
  [["a", "b-1_X", ""], []],
  [["a", "a"], ["spec.sources[1].ref: invalid sources: multiple sources had the same `ref` key: a"]],
  [["a/b"], ["spec.sources[0].ref: sources.ref a/b cannot contain any special characters except '_' and '-'"]],
] as const) {
  test(`the refs ${JSON.stringify(refs)} of sources`, () => {
    const sources = refs.map((ref) => ({
      repoURL: "https://git.example/r",
      path: "p",
      ...(ref === "" ? {} : { ref }),
    }));
    const problems = specProblems(parse({ sources, destination: { name: "in-cluster" } }));
    assert.deepEqual(
      problems.map(({ path, message }) => `${path}: ${message}`),
      expected,
    );
  });
}
