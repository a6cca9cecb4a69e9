import assert from "node:assert/strict";
import { test } from "node:test";
import { createSyncSettings } from "../../../src/controllers/applications/sync-settings.ts";

for (const [cm, params, expected] of [
  [{}, {}, ["off", 0, undefined]],
  [{ "application.sync.impersonation.enabled": "true" }, {}, ["enforced", 0, undefined]],
  [
    { "application.sync.impersonation.enabled": "true", "application.sync.impersonation.enforced": "false" },
    {},
    ["optional", 0, undefined],
  ],
  [{ "application.sync.impersonation.enforced": "true" }, {}, ["off", 0, undefined]],
  [{}, { "controller.sync.timeout.seconds": "600", "controller.sync.wave.delay.seconds": "0" }, ["off", 600_000, 0]],
  [{}, { "controller.sync.timeout.seconds": "soon" }, ["off", 0, undefined]],
] as const) {
  test(`settings of syncs in ${JSON.stringify({ ...cm, ...params })}`, () => {
    const objects: Record<string, object> = { "argocd-cm": cm, "argocd-cmd-params-cm": params };
    const find = (namespace: string | undefined, name: string) =>
      namespace === "argocd"
        ? { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: objects[name] }
        : undefined;
    const settings = createSyncSettings({ find }, "argocd");
    assert.deepEqual([settings.impersonation(), settings.syncTimeoutMs(), settings.waveDelayMs()], expected);
  });
}

for (const [data, intervalMs, jitterMs] of [
  [{}, 120_000, 60_000],
  [{ "timeout.reconciliation": "180s", "timeout.reconciliation.jitter": "0" }, 180_000, 0],
  [{ "timeout.reconciliation": "0s" }, 0, 60_000],
  [{ "timeout.reconciliation": "1m30s" }, 90_000, 60_000],
  [{ "timeout.reconciliation": "1ms" }, 1_000, 60_000],
  [{ "timeout.reconciliation": "soon", "timeout.reconciliation.jitter": "" }, 120_000, 60_000],
] as const) {
  test(`how often repositories are polled by ${JSON.stringify(data)}`, () => {
    const find = () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "argocd-cm" }, data });
    assert.deepEqual(createSyncSettings({ find }, "argocd").pollPace(), { intervalMs, jitterMs });
  });
}

for (const [text, ms] of [
  [undefined, 0],
  ["0s", 0],
  ["24h", 86_400_000],
  ["soon", 0],
] as const) {
  test(`hard refreshes by ${text} come each ${ms} ms`, () => {
    const data: Record<string, string> = text === undefined ? {} : { "timeout.hard.reconciliation": text };
    const find = () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "argocd-cm" }, data });
    assert.equal(createSyncSettings({ find }, "argocd").hardRefreshMs(), ms);
  });
}

const backoff = "controller.self.heal.backoff";
const asShipped = { firstMs: 2_000, factor: 3, maxMs: 300_000, fixedMs: 0 };

for (const [data, selfHeal, graceMs] of [
  [{}, asShipped, 180_000],
  [
    {
      [`${backoff}.timeout.seconds`]: "5",
      [`${backoff}.factor`]: "2",
      [`${backoff}.cap.seconds`]: "60",
      "controller.repo.error.grace.period.seconds": "0",
    },
    { firstMs: 5_000, factor: 2, maxMs: 60_000, fixedMs: 0 },
    0,
  ],
  [
    { [`${backoff}.timeout.seconds`]: "0", "controller.self.heal.timeout.seconds": "20" },
    { ...asShipped, firstMs: 0, fixedMs: 20_000 },
    180_000,
  ],
  [
    { [`${backoff}.factor`]: "0", [`${backoff}.cap.seconds`]: "0" },
    { ...asShipped, factor: 1, maxMs: 604_800_000 },
    180_000,
  ],
  [{ [`${backoff}.timeout.seconds`]: "soon", [`${backoff}.factor`]: "-1" }, asShipped, 180_000],
] as const) {
  test(`how self-heal and repositories that fail are waited for by ${JSON.stringify(data)}`, () => {
    const find = (_: string | undefined, name: string) =>
      name === "argocd-cmd-params-cm" ? { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data } : undefined;
    const settings = createSyncSettings({ find }, "argocd");
    assert.deepEqual([settings.selfHeal(), settings.repositoryGraceMs()], [selfHeal, graceMs]);
  });
}

for (const [text, namespace, expected] of [
  [undefined, "team-a", true],
  ["", "team-a", true],
  ["team-*, /^ops$/", "team-a", true],
  ["team-*, /^ops$/", "ops", true],
  ["team-*, /^ops$/", "ops-2", false],
  ["team-*", "argocd", true],
  ["/(/", "team-a", false],
] as const) {
  test(`application.namespaces ${text} ${expected ? "has" : "leaves out"} ${namespace}`, () => {
    const data = text === undefined ? {} : { "application.namespaces": text };
    const find = (_: string | undefined, name: string) =>
      name === "argocd-cmd-params-cm" ? { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data } : undefined;
    assert.equal(createSyncSettings({ find }, "argocd").isNamespaceEnabled(namespace), expected);
  });
}
