import assert from "node:assert/strict";
import { test } from "node:test";
import { parkedMessage } from "../../src/gitops/sync/guard.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import type { ApplicationEdits } from "../../src/server/application-edit-routes.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { type Applications, applicationObject, openApplications } from "./applications.ts";

const plan = "0123456789abcdef";
const reasons = ["a Namespace would be deleted"];
const message = parkedMessage({ digest: plan, reasons, deletions: ["Namespace/shop"] }, "web", "argocd");
const shown = "needs approval: a Namespace would be deleted (Namespace/shop)";

/** Where the plan is told of: a condition before an automated sync, the operation's message within one. */
const places: Readonly<Record<string, object>> = {
  condition: {
    conditions: [
      { type: "SyncError", message: "x" },
      { type: "Waiting", message },
    ],
  },
  operation: { operationState: { phase: "Running", message } },
};

async function open(status: object) {
  const changed: KubeObject[] = [];
  const none = () => Promise.reject(new Error("not asked"));
  const edits: ApplicationEdits = {
    create: none,
    delete: none,
    terminate: none,
    async change(_ref, change) {
      const one = change(applicationObject("argocd", "web", { status }));
      changed.push(one);
      return one;
    },
  };
  const server = await openApplications([applicationObject("argocd", "web", { status })], { edits });
  return { server, changed, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function ask({ url, token }: Applications, path: string, body?: unknown): Promise<JsonAnswer> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${url}/api/v1/tiphys/applications/${path}`, init);
  return { status: response.status, body: await response.json() };
}

for (const [name, status] of Object.entries(places)) {
  test(`the plan that waits is shown and approved: ${name}`, async () => {
    await using world = await open(status);
    assert.deepEqual(await ask(world.server, "web/approval"), { status: 200, body: { plan, message: shown } });
    assert.deepEqual(await ask(world.server, "web/approve", { plan }), { status: 200, body: { plan } });
    assert.equal(world.changed[0]?.metadata.annotations?.["tiphys.io/approved-plan"], plan);
  });
}

const over = { operationState: { phase: "Failed", message } };
const refused: readonly (readonly [name: string, status: object, path: string, body: unknown, answer: unknown])[] = [
  ["another plan", places.condition ?? {}, "web/approve", { plan: "fedcba9876543210" }, [400, "USAGE"]],
  ["no plan", places.condition ?? {}, "web/approve", {}, [400, "USAGE"]],
  ["a body that is no object", places.condition ?? {}, "web/approve", [], [400, "USAGE"]],
  ["nothing waits", {}, "web/approve", { plan }, [404, "APPROVAL_NOT_WANTED"]],
  ["what waited is over", over, "web/approval", undefined, [404, "APPROVAL_NOT_WANTED"]],
  ["no such Application", places.condition ?? {}, "nope/approve", { plan }, [404, "NOT_FOUND"]],
];

for (const [name, status, path, body, answer] of refused) {
  test(`an approval is refused: ${name}`, async () => {
    await using world = await open(status);
    const { status: code, body: told } = await ask(world.server, path, body);
    assert.deepEqual([code, told.code], answer);
    assert.deepEqual(world.changed, []);
  });
}
