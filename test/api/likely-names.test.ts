import assert from "node:assert/strict";
import { test } from "node:test";
import { completionsOf, synonymsOf } from "../../src/api/likely-names.ts";

for (const [key, known, names] of [
  ["cron", ["schedule", "interval"], ["schedule"]],
  ["Cron", ["schedule"], ["schedule"]],
  ["cluster", ["name", "namespace", "server"], ["name", "server"]],
  ["body", ["url"], []],
  ["constructor", ["constructor"], []],
] as const) {
  test(`${key} is another word for ${names.join(" or ") || "nothing"}`, () => {
    assert.deepEqual(synonymsOf(key, known), names);
  });
}

for (const [key, known, names] of [
  ["eventSource", ["name", "eventSourceName", "eventName"], ["eventSourceName"]],
  ["event", ["eventSourceName", "eventName"], ["eventName"]],
  ["dependency", ["dependencyName", "dataKey"], ["dependencyName"]],
  ["secret", ["secretKey", "secretName2"], ["secretKey", "secretName2"]],
  ["source", ["sourceRepos", "sourceNamespaces", "sourceIntegrity"], []],
  ["sourceRepositories", ["sourceRepos", "source"], ["sourceRepos"]],
  ["url", ["urlSecret"], []],
  ["x", ["xs"], []],
] as const) {
  test(`${key} is completed to ${names.join(" or ") || "nothing"}`, () => {
    assert.deepEqual(completionsOf(key, known), names);
  });
}
