import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplicationSet } from "../../../src/api/application-set/application-set.ts";
import { linesOf, manifest } from "../builders.ts";

const application = {
  project: "default",
  source: { repoURL: "https://git.example.com/shop", path: "web" },
  destination: { name: "in-cluster", namespace: "shop" },
};
const template = { metadata: { name: "shop-{{ name }}" }, spec: application };
const clusters = { clusters: {} };

function warnings(more: object, top: object = {}): string[] {
  const spec = { generators: [clusters], template, ...more };
  return linesOf(parseApplicationSet(manifest("ApplicationSet", spec, top)).warnings);
}

const g = "spec.generators[0]";
const plainKinds = "list, clusters, git, scmProvider, clusterDecisionResource, pullRequest, plugin";
const git = { repoURL: "r", revision: "main" };
const deepest = { matrix: { generators: [clusters, clusters] } };

for (const [name, generators, expected] of [
  ["no generators", [], ["spec.generators: is empty: no Applications are made, and those that were made are deleted"]],
  [
    "an entry of no kind",
    [{ selector: {} }],
    [`${g}: names no generator; expected one of ${plainKinds}, matrix, merge`],
  ],
  [
    "an entry of two kinds",
    [{ ...clusters, plugin: { configMapRef: { name: "c" } } }],
    [
      `${g}: has several generators (clusters, plugin): each makes Applications of its own ` +
        "(use `matrix` or `merge` to combine them, or write one entry for each)",
    ],
  ],
  [
    "a child of two kinds",
    [{ matrix: { generators: [clusters, { ...clusters, plugin: { configMapRef: { name: "c" } } }] } }],
    [
      `${g}.matrix.generators[1]: has several generators (clusters, plugin): only one may be there ` +
        "(write one entry for each)",
    ],
  ],
  [
    "a matrix of one",
    [{ matrix: { generators: [clusters] } }],
    [`${g}.matrix.generators: found less than two generators, Matrix support only two`],
  ],
  [
    "a matrix of three",
    [{ matrix: { generators: [clusters, clusters, clusters] } }],
    [`${g}.matrix.generators: found more than two generators, Matrix support only two (nest a second \`matrix\`)`],
  ],
  [
    "a merge of one, without keys",
    [{ merge: { generators: [clusters], mergeKeys: [] } }],
    [
      `${g}.merge.generators: found less than two generators, Merge requires two or more`,
      `${g}.merge.mergeKeys: no merge keys were specified, Merge requires at least one`,
    ],
  ],
  ["two levels of combinations", [{ merge: { generators: [deepest, deepest], mergeKeys: ["name"] } }], []],
  [
    "three levels of combinations",
    [{ matrix: { generators: [clusters, { matrix: { generators: [clusters, deepest] } }] } }],
    [
      `${g}.matrix.generators[1].matrix.generators[1].matrix: unknown field, it has no effect`,
      `${g}.matrix.generators[1].matrix.generators[1].matrix: is nested too deep: a matrix or merge may have one level of them inside`,
    ],
  ],
  [
    "what is wrong in free-form children",
    [{ matrix: { generators: [clusters, { merge: { generators: [{ git: { repoURL: 7 } }, clusters] } }] } }],
    [
      `${g}.matrix.generators[1].merge.generators[0].git.revision: is required`,
      `${g}.matrix.generators[1].merge.generators[0].git.repoURL: 7 must be a string (put it in quotes)`,
      `${g}.matrix.generators[1].merge.mergeKeys: no merge keys were specified, Merge requires at least one`,
      `${g}.matrix.generators[1].merge.generators[0].git: must have directories or files`,
    ],
  ],
  [
    "a template of a child",
    [{ matrix: { generators: [clusters, { clusters: { template: {} } }] } }],
    [
      `${g}.matrix.generators[1].clusters.template: has no effect here: only that of the outermost matrix or merge counts`,
    ],
  ],
  [
    "selectors over parameters",
    [
      {
        ...clusters,
        selector: {
          matchLabels: { "a b": "any text, really" },
          matchExpressions: [
            { key: "path.basename", operator: "In", values: [] },
            { key: "ok", operator: "Exist" },
            { key: "ok", operator: "DoesNotExist", values: ["x"] },
          ],
        },
      },
    ],
    [
      `${g}.selector.matchLabels.a b: "a b" must be a label's key: letters, digits, -, _ and ., at most 63`,
      `${g}.selector.matchExpressions[0].values: must not be empty for In`,
      `${g}.selector.matchExpressions[1].operator: "Exist" must be one of In, NotIn, Exists, DoesNotExist (did you mean \`Exists\`?)`,
      `${g}.selector.matchExpressions[2].values: must be empty for DoesNotExist`,
    ],
  ],
  [
    "selectors over clusters",
    [{ clusters: { selector: { matchLabels: { "a.b/c": "any text" } } } }],
    [
      `${g}.clusters.selector.matchLabels.a.b/c: "any text" must be a label's value: letters, digits, -, _ and ., at most 63`,
    ],
  ],
  ["selectors that are filled in", [{ clusters: { selector: { matchLabels: { a: "{{ env }}" } } } }], []],
  ["git that takes nothing", [{ git }], [`${g}.git: must have directories or files`]],
  [
    "git with both modes",
    [{ git: { ...git, directories: [{ path: "a/**" }], files: [{ path: "b", exclude: true }] } }],
    [
      `${g}.git.files: has no effect: \`directories\` wins`,
      `${g}.git.files: only excludes: nothing is taken`,
      `${g}.git.directories[0].path: "a/**": ** is no more than *, it stays within one segment`,
    ],
  ],
  [
    "a decision by both",
    [{ clusterDecisionResource: { configMapRef: "c", name: "n", labelSelector: { matchLabels: { a: "b" } } } }],
    [`${g}.clusterDecisionResource: has both name and labelSelector: only one may be there`],
  ],
  [
    "a decision by neither",
    [{ clusterDecisionResource: { configMapRef: "c" } }],
    [`${g}.clusterDecisionResource: must have name or labelSelector`],
  ],
  [
    "no provider, odd filters",
    [{ scmProvider: { cloneProtocol: "http", filters: [{}, { repositoryMatch: "a(" }] } }],
    [
      `${g}.scmProvider: names no provider; expected one of github, gitlab, gitea, bitbucketServer, bitbucket, azureDevOps, awsCodeCommit`,
      `${g}.scmProvider.cloneProtocol: "http" must be one of ssh, https (did you mean \`https\`?)`,
      `${g}.scmProvider.filters[0]: is empty: it has no effect`,
      `${g}.scmProvider.filters[1].repositoryMatch: "a(": error parsing regexp: missing closing ): \`a(\``,
    ],
  ],
  ["https-fips, which AWS knows", [{ scmProvider: { awsCodeCommit: {}, cloneProtocol: "https-fips" } }], []],
  [
    "two providers, a state that is not known, two ways to log in",
    [
      {
        pullRequest: {
          gitlab: { project: "p", pullRequestState: "open" },
          bitbucket: {
            owner: "o",
            repo: "r",
            basicAuth: { username: "u", passwordRef: { secretName: "s", key: "k" } },
            bearerToken: { tokenRef: { secretName: "s", key: "k" } },
          },
        },
      },
    ],
    [
      `${g}.pullRequest: has several providers (gitlab, bitbucket): one is used`,
      `${g}.pullRequest.bitbucket: has both basicAuth and bearerToken: one is used`,
      `${g}.pullRequest.gitlab.pullRequestState: "open" must be one of opened, closed, merged, locked`,
    ],
  ],
  [
    "elements that are no texts",
    [{ list: { elements: [{ name: "a", port: 80, values: { on: true } }, "b"] } }],
    [
      `${g}.list.elements[0].port: 80 must be a string without goTemplate (quote it)`,
      `${g}.list.elements[0].values.on: true must be a string without goTemplate (quote it)`,
      `${g}.list.elements[1]: "b" must be an object`,
    ],
  ],
  ["a list of nothing", [{ list: {} }], [`${g}.list: has no elements: it gives no sets`]],
  ["elements that are filled in", [{ list: { elementsYaml: "{{ .elements | toJson }}" } }], []],
  [
    "YAML that is no list",
    [{ list: { elementsYaml: "a: [" } }],
    [`${g}.list.elementsYaml: must be YAML of a list of objects`],
  ],
] as const) {
  test(`generators: ${name}`, () => assert.deepEqual(warnings({ generators }), expected));
}

const rolling = (step: object) => ({ type: "RollingSync", rollingSync: { steps: [step] } });
for (const [name, strategy, expected] of [
  ["all at once", { type: "AllAtOnce" }, []],
  ["a number", rolling({ maxUpdate: 0 }), []],
  ["a share", rolling({ maxUpdate: "100%" }), []],
  [
    "a type that is not known",
    { type: "rollingSync", rollingSync: { steps: [{}] } },
    [
      'spec.strategy.type: "rollingSync" must be one of AllAtOnce, RollingSync (did you mean `RollingSync`?)',
      "spec.strategy.rollingSync: has no effect without `type: RollingSync` (set `spec.strategy.type: RollingSync`)",
    ],
  ],
  ["no steps", { type: "RollingSync" }, ["spec.strategy.rollingSync.steps: must have a step"]],
  [
    "a step that is wrong",
    rolling({ matchExpressions: [{ operator: "Exists" }], maxUpdate: "101%" }),
    [
      'spec.strategy.rollingSync.steps[0].matchExpressions[0].operator: "Exists" must be one of In, NotIn',
      "spec.strategy.rollingSync.steps[0].matchExpressions[0].key: must name a label",
      'spec.strategy.rollingSync.steps[0].maxUpdate: "101%" must be a whole number from 0, or a share such as 10%',
    ],
  ],
  [
    "an order that is not known",
    { deletionOrder: "Revers" },
    ['spec.strategy.deletionOrder: "Revers" must be one of AllAtOnce, Reverse (did you mean `Reverse`?)'],
  ],
  [
    "an order without steps",
    { deletionOrder: "Reverse" },
    ["spec.strategy.deletionOrder: Reverse has no effect without `type: RollingSync`"],
  ],
] as const) {
  test(`strategy: ${name}`, () => assert.deepEqual(warnings({ strategy }), expected));
}

const named = (name: string | undefined) => ({ metadata: name === undefined ? {} : { name }, spec: application });
const listOf = (...names: string[]) => [{ list: { elements: names.map((name) => ({ name })) } }];
const at = "spec.template.metadata.name";
for (const [name, more, expected] of [
  ["none", { template: named(undefined) }, [`${at}: is empty: every Application needs a name`]],
  ["none, but a patch", { template: named(undefined), templatePatch: "{{ .patch }}", goTemplate: true }, []],
  [
    "the same for all",
    { template: named("shop") },
    [`${at}: "shop" has no parameter in it: every Application has this name`],
  ],
  ["the same for the one", { template: named("shop"), generators: listOf("a") }, []],
  ["one for all clusters", { template: named("shop"), generators: [{ clusters: { flatList: true } }] }, []],
  ["each another", { generators: listOf("a", "b") }, []],
  [
    "the same for two",
    { generators: listOf("a", "b", "a") },
    [`${at}: "shop-a" is made twice: by elements[0] and elements[2]`],
  ],
  [
    "one that is not valid",
    { generators: listOf("a", "B_1") },
    [`${at}: "shop-B_1" (of elements[1]) must be lower-case letters, digits, - and ., at most 253`],
  ],
  ["one that only rendering tells", { template: named("{{ name }}-{{ other }}"), generators: listOf("a", "a") }, []],
  [
    "of the generator",
    {
      template: named(undefined),
      generators: [{ clusters: { template: { metadata: { name: "{{ name }}" }, spec: { destination: {} } } } }],
    },
    [],
  ],
] as const) {
  test(`the name of Applications: ${name}`, () => assert.deepEqual(warnings(more), expected));
}

const withSource = (source: object) => ({ ...template, spec: { ...application, source } });
for (const [name, more, expected] of [
  [
    "traps of an Application",
    { template: withSource({ repoURL: "r", path: "/web" }) },
    ['spec.template.spec.source.path: "/web" must not begin with "/" (did you mean `web`?)'],
  ],
  ["a path that is filled in", { template: withSource({ repoURL: "r", path: "{{ path }}/.." }) }, []],
  [
    "metadata",
    {
      template: {
        metadata: {
          name: "{{ name }}",
          finalizers: ["resources-finaliser.argocd.argoproj.io"],
          annotations: { "argocd.argoproj.io/sync-wave": "a", "argocd.argoproj.io/refresh": "{{ r }}" },
        },
        spec: application,
      },
    },
    [
      'spec.template.metadata.annotations.argocd.argoproj.io/sync-wave: "a" must be a whole number; 0 is used',
      'spec.template.metadata.finalizers[0]: "resources-finaliser.argocd.argoproj.io" is no finalizer of Argo CD: the ' +
        "object stays until somebody removes it (did you mean `resources-finalizer.argocd.argoproj.io`?)",
    ],
  ],
  [
    "a finalizer against preserveResourcesOnDeletion",
    {
      syncPolicy: { preserveResourcesOnDeletion: true },
      template: {
        metadata: { name: "{{ name }}", finalizers: ["resources-finalizer.argocd.argoproj.io"] },
        spec: application,
      },
    },
    [
      "spec.template.metadata.finalizers[0]: deletes the objects of Applications in spite of `preserveResourcesOnDeletion`",
    ],
  ],
  [
    "another namespace",
    { template: { ...template, metadata: { name: "{{ name }}", namespace: "other" } } },
    ["spec.template.metadata.namespace: has no effect: Applications are made in the ApplicationSet's namespace, ns"],
  ],
  [
    "no project",
    { template: { ...template, spec: { ...application, project: "" } } },
    ['spec.template.spec.project: is empty; the project "default" is used'],
  ],
  [
    "Go templates without goTemplate",
    { template: withSource({ repoURL: "{{ .repo }}", path: "{{ .path }}" }) },
    [
      'spec.template.spec.source.repoURL: "{{ .repo }}" stays as it is: without goTemplate only {{ key }} is filled in ' +
        "(set `spec.goTemplate: true`)",
    ],
  ],
  [
    "plain templates with goTemplate",
    {
      goTemplate: true,
      template: { ...withSource({ repoURL: "r", path: "{{path[1]}}" }), metadata: { name: "{{ .name" } },
    },
    [
      "spec.template.metadata.name: has a {{ without }}, or the other way round (close each {{ with }})",
      'spec.template.spec.source.path: "{{path[1]}}" is not a Go template: a parameter begins with a dot ' +
        "(did you mean `{{ index .path.segments 1 }}`?)",
    ],
  ],
  [
    "a generator's template that is not whole",
    { generators: [{ clusters: { template: { metadata: { labels: { a: "b" } }, odd: 1 } } }] },
    [
      `${g}.clusters.template.odd: unknown field, it has no effect`,
      `${g}.clusters.template.spec: is demanded by the CRD of Argo CD, though it may be empty`,
    ],
  ],
  [
    "keys that belong elsewhere in a generator's template, and a duration",
    {
      generators: [{ clusters: { template: { metadata: {}, spec: { project: "", destination: {}, automated: {} } } } }],
      template: {
        ...template,
        spec: { ...application, syncPolicy: { retry: { backoff: { duration: "soon", maxDuration: "{{ max }}" } } } },
      },
    },
    [
      'spec.template.spec.syncPolicy.retry.backoff.duration: "soon" is not a duration such as "10s" or "1m30s"; 5s is used',
      `${g}.clusters.template.spec.automated: unknown field, it has no effect ` +
        `(belongs at \`${"spec.generators[].clusters.template.spec"}.syncPolicy.automated\`)`,
    ],
  ],
  ["a patch that is no object", { templatePatch: "- a" }, ["spec.templatePatch: must be YAML or JSON of an object"]],
  [
    "a patch of the project",
    { templatePatch: "spec: {project: other}" },
    ["spec.templatePatch: a change of spec.project has no effect (give it in `spec.template`)"],
  ],
  [
    "options without goTemplate",
    { goTemplateOptions: ["missingkey=error"] },
    ["spec.goTemplateOptions: has no effect without `goTemplate: true`"],
  ],
  [
    "options that are not known",
    { goTemplate: true, goTemplateOptions: ["missingkey=fail"], template: named("{{ .name }}") },
    [
      'spec.goTemplateOptions[0]: "missingkey=fail" must be one of missingkey=default, missingkey=invalid, missingkey=zero, missingkey=error',
    ],
  ],
  [
    "rules that ignore nothing",
    { ignoreApplicationDifferences: [{ name: "a" }, { jqPathExpressions: [".a"] }], applyNestedSelectors: false },
    [
      "spec.ignoreApplicationDifferences[0]: names no field, it has no effect: give jsonPointers, jqPathExpressions",
      "spec.ignoreApplicationDifferences[1].jqPathExpressions: is not supported yet",
      "spec.applyNestedSelectors: has no effect: selectors of nested generators count",
    ],
  ],
] as const) {
  test(`a warning about ${name}`, () => assert.deepEqual(warnings(more), expected));
}

test("a type that is wrong in a generator's template is refused", () => {
  const generators = [{ clusters: { template: { metadata: {}, spec: { destination: "x" } } } }];
  assert.throws(() => warnings({ generators }), {
    code: "MANIFEST_INVALID",
    message: /clusters\.template\.spec\.destination: "x" must be an object/,
  });
});

test("only the first finalizer is one of ApplicationSets", () => {
  const metadata = { name: "x", finalizers: ["post-delete-finalizer.argocd.argoproj.io"] };
  assert.deepEqual(warnings({}, { metadata }), [
    'metadata.finalizers[0]: "post-delete-finalizer.argocd.argoproj.io" is no finalizer of Argo CD: the object stays ' +
      "until somebody removes it",
  ]);
});

test("a manifest of 1 MB is read within a second", () => {
  const elements = Array.from({ length: 20_000 }, (_, index) => ({
    name: `cluster-${index}`,
    url: "https://example.com",
  }));
  const startedAt = performance.now();
  assert.deepEqual(warnings({ generators: [{ list: { elements } }] }), []);
  assert.ok(performance.now() - startedAt < 1_000);
});
