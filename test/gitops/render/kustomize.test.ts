import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { type Files, shareRenderRig } from "./rig.ts";

const skip = renderToolsMissing("kustomize");

type Kustomize = NonNullable<ApplicationSource["kustomize"]>;

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {owner: base}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.0"}
      - {name: sidecar, image: "sidecar:1.0"}
`;

const overlay: Files = {
  "base/kustomization.yaml": "resources: [deployment.yaml]\n",
  "base/deployment.yaml": deployment,
  "app/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: old-
resources: [../base, config.yaml]
patches:
- path: patch.yaml
`,
  "app/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n",
  "app/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 3}\n",
  "app/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
  "parts/extra/kustomization.yaml":
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\n",
  "parts/extra/extra.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n",
};

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

/** The option, and what a person would type for it in the folder `app`, before `kustomize build .` */
const golden: readonly (readonly [name: string, kustomize: Kustomize, edits: readonly (readonly string[])[]])[] = [
  ["nothing", {}, []],
  ["namePrefix", { namePrefix: "-x-" }, [["set", "nameprefix", "--", "-x-"]]],
  ["nameSuffix", { nameSuffix: "-y" }, [["set", "namesuffix", "--", "-y"]]],
  [
    "images, with a variable, by name and by digest",
    { images: ["nginx=registry.example/nginx:$ARGOCD_APP_NAME", "other:2", `sidecar@${digest}`] },
    [["set", "image", "nginx=registry.example/nginx:web", "other:2", `sidecar@${digest}`]],
  ],
  ["replicas", { replicas: [{ name: "web", count: 5 }] }, [["set", "replicas", "web=5"]]],
  ["replicas as text", { replicas: [{ name: "web", count: "7" }] }, [["set", "replicas", "web=7"]]],
  ["commonLabels, with a variable", { commonLabels: { a: "$ARGOCD_APP_NAME" } }, [["add", "label", "a:web"]]],
  [
    "labelWithoutSelector",
    { commonLabels: { a: "1" }, labelWithoutSelector: true },
    [["add", "label", "--without-selector", "a:1"]],
  ],
  [
    "labelIncludeTemplates",
    { commonLabels: { a: "1" }, labelWithoutSelector: true, labelIncludeTemplates: true },
    [["add", "label", "--without-selector", "--include-templates", "a:1"]],
  ],
  ["forceCommonLabels", { commonLabels: { a: "1" }, forceCommonLabels: true }, [["add", "label", "--force", "a:1"]]],
  [
    "commonAnnotations, where a variable stays",
    { commonAnnotations: { a: "$ARGOCD_APP_NAME" } },
    [["add", "annotation", "a:$ARGOCD_APP_NAME"]],
  ],
  [
    "commonAnnotationsEnvsubst",
    { commonAnnotations: { a: "$ARGOCD_APP_NAME" }, commonAnnotationsEnvsubst: true },
    [["add", "annotation", "a:web"]],
  ],
  [
    "forceCommonAnnotations",
    { commonAnnotations: { owner: "me" }, forceCommonAnnotations: true },
    [["add", "annotation", "--force", "owner:me"]],
  ],
  ["namespace", { namespace: "inner" }, [["set", "namespace", "--", "inner"]]],
  ["components", { components: ["../parts/extra"] }, [["add", "component", "../parts/extra"]]],
  [
    "ignoreMissingComponents",
    { components: ["../parts/none", "../parts/extra"], ignoreMissingComponents: true },
    [["add", "component", "../parts/extra"]],
  ],
  ["a patch in a file", { patches: [{ path: "more.yaml" }] }, [["add", "patch", "--path", "more.yaml"]]],
  [
    "patches of their own, with every field of a target, and options",
    {
      patches: [
        {
          patch: "- {op: replace, path: /metadata/name, value: renamed}",
          target: { kind: "ConfigMap", name: "config" },
          options: { allowNameChange: true },
        },
        {
          patch: "- {op: add, path: /spec/paused, value: true}",
          target: { group: "apps", version: "v1", kind: "Deployment", name: "w.*", annotationSelector: "owner=base" },
        },
        {
          patch: "- {op: add, path: /data/no, value: label}",
          target: { version: "v1", namespace: "none", labelSelector: "app=none" },
        },
      ],
    },
    [
      [
        "add",
        "patch",
        "--kind",
        "ConfigMap",
        "--name",
        "config",
        "--patch",
        "- {op: replace, path: /metadata/name, value: renamed}",
      ],
      [
        ...["add", "patch", "--group", "apps", "--version", "v1", "--kind", "Deployment", "--name", "w.*"],
        ...["--annotation-selector", "owner=base", "--patch", "- {op: add, path: /spec/paused, value: true}"],
      ],
      [
        ...["add", "patch", "--version", "v1", "--namespace", "none", "--label-selector", "app=none"],
        ...["--patch", "- {op: add, path: /data/no, value: label}"],
      ],
    ],
  ],
];

describe("kustomize", () => {
  const emptied = shareRenderRig(["kustomize"]);

  for (const [name, kustomize, edits] of golden) {
    test(`kustomize by hand gives the same: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit(overlay);
      const rendered = await rig.render(commit, { kustomize });
      assert.equal(rendered.type, "Kustomize");
      const commands = edits.map((edit) => ["kustomize", "edit", ...edit] as const);
      assert.deepEqual(rendered.manifests, await rig.byHand("app", [...commands, ["kustomize", "build", "."]]));
      assert.equal(rig.cache.made, 1, "its inputs alone were enough");
    });
  }

  /** What a kustomization may name: each is found without the rest of the repository. */
  const graphs: readonly (readonly [name: string, files: Files])[] = [
    ["kustomization.yml", { "app/kustomization.yml": "resources: [a.yaml]\n", "app/a.yaml": deployment }],
    ["Kustomization", { "app/Kustomization": "resources: [a.yaml]\n", "app/a.yaml": deployment }],
    [
      "bases of bases, and components",
      {
        "app/kustomization.yaml": "bases: [../one]\ncomponents: [../part]\n",
        "one/kustomization.yaml": "resources: [../two/, a.yaml]\n",
        "two/kustomization.yaml": "resources: [deployment.yaml]\n",
        "two/deployment.yaml": deployment,
        "part/kustomization.yaml": "kind: Component\nresources: [part.yaml]\n",
        "part/part.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: part}\n",
        "one/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n",
      },
    ],
    [
      "generators of ConfigMaps and Secrets",
      {
        "app/kustomization.yaml": `configMapGenerator:
- {name: files, files: [a.txt, other=b.txt], literals: [c=d]}
- {name: env, envs: [one.env]}
secretGenerator:
- {name: secret, files: [deep/s.txt], env: two.env}
`,
        "app/a.txt": "a",
        "app/b.txt": "b",
        "app/deep/s.txt": "s",
        "app/one.env": "A=1\n# comment\n",
        "app/two.env": "B=2\n",
      },
    ],
    [
      "patches of every kind, replacements, configurations, crds and openapi",
      {
        "app/kustomization.yaml": `resources: [a.yaml]
patchesStrategicMerge: [merge.yaml, "apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {name: web}\\nspec: {paused: true}"]
patchesJson6902: [{target: {kind: Deployment, name: web, version: v1, group: apps}, path: json.yaml}]
replacements: [{path: replace.yaml}]
configurations: [configuration.yaml]
crds: [crd.json]
`,
        "app/a.yaml": deployment,
        "app/merge.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 9}\n",
        "app/json.yaml": "- {op: replace, path: /spec/replicas, value: 4}\n",
        "app/replace.yaml":
          "source: {kind: Deployment, name: web, fieldPath: metadata.name}\ntargets: [{select: {kind: Deployment}, fieldPaths: [metadata.annotations.owner]}]\n",
        "app/configuration.yaml": "namePrefix: []\n",
        "app/crd.json": "{}",
      },
    ],
    [
      "generators and transformers that are files",
      {
        "app/kustomization.yaml": "resources: [a.yaml]\ntransformers: [labels.yaml]\ngenerators: [generate.yaml]\n",
        "app/a.yaml": deployment,
        "app/labels.yaml":
          "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {x: y}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
        "app/generate.yaml":
          "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nname: made\nfiles: [content.txt]\n",
        "app/content.txt": "content",
      },
    ],
  ];

  for (const [name, files] of graphs) {
    test(`finds what a kustomization is made of: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit({ ...files, "unrelated/x.yaml": "x" });
      const byHand = await rig.byHand("app", [["kustomize", "build", "."]]);
      assert.deepEqual((await rig.render(commit)).manifests, byHand);
      assert.ok(byHand.length > 0);
    });
  }

  for (const [name, kustomize, files, message] of [
    [
      "a base that is not there",
      {},
      { "app/kustomization.yaml": "resources: [../none]\n" },
      /^`kustomize build \.` failed exit status 1: Error: accumulating resources/,
    ],
    [
      "a version that nobody registered",
      { version: "4.5.7" },
      overlay,
      /^kustomize version 4\.5\.7 is not registered: register it by --tool kustomize@4\.5\.7=PATH/,
    ],
    [
      "a file of the machine",
      {},
      { "app/kustomization.yaml": "configMapGenerator: [{name: x, files: [/etc/passwd]}]\n" },
      /^app: "\/etc\/passwd" leads out of the repository$/,
    ],
    [
      "a base out of the repository",
      {},
      { "app/kustomization.yaml": "resources: [../../x]\n" },
      /"\.\.\/\.\.\/x" leads out of the repository$/,
    ],
    [
      "a repository of the machine",
      {},
      { "app/kustomization.yaml": "resources: ['git::file:///srv/x.git']\n" },
      /transport 'file' not allowed/,
    ],
    ["a component that is not there", { components: ["../none"] }, overlay, /^`kustomize edit add component` failed/],
  ] as const) {
    test(`a kustomization is refused with its reason: ${name}`, { skip }, async () => {
      const rig = await emptied();
      await assert.rejects(rig.render(await rig.repository.commit(files), { kustomize }), { message });
    });
  }

  const examples = join(import.meta.dirname, "../../../../shared/fixtures/argo-cd-apps");
  const examplesMissing = existsSync(examples) ? false : "the folder of applications that others wrote is not here";

  test("the kustomizations of the examples come out as by hand", { skip: skip || examplesMissing }, async () => {
    const rig = await emptied();
    const names = globSync("{kustomize-guestbook,pre-post-sync}/*.yaml", { cwd: examples });
    const files = await Promise.all(
      names.map(async (name) => [name, await readFile(join(examples, name), "utf8")] as const),
    );
    const commit = await rig.repository.commit(Object.fromEntries(files));
    for (const [path, count] of [
      ["kustomize-guestbook", 2],
      ["pre-post-sync", 4],
    ] as const) {
      const { manifests } = await rig.render(commit, { path });
      assert.deepEqual(manifests, await rig.byHand(path, [["kustomize", "build", "."]]));
      assert.equal(manifests.length, count);
    }
  });

  test("Applications of one folder with different options do not meet in it", { skip }, async () => {
    const rig = await emptied();
    const commit = await rig.repository.commit(overlay);
    const counts = [1, 2, 3, 4, 5, 6];
    const all = await Promise.all(
      counts.map((count) =>
        rig.render(commit, { kustomize: { replicas: [{ name: "web", count }] } }, { instance: `app-${count}` }),
      ),
    );
    const found = all.map(({ manifests }) => manifests.find(({ kind }) => kind === "Deployment")?.spec);
    assert.deepEqual(
      found.map((spec) => (spec as { readonly replicas: number }).replicas),
      counts,
    );
  });
});
