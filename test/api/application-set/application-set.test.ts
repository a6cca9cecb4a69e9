import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseApplicationSet } from "../../../src/api/application-set/application-set.ts";
import { generatorsOf } from "../../../src/api/application-set/application-set-generators.ts";
import { faultOf, linesOf, manifest } from "../builders.ts";

const application = {
  project: "default",
  source: { repoURL: "https://git.example.com/shop", path: "{{ name }}" },
  destination: { name: "{{ name }}", namespace: "shop" },
};
const template = { metadata: { name: "shop-{{ name }}" }, spec: application };
const clusters = { clusters: {} };
const base = { generators: [clusters], template };

function parse(more: object = {}, top: object = {}) {
  return parseApplicationSet(manifest("ApplicationSet", { ...base, ...more }, top));
}

test("an ApplicationSet gets its defaults", () => {
  const { resource, warnings } = parse();
  assert.deepEqual(warnings, []);
  const { metadata: _metadata, ...rest } = resource;
  assert.deepEqual(rest, {
    finalizers: [],
    deletedAt: "",
    goTemplate: false,
    goTemplateOptions: [],
    generators: [{ kind: "clusters", spec: {}, path: "spec.generators[0].clusters" }],
    template,
    templatePatch: "",
    preserveResourcesOnDeletion: false,
    strategy: { type: "AllAtOnce", steps: [], deletesInReverse: false },
    preservedFields: { annotations: [], labels: [] },
    ignoreApplicationDifferences: [],
    spec: base,
    status: {},
  });
});

test("what is written is read", () => {
  const steps = [{ matchExpressions: [{ key: "env", operator: "In", values: ["dev"] }], maxUpdate: "10%" }, {}];
  const { resource, warnings } = parse(
    {
      goTemplate: true,
      goTemplateOptions: ["missingkey=error"],
      template: {
        metadata: { name: "{{ .name }}", labels: { "{{ .key }}": "x" } },
        spec: { ...application, source: { repoURL: "r", path: "{{ .path.path }}" } },
      },
      templatePatch: "spec: {{ .patch | toJson }}",
      syncPolicy: { preserveResourcesOnDeletion: true, applicationsSync: "create-update" },
      strategy: { type: "RollingSync", rollingSync: { steps }, deletionOrder: "reverse" },
      preservedFields: { annotations: ["a"], labels: ["b"] },
      ignoreApplicationDifferences: [{ name: "x", jsonPointers: ["/spec/source/targetRevision"] }],
    },
    { metadata: { name: "x", finalizers: ["resources-finalizer.argocd.argoproj.io"] }, status: { resourcesCount: 1 } },
  );
  // `destination.name` is that of the template above, which is no Go template.
  assert.deepEqual(linesOf(warnings), [
    'spec.template.spec.destination.name: "{{ name }}" is not a Go template: a parameter begins with a dot ' +
      "(did you mean `{{ .name }}`?)",
  ]);
  assert.equal(resource.goTemplate, true);
  assert.deepEqual(resource.goTemplateOptions, ["missingkey=error"]);
  assert.equal(resource.templatePatch, "spec: {{ .patch | toJson }}");
  assert.equal(resource.preserveResourcesOnDeletion, true);
  assert.equal(resource.applicationsSync, "create-update");
  assert.deepEqual(resource.strategy, {
    type: "RollingSync",
    steps: [steps[0], { matchExpressions: [] }],
    deletesInReverse: true,
  });
  assert.deepEqual(resource.preservedFields, { annotations: ["a"], labels: ["b"] });
  assert.deepEqual(resource.ignoreApplicationDifferences, [
    { name: "x", jsonPointers: ["/spec/source/targetRevision"], jqPathExpressions: [] },
  ]);
  assert.deepEqual(resource.finalizers, ["resources-finalizer.argocd.argoproj.io"]);
  assert.deepEqual(resource.status, { resourcesCount: 1 });
});

test("an entry is one generator for each kind, with the entry's selector and its own template", () => {
  const selector = { matchLabels: { env: "dev" }, matchExpressions: [{ key: "tier", operator: "Exists" }] };
  const entry = {
    git: { repoURL: "r" },
    list: { template: { metadata: { name: null, labels: { a: "b" } } } },
    selector,
  };
  const read = { matchLabels: { env: "dev" }, matchExpressions: [{ key: "tier", operator: "Exists", values: [] }] };
  assert.deepEqual(generatorsOf([clusters, entry, "odd"], "g"), [
    { kind: "clusters", spec: {}, path: "g[0].clusters" },
    {
      kind: "list",
      spec: entry.list,
      selector: read,
      template: { metadata: { labels: { a: "b" } } },
      path: "g[1].list",
    },
    { kind: "git", spec: { repoURL: "r" }, selector: read, path: "g[1].git" },
  ]);
});

const tokenRef = { secretName: "s", key: "k" };
const caRef = { configMapName: "c", key: "k" };
const basicAuth = { username: "u", passwordRef: tokenRef };
const bearerToken = { tokenRef };
const values = { region: "{{ name }}" };

/** Each with every field, and the fields that the original's CRD demands. */
const providers: readonly [kind: string, provider: string, full: object, demanded: readonly string[]][] = [
  [
    "scmProvider",
    "github",
    { organization: "o", api: "a", tokenRef, appSecretName: "s", allBranches: true, excludeArchivedRepos: true },
    ["organization"],
  ],
  [
    "scmProvider",
    "gitlab",
    {
      group: "g",
      includeSubgroups: true,
      includeSharedProjects: false,
      includeArchivedRepos: true,
      topic: "t",
      api: "a",
      tokenRef,
      allBranches: true,
      insecure: true,
      caRef,
    },
    ["group"],
  ],
  [
    "scmProvider",
    "gitea",
    { owner: "o", api: "a", tokenRef, allBranches: true, insecure: true, excludeArchivedRepos: true },
    ["owner", "api"],
  ],
  [
    "scmProvider",
    "bitbucketServer",
    { project: "p", api: "a", basicAuth, allBranches: true, insecure: true, caRef },
    ["project", "api"],
  ],
  [
    "scmProvider",
    "bitbucket",
    { owner: "o", user: "u", appPasswordRef: tokenRef, allBranches: true },
    ["owner", "user", "appPasswordRef"],
  ],
  [
    "scmProvider",
    "azureDevOps",
    { organization: "o", teamProject: "p", accessTokenRef: tokenRef, api: "a", allBranches: true },
    ["organization", "teamProject", "accessTokenRef"],
  ],
  [
    "scmProvider",
    "awsCodeCommit",
    { tagFilters: [{ key: "k", value: "v" }], role: "r", region: "eu", allBranches: true },
    [],
  ],
  [
    "pullRequest",
    "github",
    { owner: "o", repo: "r", api: "a", tokenRef, appSecretName: "s", labels: ["l"] },
    ["owner", "repo"],
  ],
  [
    "pullRequest",
    "gitlab",
    { project: "p", api: "a", tokenRef, labels: ["l"], pullRequestState: "opened", insecure: true, caRef },
    ["project"],
  ],
  [
    "pullRequest",
    "gitea",
    { owner: "o", repo: "r", api: "a", tokenRef, insecure: true, labels: ["l"] },
    ["owner", "repo", "api"],
  ],
  [
    "pullRequest",
    "bitbucketServer",
    { project: "p", repo: "r", api: "a", bearerToken, insecure: true, caRef },
    ["project", "repo", "api"],
  ],
  ["pullRequest", "bitbucket", { owner: "o", repo: "r", api: "a", basicAuth }, ["owner", "repo"]],
  [
    "pullRequest",
    "azuredevops",
    { organization: "o", project: "p", repo: "r", api: "a", tokenRef, labels: ["l"] },
    ["organization", "project", "repo"],
  ],
];

for (const [kind, provider, full, demanded] of providers) {
  const more = kind === "scmProvider" ? { cloneProtocol: "https" } : { continueOnRepoNotFoundError: true };
  const filters = [{ branchMatch: "^main$" }];
  const entry = (spec: object) => ({ [kind]: { [provider]: spec, filters, requeueAfterSeconds: 60, values, ...more } });

  test(`${kind}.${provider} is accepted with every field, everywhere`, () => {
    const inMatrix = { matrix: { generators: [clusters, entry(full)] } };
    const deep = { merge: { generators: [inMatrix, clusters], mergeKeys: ["name"] } };
    assert.deepEqual(linesOf(parse({ generators: [entry(full), inMatrix, deep] }).warnings), []);
  });

  test(`${kind}.${provider} is refused without what the CRD demands, and with a wrong type`, () => {
    const path = `spec.generators[0].${kind}.${provider}`;
    const missing = faultOf(() => parse({ generators: [entry({})] }));
    assert.equal(
      missing,
      demanded.length > 0 ? demanded.map((f) => `${path}.${f}: is required`).join("; ") : undefined,
    );
    for (const field of Object.keys(full)) {
      assert.match(
        faultOf(() => parse({ generators: [entry({ ...full, [field]: 7 })] })) ?? "",
        new RegExp(`${field}: (7|the value \\(not shown\\)) must be an? `),
      );
    }
  });
}

const override = { metadata: {}, spec: { project: "", destination: {} } };
const plain: readonly [kind: string, full: object, demanded: readonly string[]][] = [
  ["list", { elements: [{ name: "a", values: { b: "c" } }], elementsYaml: "- name: b", template: override }, []],
  [
    "clusters",
    {
      selector: { matchLabels: { env: "dev" }, matchExpressions: [{ key: "a", operator: "NotIn", values: ["b"] }] },
      flatList: true,
      values,
      template: override,
    },
    [],
  ],
  [
    "git",
    {
      repoURL: "r",
      revision: "HEAD",
      directories: [{ path: "apps/*" }, { path: "apps/old", exclude: true }],
      requeueAfterSeconds: 60,
      pathParamPrefix: "p",
      values,
      template: override,
    },
    ["repoURL", "revision"],
  ],
  [
    "clusterDecisionResource",
    { configMapRef: "c", name: "n", requeueAfterSeconds: 60, values, template: override },
    ["configMapRef"],
  ],
  [
    "plugin",
    {
      configMapRef: { name: "c" },
      input: { parameters: { a: [1] } },
      requeueAfterSeconds: 60,
      values,
      template: override,
    },
    ["configMapRef"],
  ],
  ["matrix", { generators: [clusters, clusters], template: override }, ["generators"]],
  ["merge", { generators: [clusters, clusters], mergeKeys: ["name"], template: override }, ["generators", "mergeKeys"]],
];

for (const [kind, full, demanded] of plain) {
  test(`${kind} is accepted with every field`, () => {
    assert.deepEqual(linesOf(parse({ generators: [{ [kind]: full, selector: {} }] }).warnings), []);
  });

  test(`${kind} is refused without what the CRD demands, and with a wrong type`, () => {
    const path = `spec.generators[0].${kind}`;
    const missing = faultOf(() => parse({ generators: [{ [kind]: {} }] }));
    assert.equal(
      missing,
      demanded.length > 0 ? demanded.map((f) => `${path}.${f}: is required`).join("; ") : undefined,
    );
    for (const field of Object.keys(full)) {
      const wrong = field === "requeueAfterSeconds" ? "soon" : 7;
      const fault = faultOf(() => parse({ generators: [{ [kind]: { ...full, [field]: wrong } }] }));
      assert.ok(fault?.includes(`${path}.${field}: ${JSON.stringify(wrong)} must be a`), `${field}: ${fault}`);
    }
  });
}

for (const [name, spec, expected] of [
  ["nothing", {}, "spec.generators: is required; spec.template: is required"],
  [
    "a template without its parts",
    { ...base, template: { spec: {} } },
    "spec.template.metadata: is required; spec.template.spec.destination: is required",
  ],
  [
    "a policy that is not known",
    { ...base, syncPolicy: { applicationsSync: "create" } },
    'spec.syncPolicy.applicationsSync: "create" must be one of "create-only", "create-update", "create-delete", "sync"',
  ],
  [
    "a selector without an operator",
    { ...base, generators: [{ ...clusters, selector: { matchExpressions: [{ key: "a" }] } }] },
    "spec.generators[0].selector.matchExpressions[0].operator: is required",
  ],
] as const) {
  test(`an ApplicationSet is refused with ${name}`, () => {
    const fault = faultOf(() => parseApplicationSet(manifest("ApplicationSet", spec)));
    assert.ok(fault?.startsWith(expected), fault);
  });
}

test("a number that is templated is refused, and the patch named instead", () => {
  const spec = { ...application, syncPolicy: { automated: { prune: "{{ prune }}" } } };
  const fault = faultOf(() => parse({ template: { ...template, spec } }));
  assert.ok(fault?.startsWith('spec.template.spec.syncPolicy.automated.prune: "{{ prune }}" must be a boolean'), fault);
});

const noEffect = "unknown field, it has no effect";
for (const [path, more, suggestion] of [
  ["spec.list", { list: {} }, "belongs at `spec.generators[].list`"],
  ["spec.destination", { destination: {} }, "belongs at `spec.template.spec.destination`"],
  ["spec.applicationsSync", { applicationsSync: "sync" }, "belongs at `spec.syncPolicy.applicationsSync`"],
  ["spec.syncWindows", { syncWindows: [] }, "`syncWindows` belongs to AppProject"],
  [
    "spec.syncPolicy.automated",
    { syncPolicy: { automated: {} } },
    "belongs at `spec.template.spec.syncPolicy.automated`",
  ],
  [
    "spec.template.spec.automated",
    { template: { ...template, spec: { ...application, automated: {} } } },
    "belongs at `spec.template.spec.syncPolicy.automated`",
  ],
  [
    "spec.template.metadata.generateName",
    { template: { ...template, metadata: { name: "{{ name }}", generateName: "a-" } } },
    "give `name`, with parameters in it",
  ],
  ["spec.generators[0].elements", { generators: [{ ...clusters, elements: [] }] }, "belongs at `list.elements`"],
  [
    "spec.generators[0].matrix.generators[1].mergeKeys",
    { generators: [{ matrix: { generators: [clusters, { ...clusters, mergeKeys: [] }] } }] },
    "belongs at `merge.mergeKeys`",
  ],
] as const) {
  test(`${path} is told where it belongs`, () =>
    assert.deepEqual(linesOf(parse(more).warnings), [`${path}: ${noEffect} (${suggestion})`]));
}

test("no value makes it throw anything but its own error", () => {
  const keys = ["generators", "list", "matrix", "merge", "git", "elements", "template", "metadata", "spec", "selector"];
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "medium" },
      fc.constantFrom(null, true, 7, "", "{{", "{{ .a }}", "{{a}}", "**", "("),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys, "matchExpressions", "strategy", "templatePatch"), tie("any"), {
        maxKeys: 5,
      }),
    ),
  })).any;
  fc.assert(
    fc.property(value, value, (generators, set) => {
      faultOf(() => parse({ generators, ...(set as object) }));
      faultOf(() =>
        parse({ generators: [generators, { matrix: { generators: [generators, set] } }], templatePatch: "{{" }),
      );
    }),
    { numRuns: 300 },
  );
});
