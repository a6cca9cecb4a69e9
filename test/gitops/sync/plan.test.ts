import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { compareObjects } from "../../../src/gitops/diff/compare.ts";
import { toTargets } from "../../../src/gitops/diff/targets.ts";
import { renderDirectory } from "../../../src/gitops/render/directory.ts";
import { type PlanOptions, planSync } from "../../../src/gitops/sync/plan.ts";
import type { SyncPlan } from "../../../src/gitops/sync/sync.ts";

const tracking = { method: "annotation", instance: "app", label: "app.kubernetes.io/instance" } as const;
const base: PlanOptions = {
  prune: true,
  syncOptions: [],
  strategy: "hook",
  resources: [],
  revision: "0123456789",
  startedAt: instant(1_700_000_000_000),
  namespace: "ns",
  namespaceExists: true,
};

const wave = (n: number) => ({ "argocd.argoproj.io/sync-wave": String(n) });
const hookOf = (types: string, n = 0) => ({ "argocd.argoproj.io/hook": types, ...wave(n) });
const make = (kind: string, name: string, annotations: object = {}, more: object = {}) => ({
  apiVersion: kind === "CustomResourceDefinition" ? "apiextensions.k8s.io/v1" : "v1",
  kind,
  metadata: { name, annotations },
  ...more,
});
const targetsOf = (manifests: readonly object[]) =>
  toTargets(manifests as never, {
    namespace: "ns",
    tracking,
    isNamespaced: ({ kind }) => kind !== "Namespace" && kind !== "CustomResourceDefinition",
  }).objects;

function plan(targets: readonly object[], live: readonly object[] = [], options: Partial<PlanOptions> = {}): SyncPlan {
  const compared = compareObjects(targetsOf(targets), targetsOf(live), { method: "annotation", ignore: [] });
  return planSync(compared.objects, compared.hooks, [], { ...base, ...options });
}

function show({ steps, onFailure }: SyncPlan): string[] {
  return [...steps, ...onFailure].map(({ phase, wave: n, tasks }) => {
    const names = tasks.map(({ action, key, skip, isUnmodified }) => {
      return `${action === "prune" ? "-" : ""}${key.name}${skip ? "?" : ""}${isUnmodified ? "=" : ""}`;
    });
    return `${phase} ${n}: ${names.join(" ")}`;
  });
}

const crd = make("CustomResourceDefinition", "widgets", wave(2), {
  spec: { group: "example.com", names: { kind: "Widget" } },
});
const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };

for (const [name, targets, live, options, expected] of [
  [
    "kinds in their order, then names",
    [make("Pod", "p"), make("Secret", "b"), make("Secret", "a")],
    [],
    {},
    ["Sync 0: a b p"],
  ],
  [
    "waves, negative ones first",
    [make("Pod", "c", wave(1)), make("Pod", "a", wave(-1)), make("Pod", "b")],
    [],
    {},
    ["Sync -1: a", "Sync 0: b", "Sync 1: c"],
  ],
  [
    "hooks before, beside and after; those for failures apart",
    [
      make("Job", "pre", hookOf("PreSync")),
      make("Pod", "p"),
      make("Job", "post", hookOf("PostSync")),
      make("Job", "fail", hookOf("SyncFail")),
      make("Job", "both", hookOf("PreSync,PostSync", 1)),
    ],
    [],
    {},
    ["PreSync 0: pre", "PreSync 1: both", "Sync 0: p", "PostSync 0: post", "PostSync 1: both", "SyncFail 0: fail"],
  ],
  [
    "no hooks with strategy apply",
    [make("Job", "pre", hookOf("PreSync")), make("Pod", "p")],
    [],
    { strategy: "apply" },
    ["Sync 0: p"],
  ],
  [
    "no hooks and no others when objects are selected",
    [make("Job", "pre", hookOf("PreSync")), make("Pod", "p"), make("Pod", "q")],
    [],
    { resources: [{ group: "", kind: "Pod", name: "q" }] },
    ["Sync 0: q"],
  ],
  ["nothing for what is skipped", [make("Pod", "p", hookOf("Skip"))], [], {}, []],
  ["prunes", [], [make("Pod", "p")], {}, ["Sync 0: -p"]],
  ["prunes that are not asked for", [], [make("Pod", "p")], { prune: false }, ["Sync 0: -p?"]],
  [
    "prunes that the object refuses",
    [],
    [make("Pod", "p", { "argocd.argoproj.io/sync-options": "Prune=false" })],
    {},
    ["Sync 0: -p?"],
  ],
  [
    "prunes in reverse",
    [make("Pod", "x"), make("Pod", "y", wave(2))],
    [make("Pod", "a", wave(1)), make("Pod", "b", wave(3)), make("Pod", "c", wave(4))],
    {},
    ["Sync 0: x", "Sync 1: -c", "Sync 2: y", "Sync 3: -b", "Sync 4: -a"],
  ],
  [
    "prunes last where it says so",
    [make("Pod", "x", wave(5))],
    [make("Pod", "a")],
    { syncOptions: ["PruneLast=true"] },
    ["Sync 5: x", "Sync 6: -a"],
  ],
  [
    "one prune last where the object says so",
    [make("Pod", "x", wave(-2))],
    [make("Pod", "a", { "argocd.argoproj.io/sync-options": "PruneLast=true" }), make("Pod", "b")],
    {},
    ["Sync -2: x", "Sync 0: -b", "Sync 1: -a"],
  ],
  [
    "prunes last after the hooks beside them, and after wave 0 at least",
    [make("Pod", "x", wave(-2)), make("Job", "h", hookOf("Sync", 4)), make("Job", "post", hookOf("PostSync", 9))],
    [make("Pod", "a")],
    { syncOptions: ["PruneLast=true"] },
    ["Sync -2: x", "Sync 4: h", "Sync 5: -a", "PostSync 9: post"],
  ],
  [
    "prunes last after wave 0, though all waves are before it",
    [make("Pod", "x", wave(-2))],
    [make("Pod", "a", wave(-5))],
    { syncOptions: ["PruneLast=true"] },
    ["Sync -2: x", "Sync 1: -a"],
  ],
  [
    "what an object says of its prune before what the sync says",
    [],
    [
      make("Pod", "kept", { "argocd.argoproj.io/sync-options": "Prune=false" }),
      make("Pod", "pruned", { "argocd.argoproj.io/sync-options": "Prune=true" }),
    ],
    { syncOptions: ["Prune=true"] },
    ["Sync 0: -kept? -pruned"],
  ],
  ["a CRD before its objects, in their wave", [widget, crd], [], {}, ["Sync 0: widgets w"]],
  [
    "a Namespace before its objects, in their phase",
    [make("Namespace", "ns", wave(3)), make("Job", "pre", hookOf("PreSync"))],
    [],
    {},
    ["PreSync 0: ns pre"],
  ],
  [
    "the namespace where it is to be made",
    [make("Pod", "p")],
    [],
    { namespaceExists: false, syncOptions: ["CreateNamespace=true"] },
    ["PreSync 0: ns", "Sync 0: p"],
  ],
  [
    "no namespace where a target is it, selected or not",
    [make("Namespace", "ns"), make("Pod", "p")],
    [],
    {
      namespaceExists: false,
      syncOptions: ["CreateNamespace=true"],
      resources: [{ group: "", kind: "Pod", name: "p" }],
    },
    ["Sync 0: p"],
  ],
  [
    "the namespace also where a hook is it",
    [make("Namespace", "ns", hookOf("PostSync")), make("Pod", "p")],
    [],
    {
      namespaceExists: false,
      syncOptions: ["CreateNamespace=true"],
      resources: [{ group: "", kind: "Pod", name: "p" }],
    },
    ["PreSync 0: ns", "Sync 0: p"],
  ],
  ["no namespace where it is there", [make("Pod", "p")], [], { syncOptions: ["CreateNamespace=true"] }, ["Sync 0: p"]],
  [
    "only what changed",
    [make("Pod", "p"), make("Pod", "q", {}, { spec: { a: 1 } })],
    [make("Pod", "p"), make("Pod", "q")],
    { syncOptions: ["ApplyOutOfSyncOnly=true"] },
    ["Sync 0: p= q"],
  ],
] as const) {
  test(`a plan has ${name}`, () => assert.deepEqual(show(plan(targets, live, options)), expected));
}

test("a hook without a name gets one of revision, phase and time, and a finalizer", () => {
  const hook = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { generateName: "up-", annotations: hookOf("PreSync") },
  };
  const target = plan([hook]).steps[0]?.tasks[0]?.target;
  assert.equal(target?.metadata.name, "up-0123456-presync-1700000000");
  assert.deepEqual(target?.metadata.finalizers, ["argocd.argoproj.io/hook-finalizer"]);
  assert.equal(target?.metadata.generateName, undefined);
  for (const [revision, part] of [
    ["1.2.3", "1.2.3"],
    ["V1.2.3", "v1.2.3"],
    ["01234567", "0123456"],
  ] as const) {
    const [task] = plan([hook], [], { revision }).steps[0]?.tasks ?? [];
    assert.equal(task?.key.name, `up-${part}-presync-1700000000`);
  }
});

test("hooks with one generateName in one phase get a name each, the same in a plan that is made anew", () => {
  const hook = (kind: string, phases: string, wave = 0) => ({
    apiVersion: "batch/v1",
    kind,
    metadata: {
      generateName: "up-",
      annotations: { ...hookOf(phases), "argocd.argoproj.io/sync-wave": String(wave) },
    },
  });
  const hooks = [
    hook("Job", "PreSync"),
    hook("Job", "PreSync,PostSync", 1),
    hook("CronJob", "PreSync"),
    hook("Job", "PreSync"),
  ];
  const names = () =>
    plan(hooks).steps.flatMap(({ tasks }) =>
      tasks.map(({ phase, wave, key }) => `${phase} ${wave} ${key.kind} ${key.name}`),
    );
  assert.deepEqual(names().toSorted(), [
    "PostSync 1 Job up-0123456-postsync-1700000000",
    "PreSync 0 CronJob up-0123456-presync-1700000000",
    "PreSync 0 Job up-0123456-presync-1700000000",
    "PreSync 0 Job up-0123456-presync-1700000000-3",
    "PreSync 1 Job up-0123456-presync-1700000000-2",
  ]);
  assert.deepEqual(names(), names());
});

for (const [name, live, expected] of [
  ["is new", [], true],
  ["changes", [{ ...crd, spec: { group: "example.com", names: { kind: "Gadget" } } }], true],
  ["differs in its metadata alone", [{ ...crd, metadata: { name: "widgets", annotations: wave(3) } }], false],
  ["stays as it is", [crd], false],
] as const) {
  test(`a dry run is ${expected ? "left out" : "made"} of an object whose CRD ${name}`, () => {
    const tasks = plan([crd, widget], live).steps.flatMap((step) => step.tasks);
    const one = tasks.find(({ key }) => key.name === "w");
    assert.deepEqual([one?.skipsDryRun, one?.definition?.metadata.name], [expected, "widgets"]);
  });
}

test("a dry run is left out of what is in a Namespace that the sync makes, and made where that is there", () => {
  const there = { ...make("Pod", "p"), metadata: { name: "p", namespace: "new" } };
  for (const [live, expected] of [
    [[], true],
    [[make("Namespace", "new")], false],
  ] as const) {
    const tasks = plan([make("Namespace", "new"), there, make("Pod", "q")], live).steps.flatMap((step) => step.tasks);
    const skipped = tasks.filter(({ skipsDryRun }) => skipsDryRun).map(({ key }) => key.name);
    assert.deepEqual(skipped, expected ? ["p"] : []);
  }
});

test("what others copied, tracking and all, is not pruned", () => {
  const [own, other] = targetsOf([make("Pod", "own"), make("Pod", "other")]);
  assert.ok(own && other);
  const copy = { ...other, metadata: { ...other.metadata, name: "copy" } };
  const { objects } = compareObjects([], [own, copy], { method: "annotation", ignore: [] });
  assert.deepEqual(show(planSync(objects, [], [], base)), ["Sync 0: -own"]);
});

test("a prune that needs a word says so", () => {
  const live = make("Pod", "p", { "argocd.argoproj.io/sync-options": "Prune=confirm" });
  assert.equal(plan([], [live]).steps[0]?.tasks[0]?.needsConfirmation, true);
});

const fixture = join(import.meta.dirname, "../../../../shared/fixtures/argo-cd-apps/sync-waves/manifests.yaml");
const skip = existsSync(fixture) ? false : "the folder of applications that others wrote is not here";

test("the waves of an application that others wrote", { skip }, () => {
  const manifests = renderDirectory([{ path: "manifests.yaml", text: readFileSync(fixture, "utf8") }]);
  assert.deepEqual(show(plan(manifests.map(({ object }) => object))), [
    "PreSync 0: upgrade-sql-schema0123456-presync-1700000000",
    "Sync 0: backend backend",
    "Sync 1: maint-page-up",
    "Sync 2: frontend frontend",
    "Sync 3: maint-page-down",
  ]);
});
