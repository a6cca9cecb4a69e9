import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../src/api/app-project.ts";
import { faultOf, linesOf, manifest } from "./builders.ts";

const window = { kind: "allow", schedule: "0 22 * * *", duration: "1h", applications: ["*"] };

for (const [name, spec, expected] of [
  ["nothing", {}, undefined],
  ["an empty list", { namespaceResourceWhitelist: [] }, []],
  ["null", { namespaceResourceWhitelist: null }, undefined],
  ["a kind", { namespaceResourceWhitelist: [{ group: "", kind: "*" }] }, [{ group: "", kind: "*" }]],
] as const) {
  test(`kinds allowed in namespaces are told apart: ${name}`, () => {
    const { resource } = parseAppProject(manifest("AppProject", spec));
    assert.deepEqual(resource.namespaceResourceWhitelist, expected);
  });
}

for (const [name, spec, expected] of [
  ["a good project", { sourceRepos: ["*"], syncWindows: [window] }, []],
  ["a field that is not known", { odd: 1 }, ["spec.odd: unknown field, it has no effect"]],
  [
    "doubles and denials of everything",
    { sourceRepos: ["a", "a", "!*"], destinations: [{ server: "!*" }] },
    [
      'spec.sourceRepos[1]: "a" is there twice',
      'spec.sourceRepos[2]: "!*" denies everything',
      'spec.destinations[0].server: "!*" denies everything',
    ],
  ],
  [
    "a window that cannot work",
    { syncWindows: [{ ...window, kind: "maybe", duration: "long", applications: [] }] },
    [
      'spec.syncWindows[0].kind: kind "maybe" mismatch: can only be allow or deny',
      'spec.syncWindows[0].duration: "long" is not a duration such as "10s" or "1m30s"',
      "spec.syncWindows[0]: must name applications, clusters or namespaces",
    ],
  ],
  [
    "a window that never opens",
    { syncWindows: [{ ...window, schedule: "0 0 30 2 *" }] },
    ['spec.syncWindows[0].schedule: "0 0 30 2 *" never opens'],
  ],
  [
    "windows that are the same, in an unknown zone, described at length",
    {
      syncWindows: [
        { ...window, timeZone: "Mars/Base" },
        { ...window, timeZone: "UTC", description: "x".repeat(256) },
        { ...window, manualSync: true },
      ],
    },
    [
      'spec.syncWindows[0].timeZone: "Mars/Base" is not a time zone of the IANA database; UTC is used',
      "spec.syncWindows[1].description: must have at most 255 characters",
      "spec.syncWindows[2]: the same window is there twice",
    ],
  ],
  [
    "a destination without a cluster",
    { destinations: [{ namespace: "a" }] },
    ["spec.destinations[0]: names neither `server` nor `name`: it allows nothing"],
  ],
  [
    "roles that the original does not save",
    {
      roles: [
        { name: "ci", policies: ["p, proj:x:ci, applications, sync, x/*, allow"], groups: ["a", "a"] },
        {
          name: "ci",
          policies: ["g, a, b"],
          groups: [" b"],
          jwtTokens: [
            { iat: 1, id: "t" },
            { iat: 2, id: "t" },
          ],
        },
        { name: "-" },
      ],
    },
    [
      'spec.roles[0].groups[1]: "a" is there twice',
      'spec.roles[1].policies[0]: "g, a, b": must be p, <subject>, <resource>, <action>, <object>, <allow or deny>',
      'spec.roles[1].groups[0]: " b" must be a name without blanks around it, line breaks, tabs or quotes',
      'spec.roles[1].jwtTokens[1]: "t" is there twice',
      'spec.roles[2].name: "-" must be letters and digits, with - and _ between them',
      'spec.roles[1]: "ci" is there twice',
    ],
  ],
  [
    "accounts of syncs",
    {
      destinationServiceAccounts: [
        { server: "!a", namespace: "b", defaultServiceAccount: "ns:sync" },
        { server: "*", defaultServiceAccount: "sync*" },
        { server: "*", defaultServiceAccount: "sync" },
      ],
    },
    [
      'spec.destinationServiceAccounts[0].server: must not have "!" in it: there is no denial here',
      'spec.destinationServiceAccounts[1].defaultServiceAccount: "sync*" must be a name',
      'spec.destinationServiceAccounts[2]: "*/" is there twice',
    ],
  ],
  [
    "signatures that nothing checks",
    {
      sourceIntegrity: {
        git: {
          policies: [
            { repos: [{ url: "*" }], gpg: { mode: "all", keys: ["a"] } },
            { repos: [{ url: "*" }], gpg: { mode: "head", keys: [] } },
          ],
        },
      },
    },
    [
      'spec.sourceIntegrity.git.policies[0].gpg.mode: "all" must be one of none, head, strict',
      "spec.sourceIntegrity.git.policies[1].gpg.keys: is empty: no commit is trusted",
    ],
  ],
  [
    "fields of others",
    { syncPolicy: {}, manualSync: true, "policy.csv": "" },
    [
      "spec.syncPolicy: unknown field, it has no effect (`syncPolicy` belongs to Application)",
      "spec.manualSync: unknown field, it has no effect (belongs at `spec.syncWindows[].manualSync`)",
      "spec.policy.csv: unknown field, it has no effect (`policy.csv` belongs to ConfigMap `argocd-rbac-cm`)",
    ],
  ],
] as const) {
  test(`warnings about ${name}`, () => {
    assert.deepEqual(linesOf(parseAppProject(manifest("AppProject", spec)).warnings), expected);
  });
}

test("types that are wrong are refused, all at once", () => {
  const spec = { sourceRepos: [1], clusterResourceWhitelist: [{ kind: "*" }] };
  assert.throws(() => parseAppProject(manifest("AppProject", spec)), {
    code: "MANIFEST_INVALID",
    message:
      "spec.sourceRepos[0]: 1 must be a string; put it in quotes; spec.clusterResourceWhitelist[0].group: is required",
  });
});

for (const [line, fault] of [
  ["p, proj:x:ci, applications, get, x/*, allow", undefined],
  ["p, proj:x:ci, applications, action/apps/Deployment/restart, x/ns/web, deny", undefined],
  ["p, proj:y:ci, applications, get, x/*, allow", "the subject must be proj:x:ci"],
  [
    "p, proj:x:ci, pods, get, x/*, allow",
    "the resource must be one of applications, applicationsets, repositories, exec, logs, clusters",
  ],
  [
    "p, proj:x:ci, applications, list, x/*, allow",
    "the action must be one of get, create, update, delete, sync, override, rollback, *, action/…, update/… or delete/…",
  ],
  ["p, proj:x:ci, applications, get, x, allow", "the object must be x/<name> or x/<namespace>/<name>"],
  ["p, proj:x:ci, applications, get, x/a b, allow", "the object must be x/<name> or x/<namespace>/<name>"],
  ["p, proj:x:ci, applications, get, x/*, maybe", "the effect must be allow or deny"],
] as const) {
  test(`policy ${line}: ${fault ?? "fine"}`, () => {
    const { warnings } = parseAppProject(manifest("AppProject", { roles: [{ name: "ci", policies: [line] }] }));
    const lines = fault === undefined ? [] : [`spec.roles[0].policies[0]: ${JSON.stringify(line)}: ${fault}`];
    assert.deepEqual(linesOf(warnings), lines);
  });
}

test("a description that is too long is refused, as by the original's CRD", () => {
  const read = (length: number) => () => parseAppProject(manifest("AppProject", { description: "x".repeat(length) }));
  assert.equal(faultOf(read(255)), undefined);
  assert.equal(
    faultOf(() => parseAppProject(manifest("AppProject", { description: "😀".repeat(255) }))),
    undefined,
  );
  assert.equal(faultOf(read(256)), "spec.description: must have at most 255 characters");
});

test("only the finalizer of AppProjects is known", () => {
  const metadata = { name: "x", finalizers: ["resources-finalizer.argocd.argoproj.io/background"] };
  assert.deepEqual(linesOf(parseAppProject(manifest("AppProject", {}, { metadata })).warnings), [
    'metadata.finalizers[0]: "resources-finalizer.argocd.argoproj.io/background" is no finalizer of Argo CD: the object ' +
      "stays until somebody removes it (did you mean `resources-finalizer.argocd.argoproj.io`?)",
  ]);
});
