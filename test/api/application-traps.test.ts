import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication } from "../../src/api/application.ts";
import { faultOf, linesOf, manifest } from "./builders.ts";

const source = { repoURL: "https://git.example.com/shop", path: "web" };
const destination = { server: "https://kubernetes.default.svc", namespace: "shop" };
const spec = { project: "default", source, destination };
const noEffect = "unknown field, it has no effect";

function warnings(more: object, top: object = {}): string[] {
  return linesOf(parseApplication(manifest("Application", { ...spec, ...more }, top)).warnings);
}

for (const [name, more, expected] of [
  ["spec.automated", { automated: {} }, "belongs at `spec.syncPolicy.automated`"],
  ["spec.prune", { prune: true }, "belongs at `spec.syncPolicy.automated.prune`"],
  ["spec.syncOptions", { syncOptions: [] }, "belongs at `spec.syncPolicy.syncOptions`"],
  ["spec.targetRevision", { targetRevision: "main" }, "belongs at `spec.source.targetRevision`"],
  ["spec.namespace", { namespace: "shop" }, "belongs at `spec.destination.namespace`"],
  ["spec.syncWindows", { syncWindows: [] }, "`syncWindows` belongs to AppProject"],
  ["spec.sourceRepos", { sourceRepos: [] }, "`sourceRepos` belongs to AppProject"],
  ["spec.generators", { generators: [] }, "`generators` belongs to ApplicationSet"],
  ["spec.finalizers", { finalizers: [] }, "belongs at `metadata.finalizers`"],
  ["spec.syncPolicy.prune", { syncPolicy: { prune: true } }, "belongs at `spec.syncPolicy.automated.prune`"],
  ["spec.syncPolicy.selfHeal", { syncPolicy: { selfHeal: true } }, "belongs at `spec.syncPolicy.automated.selfHeal`"],
  ["spec.syncPolicy.limit", { syncPolicy: { limit: 3 } }, "belongs at `spec.syncPolicy.retry.limit`"],
  [
    "spec.syncPolicy.automated.CreateNamespace",
    { syncPolicy: { automated: { CreateNamespace: true } } },
    'write `spec.syncPolicy.syncOptions: ["CreateNamespace=true"]`',
  ],
  [
    "spec.syncPolicy.retry.duration",
    { syncPolicy: { retry: { duration: "5s" } } },
    "belongs at `spec.syncPolicy.retry.backoff.duration`",
  ],
  ["spec.source.valueFiles", { source: { ...source, valueFiles: [] } }, "belongs at `helm.valueFiles`"],
  ["spec.source.project", { source: { ...source, project: "p" } }, "belongs at `spec.project`"],
  [
    "spec.webhook.github.secret",
    { "webhook.github.secret": "x" },
    "the webhook secret belongs to Secret `argocd-secret`, key `webhook.<provider>.secret`",
  ],
] as const) {
  test(`${name} is told where it belongs`, () =>
    assert.deepEqual(warnings(more), [`${name}: ${noEffect} (${expected})`]));
}

test("keys beside spec are told where they belong", () => {
  assert.deepEqual(warnings({}, { syncPolicy: {}, finalizers: [] }), [
    `syncPolicy: ${noEffect} (belongs at \`spec.syncPolicy\`)`,
    `finalizers: ${noEffect} (belongs at \`metadata.finalizers\`)`,
  ]);
});

const plain = { repoURL: "r", path: "p" };
for (const [name, more, expected] of [
  [
    "source beside sources",
    { sources: [plain] },
    ["spec.source: has no effect: `sources` wins (remove `source` or `sources`)"],
  ],
  [
    "a hydrator beside source and sources",
    {
      sources: [plain],
      sourceHydrator: {
        drySource: { repoURL: "r", targetRevision: "main", path: "p" },
        syncSource: { targetBranch: "env", path: "p" },
      },
    },
    [
      "spec.source: has no effect: `sourceHydrator` wins (remove `source` or `sourceHydrator`)",
      "spec.sources: has no effect: `sourceHydrator` wins",
    ],
  ],
  [
    "a path from the root",
    { source: { ...source, path: "/web/shop" } },
    ['spec.source.path: "/web/shop" must not begin with "/" (did you mean `web/shop`?)'],
  ],
  [
    "a path that leaves",
    { source: { ...source, path: "a/../../b" } },
    ['spec.source.path: "a/../../b" leaves the repository'],
  ],
  ["a path that stays", { source: { ...source, path: "a/../b/./.." } }, []],
  [
    "path beside chart",
    { source: { ...source, chart: "c", targetRevision: "1" } },
    ["spec.source.path: has no effect beside `chart`"],
  ],
  [
    "two tools",
    { source: { ...source, helm: {}, directory: {} } },
    ["spec.source: has options of helm and directory: rendering fails, only one may be there"],
  ],
  [
    "ref in a single source",
    { source: { ...source, ref: "v" } },
    ["spec.source.ref: has no effect in a single source (write `sources`)"],
  ],
  [
    "refs that are odd, double or missing",
    {
      source: null,
      sources: [
        { ...plain, ref: "a b" },
        { ...plain, ref: "values" },
        { ...plain, ref: "values" },
        { ...plain, helm: { valueFiles: ["$values/a.yaml", "$value/b.yaml", "own.yaml"] } },
      ],
    },
    [
      'spec.sources[3].helm.valueFiles[1]: "$value/b.yaml": no source has `ref: value` (did you mean `$values`?)',
      'spec.sources[0].ref: "a b" must be letters, digits, - and _',
      'spec.sources[2].ref: "values" is there twice',
    ],
  ],
  [
    "a cluster's name as its URL",
    { destination: { server: "in-cluster", namespace: "n1" } },
    ['spec.destination.server: "in-cluster" must be the URL of a cluster (write `name: in-cluster`)'],
  ],
  [
    "a URL without its scheme",
    { destination: { server: "kubernetes.default.svc", namespace: "n1" } },
    [
      'spec.destination.server: "kubernetes.default.svc" must be the URL of a cluster (did you mean `https://kubernetes.default.svc`?)',
    ],
  ],
  [
    "values that are no object",
    { source: { ...source, helm: { values: "- a" } } },
    ["spec.source.helm.values: must be YAML of an object: rendering fails"],
  ],
  [
    "values that are no YAML",
    { source: { ...source, helm: { values: "a: 1\n b: 2" } } },
    ["spec.source.helm.values: is no YAML, rendering fails: line 2, column 3: bad indentation of a mapping entry"],
  ],
  ["values that are empty", { source: { ...source, helm: { values: "# none" } } }, []],
  [
    "options of Helm",
    { source: { ...source, helm: { version: "v2", values: "a: 1", valuesObject: {} } } },
    [
      'spec.source.helm.version: "v2" must be v3 or v4: rendering fails',
      "spec.source.helm.values: has no effect: `valuesObject` wins",
    ],
  ],
  [
    "a plugin's parameter of two types",
    {
      source: {
        ...source,
        plugin: {
          parameters: [
            { name: "a", string: "x", array: [] },
            { name: "b", map: {} },
          ],
        },
      },
    },
    ["spec.source.plugin.parameters[0]: has string and array: only one is meant to be there"],
  ],
  [
    "metadata for a namespace that nobody makes",
    { syncPolicy: { managedNamespaceMetadata: {} } },
    ["spec.syncPolicy.managedNamespaceMetadata: has no effect without the sync option CreateNamespace=true"],
  ],
  [
    "a namespace without a name",
    { destination: { name: "c" }, syncPolicy: { syncOptions: ["CreateNamespace=true"] } },
    ["spec.syncPolicy.syncOptions[0]: CreateNamespace=true has no effect without `destination.namespace`"],
  ],
  [
    "a rule that ignores nothing",
    { ignoreDifferences: [{ kind: "Deployment", group: "apps/v1" }] },
    [
      "spec.ignoreDifferences[0]: names no field, it has no effect: give jsonPointers, jqPathExpressions, managedFieldsManagers",
      'spec.ignoreDifferences[0].group: "apps/v1" must be a group without its version (did you mean `apps`?)',
    ],
  ],
  [
    "a pointer that is none",
    { ignoreDifferences: [{ kind: "*", jsonPointers: ["spec.replicas", "/spec/replicas"] }] },
    [
      'spec.ignoreDifferences[0].jsonPointers[0]: "spec.replicas" must begin with "/", it has no effect (did you mean `/spec/replicas`?)',
    ],
  ],
] as const) {
  test(`a warning about ${name}`, () => assert.deepEqual(warnings(more), expected));
}

for (const [option, expected] of [
  ["CreateNamespace=true", undefined],
  ["Prune=confirm", undefined],
  ["Replace=false", undefined],
  ["PrunePropagationPolicy=orphan", undefined],
  ["WaveTimeout=10m", undefined],
  ["WaveTimeout=soon", '"WaveTimeout=soon" has no effect: the value must be such as 10m'],
  ["PruneLimit=20%", undefined],
  ["PruneLimit=most", '"PruneLimit=most" has no effect: the value must be such as 10 or 20%'],
  [
    "CreateNameSpace=true",
    '"CreateNameSpace=true" is not a sync option, it has no effect (did you mean `CreateNamespace=true`?)',
  ],
  [
    "ServerSideAply=true",
    '"ServerSideAply=true" is not a sync option, it has no effect (did you mean `ServerSideApply=true`?)',
  ],
  [
    "PruneLast=True",
    '"PruneLast=True" has no effect: the value must be one of true, false (did you mean `PruneLast=true`?)',
  ],
  ["PruneLast", '"PruneLast" is not a sync option, it has no effect (did you mean `PruneLast=true`?)'],
  ["PruneLast = true", '"PruneLast = true" is not a sync option, it has no effect (did you mean `PruneLast=true`?)'],
  ["PruneLast=true,Replace=true", '"PruneLast=true,Replace=true" has no effect (write one entry for each option)'],
  [
    "Force=true",
    '"Force=true" has no effect on an Application (write it in the annotation `argocd.argoproj.io/sync-options` of an object)',
  ],
  ["Nonsense=true", '"Nonsense=true" is not a sync option, it has no effect'],
  ["constructor=true", '"constructor=true" is not a sync option, it has no effect'],
] as const) {
  test(`sync option ${option}: ${expected === undefined ? "fine" : "a warning"}`, () => {
    const lines = expected === undefined ? [] : [expected];
    assert.deepEqual(
      warnings({ syncPolicy: { syncOptions: [option] } }),
      lines.map((line) => `spec.syncPolicy.syncOptions[0]: ${line}`),
    );
    assert.deepEqual(
      warnings({}, { operation: { sync: { syncOptions: [option] } } }),
      lines.map((line) => `operation.sync.syncOptions[0]: ${line}`),
    );
  });
}

test("of options that contradict each other the first counts", () => {
  assert.deepEqual(warnings({ syncPolicy: { syncOptions: ["Prune=false", "Prune=true", "Prune=false"] } }), [
    'spec.syncPolicy.syncOptions[1]: "Prune=true" comes after "Prune=false", which counts',
  ]);
});

test("of two strategies of a sync one counts", () => {
  assert.deepEqual(warnings({}, { operation: { sync: { syncStrategy: { apply: {}, hook: {} } } } }), [
    "operation.sync.syncStrategy.hook: has no effect: `apply` wins",
  ]);
});

const annotation = (name: string) => `argocd.argoproj.io/${name}`;
for (const [name, value, expected] of [
  ["refresh", "hard", undefined],
  ["refresh", "normal", undefined],
  [
    "refresh",
    "Hard",
    '"Hard" must be "normal" or "hard"; any value but "hard" counts as normal (did you mean `hard`?)',
  ],
  ["sync-wave", "-5", undefined],
  ["sync-wave", "first", '"first" must be a whole number; 0 is used'],
  ["skip-reconcile", "yes", '"yes" must be true or false'],
  [
    "hook",
    "PreSync, PostSynk",
    '"PostSynk" must be one of PreSync, Sync, PostSync, SyncFail, Skip, PreDelete, PostDelete (did you mean `PostSync`?)',
  ],
  ["compare-options", "IgnoreExtraneous", undefined],
  ["sync-options", "Force=true,Prune=false", undefined],
  ["sync-options", "CreateNamespace=true", '"CreateNamespace=true" is not a sync option, it has no effect'],
  ["sync-waves", "1", "unknown annotation, it has no effect (did you mean `argocd.argoproj.io/sync-wave`?)"],
  ["tracking-id", "x", undefined],
  ["something-of-theirs", "x", undefined],
] as const) {
  test(`annotation ${name}: ${value}`, () => {
    const metadata = { name: "x", annotations: { [annotation(name)]: value } };
    const lines = expected === undefined ? [] : [`metadata.annotations.${annotation(name)}: ${expected}`];
    assert.deepEqual(warnings({}, { metadata }), lines);
  });
}

const stays = "is no finalizer of Argo CD: the object stays until somebody removes it";
for (const [finalizer, expected] of [
  ["resources-finalizer.argocd.argoproj.io", undefined],
  ["resources-finalizer.argocd.argoproj.io/background", undefined],
  ["example.com/theirs", undefined],
  [
    "resource-finalizer.argocd.argoproj.io",
    `"resource-finalizer.argocd.argoproj.io" ${stays} (did you mean \`resources-finalizer.argocd.argoproj.io\`?)`,
  ],
  [
    "resources-finalizer.argoproj.io",
    `"resources-finalizer.argoproj.io" ${stays} (did you mean \`resources-finalizer.argocd.argoproj.io\`?)`,
  ],
  ["foreground.argoproj.io", `"foreground.argoproj.io" ${stays}`],
] as const) {
  test(`finalizer ${finalizer}`, () => {
    const lines = expected === undefined ? [] : [`metadata.finalizers[0]: ${expected}`];
    assert.deepEqual(warnings({}, { metadata: { name: "x", finalizers: [finalizer] } }), lines);
  });
}

test("the original's CRD refuses what lacks a field that it demands", () => {
  const more = {
    source: { path: "p", plugin: { env: [{ name: "A" }] }, kustomize: { replicas: [{ name: "web" }] } },
    sourceHydrator: { drySource: { repoURL: "r" }, syncSource: { targetBranch: "b", path: "." }, hydrateTo: {} },
    ignoreDifferences: [{ group: "apps" }],
    info: [{ name: "a" }],
  };
  const fault = faultOf(() => parseApplication(manifest("Application", { ...spec, ...more })));
  assert.deepEqual(fault?.split("; ").sort(), [
    "spec.ignoreDifferences[0].kind: is required",
    "spec.info[0].value: is required",
    "spec.source.kustomize.replicas[0].count: is required",
    "spec.source.plugin.env[0].value: is required",
    "spec.source.repoURL: is required",
    "spec.sourceHydrator.drySource.path: is required",
    "spec.sourceHydrator.drySource.targetRevision: is required",
    "spec.sourceHydrator.hydrateTo.targetBranch: is required",
    'spec.sourceHydrator.syncSource.path: "." must match pattern "^.{2,}|[^./]$"',
  ]);
});
