import { type JsonObject, parseJson } from "../base/json.ts";
import { TextResponse } from "../base/text-body.ts";
import { answerReview, isReview } from "./access/reviews.ts";
import { deleteObject, readDeleteOptions } from "./deletes.ts";
import { objectAt } from "./kinds.ts";
import { asKubeObject } from "./metadata.ts";
import { servePart } from "./parts.ts";
import { patchObject } from "./patches.ts";
import type { Plane } from "./plane.ts";
import { inVersion, readList, readOne } from "./reads.ts";
import { type ResourceRequest, readObjectBody } from "./request.ts";
import { apiVersionOf, storeKey } from "./resources.ts";
import { serveScale } from "./scale.ts";
import { matcherOf } from "./selection.ts";
import { badRequest, invalid, methodNotAllowed, StatusError } from "./status-error.ts";
import { openWatch } from "./watches.ts";
import { changeObject, createObject } from "./writes.ts";

/** One request on a kind: a collection, an object or its status. @throws StatusError */
export async function serveResource(plane: Plane, target: ResourceRequest): Promise<Response> {
  const { name, subresource } = target;
  if (isReview(target.resource.kind, target.resource.group)) {
    if (name !== undefined || target.request.method !== "POST") throw methodNotAllowed();
    return ok(answerReview(plane, target, await readObjectBody(target.request)), 201);
  }
  if (name === undefined) return serveCollection(plane, target);
  if (subresource === undefined) return serveObject(plane, target, name);
  if (subresource === "status" && target.resource.hasStatus) return serveStatus(plane, target, name);
  if (subresource === "scale" && target.resource.hasScale) return ok(await serveScale(plane, target, name));
  if (subresource === "finalize" && target.resource.kind === "Namespace" && target.request.method === "PUT") {
    return ok(await update(plane, { ...target, subresource: undefined }, name));
  }
  return servePart(plane, target, name, subresource);
}

async function serveCollection(plane: Plane, target: ResourceRequest): Promise<Response> {
  switch (target.request.method) {
    case "GET":
      return isWatch(target.query) ? watch(plane, target) : ok(await readList(plane, target));
    case "POST": {
      if (target.resource.namespaced && target.namespace === undefined) throw methodNotAllowed();
      const text = await createObject(plane, target, await readObjectBody(target.request));
      return ok(text, 201);
    }
    case "DELETE":
      return deleteCollection(plane, target);
    default:
      throw methodNotAllowed();
  }
}

async function serveObject(plane: Plane, target: ResourceRequest, name: string): Promise<Response> {
  switch (target.request.method) {
    case "GET":
      return isWatch(target.query) ? watch(plane, target) : ok(await readOne(plane, target, name));
    case "PUT":
      return ok(await update(plane, target, name));
    case "PATCH": {
      const { text, isNew } = await patchObject(plane, target, name);
      return ok(text, isNew ? 201 : 200);
    }
    case "DELETE": {
      const { text } = await deleteObject(plane, target, name, await readDeleteOptions(target));
      return ok(text);
    }
    default:
      throw methodNotAllowed();
  }
}

async function serveStatus(plane: Plane, target: ResourceRequest, name: string): Promise<Response> {
  switch (target.request.method) {
    case "GET":
      return ok(await readOne(plane, target, name));
    case "PUT":
      return ok(await update(plane, target, name));
    case "PATCH":
      return ok((await patchObject(plane, target, name)).text);
    default:
      throw methodNotAllowed();
  }
}

async function update(plane: Plane, target: ResourceRequest, name: string): Promise<string> {
  const body = await readObjectBody(target.request);
  const { resourceVersion } = objectAt(body, "metadata");
  if (target.resource.custom && (resourceVersion === undefined || resourceVersion === "")) {
    const message = "Invalid value: 0: must be specified for an update";
    throw invalid(target.resource, name, [{ field: "metadata.resourceVersion", message, reason: "FieldValueInvalid" }]);
  }
  return changeObject(plane, target, name, () => body);
}

async function watch(plane: Plane, target: ResourceRequest): Promise<Response> {
  const body = await openWatch(plane, target);
  return new Response(body, { headers: { "content-type": "application/json" } });
}

function isWatch(query: URLSearchParams): boolean {
  const value = query.get("watch");
  return value === "" || value === "1" || value === "true";
}

/** Each object by itself, as a real server does it; one that is gone meanwhile is no error. */
async function deleteCollection(plane: Plane, target: ResourceRequest): Promise<Response> {
  if (target.resource.namespaced && target.namespace === undefined) throw methodNotAllowed();
  if (target.query.get("continue")) throw badRequest("continue is not supported for deletecollection");
  const options = await readDeleteOptions(target);
  await plane.store.settled();
  const matches = matcherOf(target.query);
  const rows = plane.store
    .list(storeKey(target.resource), { namespace: target.namespace, limit: -1 })
    .filter((row) => matches?.(asKubeObject(parseJson(row.text) as JsonObject)) ?? true);
  const results = await Promise.allSettled(
    rows.map((row) => deleteObject(plane, { ...target, name: row.name }, row.name, options)),
  );
  for (const result of results) {
    if (result.status === "rejected" && !(result.reason instanceof StatusError && result.reason.code === 404)) {
      throw result.reason;
    }
  }
  const items = rows.map((row) => inVersion(target, row.text)).join(",");
  const head = `{"kind":"${target.resource.kind}List","apiVersion":"${apiVersionOf(target.resource)}"`;
  return ok(`${head},"metadata":{"resourceVersion":"${plane.store.revision}"},"items":[${items}]}`);
}

function ok(text: string, status = 200): Response {
  return new TextResponse(text, { status, headers: { "content-type": "application/json" } });
}
