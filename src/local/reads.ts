import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { type Matcher, parseFieldSelector, parseLabelSelector, SelectorError } from "../objects/selector.ts";
import { type TableFormat, tableFormat } from "../objects/table.ts";
import { asKubeObject } from "./metadata.ts";
import type { ResourceRequest } from "./request.ts";
import { apiVersionOf, storeKey } from "./resources.ts";
import { badRequest, expired, futureRevision, StatusError } from "./status-error.ts";
import type { StoredObject } from "./store.ts";
import { keyOf, needObject, type WriteDeps } from "./stored-object.ts";

const noLimit = -1;

/** Objects of the selection, or undefined for "all of them": then nothing needs to be parsed. */
export function matcherOf(query: URLSearchParams): Matcher<KubeObject> | undefined {
  const labels = query.get("labelSelector");
  const fields = query.get("fieldSelector");
  try {
    const byLabels = labels ? parseLabelSelector(labels) : undefined;
    const byFields = fields ? parseFieldSelector(fields, extraFields) : undefined;
    if (byLabels === undefined && byFields === undefined) return undefined;
    return (object) => (byLabels?.(object.metadata.labels ?? {}) ?? true) && (byFields?.(object) ?? true);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

/** Fields that built-in kinds let select by; taken for any kind. `selectableOf` keeps them. */
const extraFields = [
  "status.phase",
  "type",
  "spec.nodeName",
  "involvedObject.name",
  "involvedObject.kind",
  "involvedObject.namespace",
  "involvedObject.uid",
  "reason",
];

/** What selectors read of an object: nothing else is needed to match it later. */
export function selectableOf(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, spec, status, type, reason, involvedObject } = object as KubeObject & JsonObject;
  const { name, namespace, labels } = metadata as KubeObject["metadata"];
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
    },
    ...(isJsonObject(spec) && spec.nodeName !== undefined ? { spec: { nodeName: spec.nodeName } } : {}),
    ...(isJsonObject(status) && status.phase !== undefined ? { status: { phase: status.phase } } : {}),
    ...(type === undefined ? {} : { type }),
    ...(reason === undefined ? {} : { reason }),
    ...(involvedObject === undefined ? {} : { involvedObject }),
  };
}

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

/** A list, or a Table, as JSON. Pages are read from the objects as they are now, not as they were at the first page. */
export async function readList(deps: WriteDeps, target: ResourceRequest): Promise<string> {
  await deps.store.settled();
  const limit = integerIn(target.query, "limit");
  checkRevision(target.query, deps.store.revision);
  const page = readPage(deps, target, limit);
  const metadata = {
    resourceVersion: page.revision,
    ...(page.next === undefined ? {} : { continue: page.next }),
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

/** @throws StatusError 400 */
function integerIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) || "0";
  if (/^-?\d{1,18}$/.test(text)) return Number(text);
  throw badRequest(
    `invalid query parameter ${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** Lists are as of now, which is not older than any revision that there was. @throws StatusError 400, 504 */
function checkRevision(query: URLSearchParams, current: number): void {
  const text = query.get("resourceVersion") || "0";
  if (!/^\d{1,18}$/.test(text)) {
    throw badRequest(`invalid resource version ${JSON.stringify(text)}: it must be an unsigned integer`);
  }
  if (query.get("resourceVersionMatch") === "Exact" && Number(text) < current) throw expired(Number(text), current);
  if (Number(text) > current) throw futureRevision(text, current);
}

interface Page {
  readonly rows: readonly StoredObject[];
  readonly revision: string;
  readonly next: string | undefined;
}

function readPage(deps: WriteDeps, target: ResourceRequest, limit: number): Page {
  const start = continueFrom(target.query.get("continue"));
  const revision = start?.revision ?? String(deps.store.revision);
  const matches = matcherOf(target.query);
  const resource = storeKey(target.resource);
  // A page of a selection may need more rows than it returns, so all are read: their number bounds the work.
  const rows = deps.store.list(resource, {
    namespace: target.namespace,
    after: start,
    limit: limit > 0 && matches === undefined ? limit + 1 : noLimit,
  });
  const chosen = matches === undefined ? rows : rows.filter((row) => matches(parse(target, row.text)));
  if (limit <= 0 || chosen.length <= limit) return { rows: chosen, revision, next: undefined };
  const page = chosen.slice(0, limit);
  const last = page.at(-1);
  const token = { revision, namespace: last?.namespace, name: last?.name };
  return { rows: page, revision, next: Buffer.from(JSON.stringify(token)).toString("base64url") };
}

function continueFrom(token: string | null): { revision: string; namespace: string; name: string } | undefined {
  if (!token) return undefined;
  try {
    const { revision, namespace, name } = parseJson(Buffer.from(token, "base64url").toString()) as JsonObject;
    return { revision: String(revision), namespace: String(namespace), name: String(name) };
  } catch {
    throw badRequest("continue key is not valid");
  }
}

function parse(target: ResourceRequest, text: string): KubeObject {
  return asKubeObject({ ...(parseJson(text) as JsonObject), apiVersion: apiVersionOf(target.resource) });
}

/** Objects are kept in the version they were written in; another one differs in `apiVersion` only. */
export function inVersion(target: ResourceRequest, text: string): string {
  const start = `{"apiVersion":${JSON.stringify(apiVersionOf(target.resource))},`;
  return text.startsWith(start) ? text : JSON.stringify(parse(target, text));
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
