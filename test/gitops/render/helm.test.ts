import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { askingChart, chart, strictChart } from "./charts.ts";
import { type Files, namesOf, shareRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm");

type Helm = NonNullable<ApplicationSource["helm"]>;

const always = ["template", ".", "--name-template", "web", "--namespace", "shop"];

/** The option, and the arguments that a person would type for it, in the folder `app`. */
const golden: readonly (readonly [
  name: string,
  files: Files,
  helm: Helm,
  args: readonly string[],
  before?: readonly string[],
])[] = [
  ["a chart as it is", chart, {}, [...always, "--include-crds"]],
  [
    "releaseName",
    chart,
    { releaseName: "other" },
    ["template", ".", "--name-template", "other", "--namespace", "shop", "--include-crds"],
  ],
  [
    "namespace",
    chart,
    { namespace: "inner" },
    ["template", ".", "--name-template", "web", "--namespace", "inner", "--include-crds"],
  ],
  ["skipCrds", chart, { skipCrds: true }, always],
  ["skipTests", chart, { skipTests: true }, [...always, "--include-crds", "--skip-tests"]],
  [
    "skipSchemaValidation",
    strictChart,
    { skipSchemaValidation: true },
    [...always, "--include-crds", "--skip-schema-validation"],
  ],
  [
    "valueFiles, later ones win",
    chart,
    { valueFiles: ["values-prod.yaml", "values-late.yaml"] },
    [...always, "--include-crds", "--values", "values-prod.yaml", "--values", "values-late.yaml"],
  ],
  [
    "valueFiles of the repository: absolute, and relative above the chart",
    chart,
    { valueFiles: ["/shared/values.yaml", "../shared/a.yaml"] },
    [...always, "--include-crds", "--values", "../shared/values.yaml", "--values", "../shared/a.yaml"],
  ],
  [
    "valueFiles with a variable, also where they begin with one",
    chart,
    { valueFiles: ["$" + "{NONE}values-prod.yaml", "env/$ARGOCD_APP_NAME.yaml"] },
    [...always, "--include-crds", "--values", "values-prod.yaml", "--values", "env/web.yaml"],
  ],
  [
    "valueFiles with a glob, in byte order, each once",
    chart,
    { valueFiles: ["/shared/*.yaml", "/shared/a.yaml"] },
    [
      ...always,
      "--include-crds",
      "--values",
      "../shared/values.yaml",
      "--values",
      "../shared/z.yaml",
      "--values",
      "../shared/a.yaml",
    ],
  ],
  [
    "valueFiles with a glob over folders",
    chart,
    { valueFiles: ["../shared/**/m.yaml"] },
    [...always, "--include-crds", "--values", "../shared/deep/er/m.yaml"],
  ],
  [
    "ignoreMissingValueFiles",
    chart,
    { valueFiles: ["none.yaml", "none/*.yaml", "values-prod.yaml"], ignoreMissingValueFiles: true },
    [...always, "--include-crds", "--values", "values-prod.yaml"],
  ],
  [
    "values above valueFiles",
    chart,
    { valueFiles: ["values-prod.yaml"], values: "color: from-values\nliteral: $ARGOCD_APP_NAME\n" },
    [
      ...always,
      "--include-crds",
      "--values",
      "values-prod.yaml",
      "--set-literal",
      "color=from-values",
      "--set-literal",
      "literal=$ARGOCD_APP_NAME",
    ],
  ],
  [
    "valuesObject above values",
    chart,
    { values: "color: from-values\nmore: 1\n", valuesObject: { color: "from-object", nested: { deep: "object" } } },
    [...always, "--include-crds", "--set", "color=from-object,nested.deep=object"],
  ],
  [
    "parameters above all, with what they look like",
    chart,
    {
      valuesObject: { color: "from-object" },
      parameters: [
        { name: "color", value: "first" },
        { name: "color", value: "red,green" },
        { name: "number", value: "7" },
        { name: "text", value: "7", forceString: true },
        { name: "list", value: "{a,b}" },
        { name: "nested.deep", value: "$ARGOCD_APP_NAME-$ARGOCD_APP_NAMESPACE-$$-$NONE" },
        { name: "escaped", value: "a\\,b" },
        { name: "$ARGOCD_APP_NAME", value: "a name stays" },
      ],
    },
    [
      ...always,
      "--include-crds",
      ...["--set", "color=red\\,green", "--set", "number=7", "--set-string", "text=7", "--set", "list={a,b}"],
      ...["--set", "nested.deep=web-shop-$-", "--set", "escaped=a\\,b", "--set", "$ARGOCD_APP_NAME=a name stays"],
    ],
  ],
  [
    "fileParameters above texts, and these above other parameters",
    chart,
    {
      parameters: [
        { name: "certificate", value: "text", forceString: true },
        { name: "shared", value: "plain" },
        { name: "text", value: "1", forceString: true },
        { name: "text", value: "2" },
      ],
      fileParameters: [
        { name: "certificate", path: "certificate.txt" },
        { name: "shared", path: "/shared/a.yaml" },
        { name: "named", path: "env/$ARGOCD_APP_NAME.yaml" },
      ],
    },
    [
      ...[...always, "--include-crds", "--set-string", "certificate=text", "--set", "shared=plain"],
      ...["--set-string", "text=1", "--set", "text=2", "--set-file", "certificate=certificate.txt"],
      ...["--set-file", "shared=../shared/a.yaml", "--set-file", "named=env/web.yaml"],
    ],
  ],
  [
    "kubeVersion and apiVersions",
    askingChart,
    { kubeVersion: "v1.27.4+k3s1", apiVersions: ["example.com/v1/Thing", "x/v1"] },
    [
      ...always,
      "--include-crds",
      "--kube-version",
      "1.27.4",
      "--api-versions",
      "example.com/v1/Thing",
      "--api-versions",
      "x/v1",
    ],
  ],
  ["version v3, which is kept for the original", chart, { version: "v3" }, [...always, "--include-crds"]],
  ["version v4, which is the same Helm", chart, { version: "v4" }, [...always, "--include-crds"]],
  ["no version", chart, { version: "" }, [...always, "--include-crds"]],
  [
    "chart dependencies by file://",
    {
      ...chart,
      "app/Chart.yaml": `apiVersion: v2
name: shown
version: 1.2.3
dependencies:
- {name: below, version: 0.1.0, repository: "file://../libs/below"}
`,
      "libs/below/Chart.yaml": "apiVersion: v2\nname: below\nversion: 0.1.0\n",
      "libs/below/templates/below.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: below}\n",
    },
    {},
    [...always, "--include-crds"],
    ["dependency", "build", "."],
  ],
  [
    "a vendored dependency",
    {
      ...chart,
      "app/Chart.yaml": `apiVersion: v2
name: shown
version: 1.2.3
dependencies:
- {name: below, version: 0.1.0, repository: "https://charts.example.com"}
`,
      "app/charts/below/Chart.yaml": "apiVersion: v2\nname: below\nversion: 0.1.0\n",
      "app/charts/below/templates/below.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: below}\n",
    },
    {},
    [...always, "--include-crds"],
  ],
];

describe("Helm", () => {
  const emptied = shareRenderRig(["helm"]);

  for (const [name, files, helm, args, before] of golden) {
    test(`Helm by hand gives the same: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit(files);
      const rendered = await rig.render(commit, { helm });
      assert.equal(rendered.type, "Helm");
      const commands = [before ?? [], args].filter((one) => one.length > 0).map((one) => ["helm", ...one] as const);
      assert.deepEqual(rendered.manifests, await rig.byHand("app", commands));
      assert.ok(rendered.manifests.length > 1);
    });
  }

  const wrong: readonly (readonly [name: string, files: Files, helm: Helm, message: RegExp])[] = [
    [
      "a missing value file",
      chart,
      { valueFiles: ["none.yaml"] },
      /^`helm template \.` failed exit status 1: Error: open app\/none\.yaml: no such file/,
    ],
    [
      "a glob that matches nothing",
      chart,
      { valueFiles: ["none/*.yaml"] },
      /^values file glob "none\/\*\.yaml" matched no files$/,
    ],
    [
      "a value file out of the repository",
      chart,
      { valueFiles: ["../../etc/passwd"] },
      /^value file "\.\.\/\.\.\/etc\/passwd" resolves to a path outside of the repository$/,
    ],
    [
      "a scheme that is not allowed",
      chart,
      { valueFiles: ["file:///etc/passwd"] },
      /^the URL scheme 'file' is not allowed$/,
    ],
    ["a version of Helm that nobody has", chart, { version: "v2" }, /^helm\.version: "v2" must be v3, v4 or empty$/],
    [
      "a version of Kubernetes that is none",
      chart,
      { kubeVersion: "latest" },
      /^helm\.kubeVersion: "latest" is no version such as 1\.32\.3$/,
    ],
    ["values that the chart's schema refuses", strictChart, {}, /values don't meet the specifications of the schema/],
    [
      "a template that is broken",
      { ...chart, "app/templates/x.yaml": "{{ .Values.x | nonsense }}" },
      {},
      /function "nonsense" not defined/,
    ],
  ];

  for (const [name, files, helm, message] of wrong) {
    test(`a chart is refused with its reason: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit(files);
      await assert.rejects(rig.render(commit, { helm }), { code: "RENDER_FAILED", message });
    });
  }

  test("a chart that looks at the cluster is told of it, one that does not is not", { skip }, async () => {
    const rig = await emptied();
    let asked = 0;
    const versions = async () => {
      asked += 1;
      return { kubeVersion: "v1.31.2", apiVersions: ["example.com/v1", "example.com/v1/Thing"] };
    };
    const plain = await rig.repository.commit(chart);
    await rig.render(plain, {}, { versions });
    assert.equal(asked, 0);
    const asking = await rig.repository.commit(askingChart);
    const { manifests } = await rig.render(asking, {}, { versions });
    assert.ok(asked > 0);
    const found = manifests.find(({ metadata }) => (metadata as { name: string }).name === "asking");
    assert.deepEqual(found?.data, { kube: "v1.31.2", crd: "true" });
  });

  test("a CRD that comes renders a chart again that looks for it, and no other", { skip }, async () => {
    const rig = await emptied();
    const commit = await rig.repository.commit(askingChart);
    const at = (...apiVersions: string[]) => ({ versions: async () => ({ kubeVersion: "v1.31.2", apiVersions }) });
    const crd = async (...apiVersions: string[]): Promise<unknown> => {
      const { manifests } = await rig.render(commit, {}, at(...apiVersions));
      const asking = manifests.find(({ metadata }) => (metadata as { name: string }).name === "asking");
      return (asking?.data as { crd: string } | undefined)?.crd;
    };
    assert.deepEqual([await crd("v1"), await crd("example.com/v1/Thing", "v1"), rig.cache.made], ["false", "true", 2]);
  });

  const sources = { isMultiSource: true };

  test("value files of another source, by its ref", { skip }, async () => {
    const rig = await emptied();
    const first = await rig.repository.commit(chart);
    const second = await rig.repository.commit({
      "values/dev.yaml": "color: from-another\norder: globbed\n",
      "values/prod.yaml": "color: from-the-ref\n",
    });
    const refs = new Map([["values", rig.tree(second)]]);
    const helm = {
      valueFiles: ["$values/values/*.yaml", "$values/values/prod.yaml"],
      fileParameters: [
        { name: "extra", path: "$values/shared/a.yaml" },
        { name: "named", path: "$values/app/env/$ARGOCD_APP_NAME.yaml" },
      ],
    };
    const { manifests } = await rig.render(first, { helm }, { ...sources, refs });
    const values = JSON.parse(String((manifests[1]?.data as { values: string } | undefined)?.values));
    assert.deepEqual([values.color, values.order, values.extra], ["from-the-ref", "globbed", "order: a\n"]);
    assert.equal(values.named, "color: from-the-variable\n");
    const third = await rig.repository.commit({ "values/prod.yaml": "color: changed\n" });
    const changed = await rig.render(first, { helm }, { ...sources, refs: new Map([["values", rig.tree(third)]]) });
    assert.match(JSON.stringify(changed.manifests), /changed/);
  });

  for (const [name, valueFile, refs, message] of [
    [
      "an unknown ref",
      "$other/a.yaml",
      ["values"],
      /^source referenced "\$other", which is not one of the available sources \(\$values\)$/,
    ],
    ["no refs at all", "$other/a.yaml", [], /^source referenced "\$other", and no source has a 'ref' field defined$/],
    ["a path out of it", "$values/../../x", ["values"], /resolves to a path outside of the repository/],
    [
      "the ref of a chart",
      "$charted/a.yaml",
      ["values"],
      /^source referenced "\$charted": source has a 'chart' field defined, but Helm charts are not supported for 'ref' sources$/,
    ],
  ] as const) {
    test(`a value file of another source is refused: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit(chart);
      const trees = new Map(refs.map((ref) => [ref, rig.tree(commit)]));
      const given = { ...sources, refs: trees, chartRefs: ["charted"] };
      await assert.rejects(rig.render(commit, { helm: { valueFiles: [valueFile] } }, given), { message });
    });
  }

  test("hooks stay, and CRDs come first", { skip }, async () => {
    const rig = await emptied();
    assert.deepEqual(namesOf(await rig.render(await rig.repository.commit(chart))), [
      "things.example.com",
      "web-shown",
      "test",
      "migrate",
    ]);
  });
});
