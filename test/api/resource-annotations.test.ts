import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hookDeletePoliciesOf,
  hookTypesOf,
  isHook,
  isIgnoredHook,
  isSkipped,
  waveOf,
} from "../../src/api/resource-annotations.ts";

const own = "argocd.argoproj.io/hook";
const helm = "helm.sh/hook";

for (const [name, annotations, types, what] of [
  ["no annotation", {}, [], "object"],
  ["one type", { [own]: "PreSync" }, ["PreSync"], "hook"],
  ["several with blanks", { [own]: "PreSync, PostSync,PreSync" }, ["PreSync", "PostSync"], "hook"],
  ["another case", { [own]: "presync" }, [], "ignored"],
  ["an empty value", { [own]: "" }, [], "ignored"],
  ["Skip alone", { [own]: "Skip" }, ["Skip"], "skipped"],
  ["Skip beside another", { [own]: "Skip,PreSync" }, ["Skip", "PreSync"], "hook"],
  ["Helm's install and upgrade", { [helm]: "pre-install,pre-upgrade" }, ["PreSync"], "hook"],
  ["Helm's test", { [helm]: "test" }, [], "ignored"],
  ["Helm's CRDs", { [helm]: "crd-install" }, [], "object"],
  ["our own before Helm's", { [own]: "Sync", [helm]: "post-install" }, ["Sync"], "hook"],
  ["Helm's where our own is not valid", { [own]: "x", [helm]: "post-install" }, ["PostSync"], "hook"],
  ["Helm's hooks with blanks", { [helm]: " post-upgrade , pre-rollback" }, ["PostSync"], "hook"],
  ["Helm's hooks of no phase", { [helm]: "pre-rollback,post-rollback" }, [], "ignored"],
  ["a name of a method", { [helm]: "constructor" }, [], "ignored"],
  ["a deletion hook", { [helm]: "pre-delete" }, ["PreDelete"], "hook"],
] as const) {
  test(`hook types: ${name}`, () => {
    assert.deepEqual(hookTypesOf(annotations), types);
    assert.equal(isHook(annotations), what === "hook" || what === "ignored");
    assert.equal(isIgnoredHook(annotations), what === "ignored");
    assert.equal(isSkipped(annotations), what === "skipped");
  });
}

for (const [name, annotations, expected] of [
  ["none", {}, ["BeforeHookCreation"]],
  ["none that is valid", { [`${own}-delete-policy`]: "never" }, ["BeforeHookCreation"]],
  ...[
    ["before-hook-creation", "BeforeHookCreation"],
    ["hook-succeeded", "HookSucceeded"],
    ["hook-failed", "HookFailed"],
  ].map(
    ([written, policy = ""]) => [`Helm's ${written}`, { [`${helm}-delete-policy`]: written ?? "" }, [policy]] as const,
  ),
  [
    "Helm's with blanks, and one that is none",
    { [`${helm}-delete-policy`]: " hook-succeeded , never,before-hook-creation" },
    ["HookSucceeded", "BeforeHookCreation"],
  ],
  [
    "of both annotations",
    { [`${own}-delete-policy`]: "HookSucceeded", [`${helm}-delete-policy`]: "hook-failed" },
    ["HookSucceeded", "HookFailed"],
  ],
] as const) {
  test(`hook delete policies: ${name}`, () => assert.deepEqual([...hookDeletePoliciesOf(annotations)], expected));
}

const wave = "argocd.argoproj.io/sync-wave";
for (const [annotations, expected] of [
  [{}, 0],
  [{ [wave]: "-5" }, -5],
  [{ [wave]: "late", "helm.sh/hook-weight": "3" }, 3],
  [{ [wave]: "1.5" }, 0],
  [{ [wave]: "+7" }, 7],
  [{ [wave]: "2147483648" }, 2_147_483_648],
  [{ [wave]: "99999999999999999999" }, 0],
  [{ [wave]: " 1" }, 0],
] as const) {
  test(`the wave of ${JSON.stringify(annotations)} is ${expected}`, () => assert.equal(waveOf(annotations), expected));
}
