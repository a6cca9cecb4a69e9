import { type JsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { type TableFormat, tableFormat } from "../objects/table.ts";
import { asKubeObject } from "./metadata.ts";
import { checkRevision, type PageDeps, readPage } from "./pages.ts";
import type { ResourceRequest } from "./request.ts";
import { apiVersionOf } from "./resources.ts";
import { isServedForm, servedForm } from "./schema/served-form.ts";
import { matcherOf } from "./selection.ts";
import { StatusError } from "./status-error.ts";
import { keyOf, needObject, type WriteDeps } from "./stored-object.ts";

/** @throws StatusError 404 */
export async function readOne(deps: WriteDeps, target: ResourceRequest, name: string): Promise<string> {
  await deps.store.settled();
  const key = keyOf(target, name);
  checkRevision(target.query, deps.store.revision);
  const text = deps.store.read(key.resource, key.namespace, key.name);
  const found = text ?? JSON.stringify(needObject(deps, target, name));
  const table = tableOf(target);
  const revision = String(deps.store.revision);
  if (table !== undefined) return tableText(deps, target, table, [parse(target, found)], { resourceVersion: revision });
  return inVersion(target, found);
}

/** A list, or a Table, as JSON. @throws StatusError */
export async function readList(deps: WriteDeps & PageDeps, target: ResourceRequest): Promise<string> {
  await deps.store.settled();
  const matches = matcherOf(target.query);
  const page = readPage(deps, target, matches && ((row) => matches(parse(target, row.text))));
  const metadata = {
    resourceVersion: String(page.revision),
    ...(page.next === undefined ? {} : { continue: page.next }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
  const table = tableOf(target);
  if (table !== undefined) {
    const objects = page.rows.map((row) => parse(target, row.text));
    return tableText(deps, target, table, objects, metadata);
  }
  const items = page.rows.map((row) => inVersion(target, row.text)).join(",");
  const head = JSON.stringify({
    kind: `${target.resource.kind}List`,
    apiVersion: apiVersionOf(target.resource),
    metadata,
  });
  return `${head.slice(0, -1)},"items":[${items}]}`;
}

function parse(target: ResourceRequest, text: string): KubeObject {
  return asKubeObject(servedForm(target.resource, parseJson(text) as JsonObject).object);
}

/** The text of a stored object as it is served. Objects are kept in the version they were written in. */
export function inVersion(target: ResourceRequest, text: string): string {
  return isServedForm(target.resource, text) ? text : JSON.stringify(parse(target, text));
}

/** The format of a Table, if the client accepts one before plain JSON. */
export function tableOf(target: ResourceRequest): TableFormat | undefined {
  const accept = target.request.headers.get("accept") ?? "";
  const wantsTable = accept.split(",").some((part) => /;\s*as=Table/.test(part) && /v=v1(?:;|$|\s)/.test(part));
  if (!wantsTable) return undefined;
  const { kind, custom } = target.resource;
  return tableFormat(custom === undefined ? kind : "", custom?.columns);
}

export function tableText(
  deps: WriteDeps,
  target: ResourceRequest,
  table: TableFormat,
  objects: readonly KubeObject[],
  metadata: JsonObject,
): string {
  const now = deps.clock.now();
  const include = target.query.get("includeObject") ?? "Metadata";
  if (!["None", "Metadata", "Object"].includes(include)) {
    throw new StatusError(400, "BadRequest", `unrecognized includeObject value: "${include}"`);
  }
  return JSON.stringify({
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: table.columnDefinitions,
    rows: objects.map((object) => ({ cells: table.cells(object, now), object: rowObject(object, include) })),
  });
}

function rowObject(object: KubeObject, include: string): unknown {
  if (include === "Object") return object;
  if (include === "None") return null;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
