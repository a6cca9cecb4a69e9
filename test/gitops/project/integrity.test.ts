import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../../src/api/app-project.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { signaturePolicy } from "../../../src/gitops/project/integrity.ts";

const project = (spec: JsonObject) =>
  parseAppProject({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "p", namespace: "argocd" },
    spec,
  }).resource;

const policy = (mode: string, ...urls: readonly string[]) => ({
  repos: urls.map((url) => ({ url })),
  gpg: { mode, keys: ["K"] },
});
const integrity = (...policies: readonly JsonObject[]) => ({ sourceIntegrity: { git: { policies } } });
const wanted = (mode: string) => ({ mode, keys: ["K"] });

for (const [name, spec, expected] of [
  ["nothing", {}, undefined],
  ["no keys", { signatureKeys: [] }, undefined],
  ["keys", { signatureKeys: [{ keyID: "K" }] }, wanted("head")],
  ["a policy for all", integrity(policy("strict", "*")), wanted("strict")],
  ["a policy in place of keys", { signatureKeys: [{ keyID: "X" }], ...integrity(policy("head", "*")) }, wanted("head")],
  ["a policy for others", { signatureKeys: [{ keyID: "X" }], ...integrity(policy("head", "https://o/*")) }, undefined],
  ["a glob", integrity(policy("head", "https://h/team/*")), wanted("head")],
  ["an exception", integrity(policy("head", "*", "!https://h/team/a")), undefined],
  ["one that switches it off", integrity(policy("none", "*")), undefined],
  ["two that fit", integrity(policy("head", "*"), policy("strict", "https://h/**")), /2 sourceIntegrity policies/],
  ["an unknown mode", integrity(policy("odd", "*")), /mode "odd"/],
] as const) {
  test(`what must be signed: ${name}`, () => {
    const found = signaturePolicy(project(spec as JsonObject), "https://h/team/a.git");
    if (!(expected instanceof RegExp)) assert.deepEqual(found, expected);
    else assert.match(found !== undefined && "problem" in found ? found.problem : "", expected);
  });
}
