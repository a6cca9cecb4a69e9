import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeCommas, helmArguments, plainVersion } from "../../../src/gitops/render/helm-arguments.ts";

for (const [value, expected] of [
  ["a", "a"],
  ["a,b", "a\\,b"],
  ["a\\,b", "a\\,b"],
  [",,", "\\,\\,"],
  ["{a,b}", "{a,b}"],
  ["{a},b", "{a}\\,b"],
] as const) {
  test(`the value ${value} is handed over as ${expected}`, () => assert.equal(escapeCommas(value), expected));
}

for (const [version, expected] of [
  ["v1.32.3", "1.32.3"],
  ["1.32", "1.32.0"],
  ["v1.31.2+k3s1", "1.31.2"],
  ["v1.27.4-eks-8cb36c9", "1.27.4"],
  ["", undefined],
  ["new", undefined],
  ["x1.2", undefined],
  ["1.2.3.4", undefined],
] as const) {
  test(`the version "${version}" is ${expected ?? "none"}`, () => assert.equal(plainVersion(version), expected));
}

test("arguments come in the original's order, whatever is said", () => {
  const options = {
    parameters: [
      { name: "a", value: "1" },
      { name: "b", value: "2", forceString: true },
      { name: "a", value: "3" },
    ],
    skipCrds: true,
    skipSchemaValidation: true,
    skipTests: true,
  };
  const args = helmArguments(options, {
    releaseName: "r",
    namespace: "n",
    kubeVersion: "1.30.0",
    apiVersions: ["v1", "apps/v1"],
    valueFiles: ["one.yaml", "two.yaml"],
    inlineValues: "inline.yaml",
    fileParameters: [["f", "file.txt"]],
    variable: () => undefined,
  });
  const expected =
    "template . --name-template r --namespace n --kube-version 1.30.0 --set a=3 --set-string b=2 --set-file f=file.txt " +
    "--values one.yaml --values two.yaml --values inline.yaml --api-versions v1 --api-versions apps/v1 " +
    "--skip-schema-validation --skip-tests";
  assert.equal(args.join(" "), expected);
});
