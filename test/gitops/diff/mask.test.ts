import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { maskSecrets } from "../../../src/gitops/diff/mask.ts";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";

const secret = (data: object, annotations: Readonly<Record<string, string>> = {}) => {
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "s", annotations }, data };
};
const plus = (count: number): string => "+".repeat(count);

test("values of a Secret are masked by key, equal ones alike", () => {
  const { normalizedLive, predictedLive, differences } = diffObject(
    secret({ same: "YQ==", changed: "Yg==", new: "Yw==" }),
    secret({ same: "YQ==", changed: "ZA==", other: "ZQ==" }),
  );
  assert.deepEqual(predictedLive?.data, { same: plus(8), changed: plus(8), new: plus(8), other: plus(8) });
  assert.deepEqual(normalizedLive?.data, { same: plus(8), changed: plus(12), other: plus(8) });
  assert.deepEqual(differences, [
    { path: "data.changed", live: plus(12), target: plus(8) },
    { path: "data.new", target: plus(8) },
  ]);
});

test("annotations that are said to be sensitive are masked, too", () => {
  const settings = parseResourceSettings({ "resource.sensitive.mask.annotations": "a.b/token , other" });
  const rules = createDiffRules({ ignore: [], settings });
  const { differences } = diffObject(secret({}, { "a.b/token": "x", plain: "1" }), secret({}, { "a.b/token": "y" }), {
    rules,
  });
  assert.deepEqual(differences, [
    { path: 'metadata.annotations["a.b/token"]', live: plus(12), target: plus(8) },
    { path: "metadata.annotations.plain", target: "1" },
  ]);
});

test("a Secret of one side only is masked", () => {
  const { predictedLive } = diffObject(secret({ a: "YQ==" }), undefined);
  assert.deepEqual(predictedLive?.data, { a: plus(8) });
  assert.deepEqual(diffObject(undefined, secret({ a: "YQ==" })).normalizedLive?.data, { a: plus(8) });
});

const applied = "kubectl.kubernetes.io/last-applied-configuration";

for (const [name, value, shown] of [
  ["data", JSON.stringify(secret({ a: "YQ==", b: "Yg==" })), { a: plus(8), b: plus(12) }],
  ["stringData", JSON.stringify({ ...secret({}), data: undefined, stringData: { a: "a" } }), { a: plus(8) }],
  ["both", JSON.stringify({ ...secret({ a: "YQ==" }), stringData: { b: "other" } }), { a: plus(8), b: plus(12) }],
] as const) {
  test(`what kubectl apply noted of a Secret is masked, too: ${name}`, () => {
    const live = secret({ a: "YQ==", b: "Yw==" }, { [applied]: value, plain: "1" });
    const { metadata } = maskSecrets({ target: {}, live: live as unknown as JsonObject }).live as {
      metadata: { annotations: Record<string, string> };
    };
    const { [applied]: masked = "", ...others } = metadata.annotations;
    const { data, stringData } = JSON.parse(masked) as { data: object; stringData?: object };
    assert.deepEqual([data, stringData, others], [shown, undefined, { plain: "1" }]);
  });
}

test("masks are counted over target, live, what was noted of the target, and of the live object, in this order", () => {
  const noted = (a: string, token: string) => JSON.stringify(secret({ a }, { token }));
  const target = secret({ a: "MQ==" }, { token: "t1", [applied]: noted("Mw==", "t3") }) as unknown as JsonObject;
  const live = secret({ a: "Mg==" }, { token: "t2", [applied]: noted("NA==", "t1") }) as unknown as JsonObject;
  const masked = maskSecrets({ target, live }, { annotations: ["token"] });
  const shown = [masked.target, masked.live].map((side) => {
    const { data, metadata } = side as unknown as ReturnType<typeof secret>;
    const { data: notedData, metadata: notedMetadata } = JSON.parse(metadata.annotations[applied] ?? "");
    return [data, metadata.annotations.token, notedData, notedMetadata.annotations.token];
  });
  assert.deepEqual(shown, [
    [{ a: plus(8) }, plus(8), { a: plus(16) }, plus(16)],
    [{ a: plus(12) }, plus(12), { a: plus(20) }, plus(8)],
  ]);
});

test("what kubectl apply noted and nobody can read is hidden whole", () => {
  for (const value of ["{very-secret", '["very-secret"]', ""]) {
    const live = secret({}, { [applied]: value }) as unknown as JsonObject;
    const { metadata } = maskSecrets({ target: {}, live }).live as unknown as ReturnType<typeof secret>;
    assert.deepEqual(metadata.annotations, { [applied]: plus(8) });
  }
});
