import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../../src/base/json.ts";
import { apiError } from "../../../src/kube/api-error.ts";
import { automated, type Call, createApplication, openShop, type World } from "./application-rig.ts";

const refusal = { kind: "Status", message: "Request entity too large: limit is 3145728" };
/** As an API that stores no status with objects in it. */
const refuse = ({ method, path, body }: Call): Response | undefined => {
  if (method !== "PATCH" || !path.endsWith("/applications/web")) return undefined;
  const patch = parseJson(body);
  const { resources, operationState } = objectOf(isJsonObject(patch) ? patch.status : undefined);
  const results = objectOf(objectOf(operationState).syncResult).resources;
  return resources || listOf(results).length > 0 ? Response.json(refusal, { status: 413 }) : undefined;
};
const unknown = ({ conditions }: JsonObject): string =>
  textOf(
    listOf(conditions)
      .map(objectOf)
      .find(({ type }) => type === "UnknownError")?.message,
  );
const told = async (world: World): Promise<string | undefined> =>
  unknown((await world.application()).status) || undefined;

test("a status that is too large stays as it was, and a condition says why, once", async () => {
  await using world = await openShop();
  await createApplication(world);
  const engine = await world.start({ refuse });
  const message = await world.until("the condition", () => told(world));
  assert.match(message, /^the status of Application argocd\/web is larger than Kubernetes stores.*limit is 3145728/);
  const { sync, resources } = (await world.application()).status;
  assert.deepEqual([sync, resources], [undefined, undefined]);
  const { resourceVersion } = (await world.application()).metadata;
  await engine.door.refresh({ namespace: "argocd", name: "web" }, false);
  await world.pass(60_000);
  assert.equal((await world.application()).metadata.resourceVersion, resourceVersion, "nothing is written again");
});

test("a sync runs to its end although its status is too large, and the condition goes when it fits", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let isFull = true;
  const engine = await world.start({ refuse: (call) => (isFull ? refuse(call) : undefined) });
  const state = await world.until("the end", async () => {
    const found = objectOf((await world.application()).status.operationState);
    return found.phase === "Succeeded" ? found : undefined;
  });
  assert.equal(objectOf(state.syncResult).resources, undefined);
  assert.equal(world.syncs()[0]?.objects.length, 1, "the record has them");
  assert.ok(await told(world));
  isFull = false;
  await engine.door.refresh({ namespace: "argocd", name: "web" }, false);
  assert.equal(await told(world), undefined);
});

for (const [status, message, code] of [
  [413, "Request entity too large: limit is 3145728", "API_TOO_LARGE"],
  [500, "etcdserver: request is too large", "API_TOO_LARGE"],
  [500, "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2 vs. 1)", "API_TOO_LARGE"],
  [500, "etcdserver: leader changed", "API_UNAVAILABLE"],
  [422, "metadata.annotations: Too long", "API_INVALID"],
] as const) {
  test(`the API's ${status} "${message}" is ${code}`, () =>
    assert.equal(apiError("patch", status, JSON.stringify({ message })).code, code));
}
