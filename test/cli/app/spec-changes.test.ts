import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { SourceFlags } from "../../../src/cli/app/source-flags.ts";
import { changedSource, changedSpec, imageName } from "../../../src/cli/app/spec-changes.ts";

const sources: readonly (readonly [what: string, before: JsonObject, flags: SourceFlags, after: JsonObject])[] = [
  ["nothing is given", { repoURL: "a", path: "b" }, {}, { repoURL: "a", path: "b" }],
  [
    "texts replace",
    { repoURL: "a", path: "b" },
    { path: "c", revision: "v1" },
    { repoURL: "a", path: "c", targetRevision: "v1" },
  ],
  ["values files", {}, { values: ["a.yaml", "b.yaml"] }, { helm: { valueFiles: ["a.yaml", "b.yaml"] } }],
  [
    "parameters of Helm, by name",
    {
      helm: {
        parameters: [
          { name: "a", value: "1" },
          { name: "b", value: "2" },
        ],
      },
    },
    { helmSet: ["a=3"], helmSetString: ["c=4=5"], parameter: ["d="] },
    {
      helm: {
        parameters: [
          { name: "b", value: "2" },
          { name: "d", value: "" },
          { name: "a", value: "3" },
          { name: "c", value: "4=5", forceString: true },
        ],
      },
    },
  ],
  [
    "images of kustomize, by name",
    { kustomize: { images: ["nginx:1", "other:2"] } },
    { kustomizeImage: ["nginx=mirror.example:5000/nginx:3"] },
    { kustomize: { images: ["other:2", "nginx=mirror.example:5000/nginx:3"] } },
  ],
  ["replicas", {}, { kustomizeReplica: ["web=3"] }, { kustomize: { replicas: [{ name: "web", count: 3 }] } }],
  ["a switch that is off", {}, { directoryRecurse: false }, { directory: { recurse: false } }],
  [
    "files of any extension",
    {},
    { directoryDisableExtensionFilter: true },
    { directory: { disableExtensionFilter: true } },
  ],
  [
    "variables of Jsonnet",
    {},
    { jsonnetExtVarStr: ["a=1"], jsonnetTlaCode: ["b=2"] },
    {
      directory: {
        jsonnet: { extVars: [{ name: "a", value: "1", code: false }], tlas: [{ name: "b", value: "2", code: true }] },
      },
    },
  ],
];

for (const [what, before, flags, after] of sources) {
  test(`a source: ${what}`, () => assert.deepEqual(changedSource(before, flags), after));
}

const specs: readonly (readonly [what: string, before: JsonObject, flags: SourceFlags, after: JsonObject])[] = [
  [
    "a name in place of a server",
    { destination: { server: "s", namespace: "n" } },
    { destName: "x" },
    { destination: { name: "x", namespace: "n" } },
  ],
  [
    "automated, and pruning",
    {},
    { syncPolicy: "auto", autoPrune: true },
    { syncPolicy: { automated: { prune: true } } },
  ],
  [
    "automated stays as it is",
    { syncPolicy: { automated: { selfHeal: true } } },
    { syncPolicy: "automated" },
    { syncPolicy: { automated: { selfHeal: true } } },
  ],
  ["no policy is left", { syncPolicy: { automated: {} } }, { syncPolicy: "none" }, {}],
  [
    "options come and go",
    { syncPolicy: { syncOptions: ["A=true", "B=true"] } },
    { syncOption: ["!A=true", "C=true"] },
    { syncPolicy: { syncOptions: ["B=true", "C=true"] } },
  ],
  [
    "retries",
    { syncPolicy: { retry: { limit: 1, backoff: { duration: "1s" } } } },
    { syncRetryLimit: -1, syncRetryBackoffFactor: 3 },
    { syncPolicy: { retry: { limit: -1, backoff: { duration: "1s", factor: 3 } } } },
  ],
];

for (const [what, before, flags, after] of specs) {
  test(`a spec: ${what}`, () => assert.deepEqual(changedSpec(before, flags), after));
}

const refused: readonly (readonly [flags: SourceFlags, message: RegExp])[] = [
  [{ helmSet: ["a"] }, /"a" must be KEY=VALUE/],
  [{ kustomizeReplica: ["web=x"] }, /"web=x" must be NAME=COUNT/],
  [{ valuesLiteralFile: "/none/there" }, /--values-literal-file: "\/none\/there"/],
];

for (const [flags, message] of refused) {
  test(`refused: ${JSON.stringify(flags)}`, () => assert.throws(() => changedSource({}, flags), { message }));
}

for (const [image, name] of [
  ["nginx", "nginx"],
  ["nginx:1", "nginx"],
  ["localhost:5000/nginx", "localhost:5000/nginx"],
  ["localhost:5000/nginx:1", "localhost:5000/nginx"],
  ["nginx@sha256:ab", "nginx"],
  ["nginx=other:1", "nginx"],
] as const) {
  test(`${image} is an image of ${name}`, () => assert.equal(imageName(image), name));
}
