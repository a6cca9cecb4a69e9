import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../src/api/app-project.ts";
import { manifest } from "./builders.ts";

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
  ["a long description", { description: "x".repeat(256) }, ["spec.description: must have at most 255 characters"]],
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
] as const) {
  test(`warnings about ${name}`, () => {
    const { warnings } = parseAppProject(manifest("AppProject", spec));
    assert.deepEqual(
      warnings.map(({ path, message }) => `${path}: ${message}`),
      expected,
    );
  });
}

test("types that are wrong are refused, all at once", () => {
  const spec = { sourceRepos: [1], clusterResourceWhitelist: [{ kind: "*" }] };
  assert.throws(() => parseAppProject(manifest("AppProject", spec)), {
    code: "MANIFEST_INVALID",
    message: "spec.sourceRepos[0]: 1 must be a string; spec.clusterResourceWhitelist[0].group: is required",
  });
});
