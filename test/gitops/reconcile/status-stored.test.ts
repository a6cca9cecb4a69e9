import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseApplication } from "../../../src/api/application.ts";
import { applicationStatusSchema } from "../../../src/api/application-status-schema.ts";
import { readFields } from "../../../src/api/fields.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { createSchema } from "../../../src/base/schema.ts";
import { parseYaml } from "../../../src/base/yaml.ts";
import { decideAutoSync } from "../../../src/gitops/reconcile/auto-sync.ts";
import { appendHistory } from "../../../src/gitops/reconcile/history.ts";
import {
  askOperationPatch,
  beginOperation,
  endAttempt,
  operationStatePatch,
} from "../../../src/gitops/reconcile/operation-state.ts";
import { refreshAsked } from "../../../src/gitops/reconcile/refresh-needed.ts";
import { buildStatus, statusPatch } from "../../../src/gitops/reconcile/status.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { destination, now, source } from "./applications.ts";

const resources = [
  { group: "", kind: "ConfigMap", namespace: "shop", name: "web", status: "OutOfSync", requiresPruning: false },
] as const;
const timeouts = { softMs: 120_000, hardMs: 0 };
const path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

/** The Application as it is stored in an API that checks it by our own CRD. */
async function openApplication(api: TestPlane) {
  const [definition] = parseYaml(
    await readFile(join(import.meta.dirname, "../../../crds/applications.argoproj.io.yaml"), "utf8"),
  );
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  assert.equal((await api.call("POST", crds, definition)).status, 201);
  await api.call("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } });
  const spec = { project: "default", source, destination, syncPolicy: { automated: {} } };
  const metadata = { name: "web", namespace: "argocd" };
  const created = await api.call("POST", path, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata,
    spec,
  });
  assert.equal(created.status, 201);
  return {
    read: async () => parseApplication((await api.call("GET", `${path}/web`)).body).resource,
    version: async (): Promise<string> => (await api.call("GET", `${path}/web`)).body.metadata.resourceVersion,
    async patch(patch: JsonValue | undefined, expected = 200) {
      const type = { "content-type": "application/merge-patch+json" };
      const answer = await api.call("PATCH", `${path}/web`, patch, type);
      assert.equal(answer.status, expected, JSON.stringify(answer.body));
    },
  };
}

test("an automated sync that is stored from begin to end leaves an Application that asks for nothing", async () => {
  await using api = await openTestPlane();
  const stored = await openApplication(api);
  const compared = async (syncStatus: "OutOfSync" | "Synced", at: number) => {
    const application = await stored.read();
    const status = buildStatus({
      application,
      syncStatus,
      objects: [],
      health: { health: { status: "Healthy" }, resources: [] },
      revisions: ["c1"],
      sourceTypes: ["Directory"],
      conditions: [],
      summary: { images: ["web:1"] },
      controllerNamespace: "argocd",
      level: 3,
      startedAt: instant(at),
      now: instant(at),
    });
    await stored.patch(statusPatch(application.status, status));
  };

  assert.equal(refreshAsked(await stored.read(), {}, now, timeouts)?.level, 3);
  await compared("OutOfSync", now);
  assert.equal(refreshAsked(await stored.read(), {}, now, timeouts), undefined);

  const wanted = { syncStatus: "OutOfSync", resources, revisions: ["c1"], now } as const;
  const decision = decideAutoSync({ application: await stored.read(), ...wanted });
  assert.equal(decision.kind, "start");
  const operation: JsonObject = decision.kind === "start" ? decision.operation : {};
  const version = await stored.version();
  await stored.patch(askOperationPatch(operation, version));
  await stored.patch(askOperationPatch({ sync: {} }, version), 409);

  const asked = (await stored.read()).operation;
  assert.deepEqual(asked?.raw, operation);
  const begun = beginOperation(asked?.raw ?? {}, now);
  await stored.patch(operationStatePatch(undefined, begun));
  assert.equal(decideAutoSync({ application: await stored.read(), ...wanted }).kind, "none");

  const synced = { ...begun, syncResult: { revision: "c1", source } };
  const ended = endAttempt(synced, { phase: "Succeeded", message: "done" }, asked?.retry, instant(now + 5_000));
  const { status } = await stored.read();
  await stored.patch({ status: { history: appendHistory(status.history, ended, 10, now) } });
  await stored.patch(operationStatePatch(status.operationState, ended));
  await compared("Synced", now + 6_000);

  const last = await stored.read();
  assert.equal(last.operation, undefined);
  assert.deepEqual(last.status.operationState, ended);
  assert.partialDeepStrictEqual(last.status, {
    sync: { status: "Synced" },
    history: [{ id: 0, revision: "c1", source }],
  });
  const problems = createSchema(applicationStatusSchema).check(last.status, "status");
  readFields(last.status, applicationStatusSchema, "status", problems);
  assert.deepEqual(problems, [], "each field of the status is as the CRD describes it");
  assert.equal(refreshAsked(last, {}, instant(now + 7_000), timeouts), undefined);
  const again = decideAutoSync({ application: last, ...wanted });
  assert.match(again.kind === "none" ? again.reason : again.kind, /synced already/);
});
