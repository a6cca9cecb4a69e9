import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNamespace } from "../../../src/gitops/project/namespace-check.ts";
import { project } from "./checks.ts";

const cases: readonly [sourceNamespaces: readonly string[], namespace: string, permitted: boolean][] = [
  [[], "argocd", true],
  [["team"], "argocd", true],
  [[], "team", false],
  [["team"], "team", true],
  [["team"], "team-a", false],
  [["team-*"], "team-a", true],
  [["*"], "anything", true],
  [["/^team-[ab]$/"], "team-a", true],
  [["/^team-[ab]$/"], "team-c", false],
  [["/am/"], "team", true],
  [["/(/"], "(", false],
  [["/"], "/", true],
];

for (const [sourceNamespaces, namespace, permitted] of cases) {
  test(`${JSON.stringify(sourceNamespaces)} ${permitted ? "takes" : "refuses"} Applications of ${namespace}`, () => {
    const given = { ...project({ sourceNamespaces: [] }), sourceNamespaces };
    const metadata = { name: "web", namespace, uid: "", generation: 1, createdAt: "", labels: {}, annotations: {} };
    const verdict = checkNamespace(given, { metadata }, "argocd");
    assert.equal(verdict.permitted, permitted);
    const { name } = given.metadata;
    const message = `application 'web' in namespace '${namespace}' is not allowed to use project '${name}'`;
    if (!verdict.permitted) assert.equal(verdict.reason, message);
  });
}
