import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDestination } from "../../../src/gitops/project/destination-check.ts";
import { project } from "./checks.ts";

const cluster = { server: "https://k8s/a", name: "prod" };

for (const [name, destinations, namespace, isPermitted] of [
  ["nothing listed", [], "ns", false],
  ["everything", [{ server: "*", namespace: "*" }], "ns", true],
  ["by name", [{ name: "prod", namespace: "ns" }], "ns", true],
  ["another namespace", [{ server: "*", namespace: "team-*" }], "ns", false],
  [
    "a namespace that is denied",
    [
      { server: "*", namespace: "*" },
      { server: "*", namespace: "!ns" },
    ],
    "ns",
    false,
  ],
  ["a namespace beside the denied", [{ server: "*", namespace: "!kube-system" }], "ns", true],
  [
    "a server that is denied",
    [
      { server: "*", namespace: "*" },
      { server: "!https://k8s/a", namespace: "*" },
    ],
    "ns",
    false,
  ],
  [
    "a server that is denied for another namespace",
    [
      { server: "*", namespace: "*" },
      { server: "!https://k8s/a", namespace: "other" },
    ],
    "ns",
    true,
  ],
  [
    "a name that is denied, whatever the namespace",
    [
      { server: "*", namespace: "*" },
      { name: "!prod", namespace: "other" },
    ],
    "ns",
    false,
  ],
] as const) {
  test(`destinations: ${name}`, () => {
    const verdict = checkDestination(project({ destinations }), cluster, namespace);
    const reason =
      "application destination server 'https://k8s/a' and namespace 'ns' do not match any of the allowed " +
      "destinations in project 'x'";
    assert.deepEqual(verdict, isPermitted ? { permitted: true } : { permitted: false, reason });
  });
}

test("only the project's own clusters, where it says so", () => {
  const own = project({ destinations: [{ server: "*", namespace: "*" }], permitOnlyProjectScopedClusters: true });
  assert.equal(checkDestination(own, cluster, "ns").permitted, false);
  assert.equal(checkDestination(own, { ...cluster, project: "x" }, "ns").permitted, true);
});
