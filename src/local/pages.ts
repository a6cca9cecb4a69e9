import type { JsonObject } from "../base/json.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { ResourceRequest } from "./request.ts";
import { storeKey } from "./resources.ts";
import { badRequest, expiredList, expiredPage, futureRevision } from "./status-error.ts";
import type { StoredObject } from "./store.ts";
import { rowKey, type WriteDeps } from "./stored-object.ts";
import type { WatchWindow } from "./watch-window.ts";

/** One page of a list: rows as they were at `revision`. */
export interface Page {
  readonly rows: readonly StoredObject[];
  readonly revision: number;
  /** Where the next page goes on; undefined after the last one. */
  readonly next?: string;
  /** How many come after this page; unknown for selections and for lists that are no snapshot. */
  readonly remaining?: number;
}

export type PageDeps = Pick<WriteDeps, "store"> & { readonly window: WatchWindow };

/** What a `continue` token says. Revision -1: as of now, whatever the pages before were. */
interface Place {
  readonly revision: number;
  readonly namespace: string;
  readonly name: string;
  readonly remaining?: number;
}

const noLimit = -1;
const asOfNow = -1;

/**
 * A list, or a page of it. All pages show the state of the first one, taken back with what the watch window remembers.
 * @throws StatusError 400, 410 (the window no longer reaches back so far), 504 (a revision of the future)
 */
export function readPage(
  { store, window }: PageDeps,
  target: ResourceRequest,
  matches: ((row: StoredObject) => boolean) | undefined,
): Page {
  const limit = Math.max(integerIn(target.query, "limit"), 0);
  const start = startOf(target.query);
  const { revision, changed } = snapshotOf({ store, window }, target, start, limit);
  // A page of a selection may need more rows than it returns, so all are read: their number bounds the work.
  const isCut = limit > 0 && matches === undefined;
  const range = { namespace: target.namespace, after: start, limit: isCut ? limit + 1 + changed.size : noLimit };
  const rows = takenBack(store.list(storeKey(target.resource), range), changed, range);
  const chosen = matches === undefined ? rows : rows.filter(matches);
  if (limit === 0 || chosen.length <= limit) return { rows: chosen, revision };
  const page = chosen.slice(0, limit);
  const { namespace = "", name = "" } = page.at(-1) ?? {};
  const isCounted = isCut && start === undefined && changed.size === 0;
  const count = isCounted ? store.count(storeKey(target.resource), target.namespace) : start?.remaining;
  const left = count === undefined ? {} : { remaining: count - limit };
  return { rows: page, revision, ...left, next: tokenOf({ revision, namespace, name, ...left }) };
}

function startOf(query: URLSearchParams): Place | undefined {
  const start = placeOf(query.get("continue"));
  if (start !== undefined && !["", "0"].includes(query.get("resourceVersion") ?? "")) {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  return start;
}

/** The revision that is shown, and what changed after it. */
function snapshotOf({ store, window }: PageDeps, target: ResourceRequest, start: Place | undefined, limit: number) {
  const current = store.revision;
  const wanted = start === undefined ? revisionIn(target.query, current, limit) : start.revision;
  const revision = wanted === asOfNow ? current : wanted;
  if (revision > current) throw futureRevision(String(revision), current);
  const changed = window.before(storeKey(target.resource), revision);
  if (changed !== undefined) return { revision, changed };
  throw start === undefined ? expiredList() : expiredPage(tokenOf({ ...start, revision: asOfNow }));
}

type Before = ReadonlyMap<string, StoredObject | undefined>;

/** Rows of now with what was there before in place of what changed since, in order of namespace and name. */
function takenBack(
  rows: readonly StoredObject[],
  changed: Before,
  { namespace, after }: { readonly namespace: string | undefined; readonly after: Place | undefined },
): readonly StoredObject[] {
  if (changed.size === 0) return rows;
  const old = [...changed.values()].filter(
    (row) =>
      row !== undefined &&
      (namespace === undefined || row.namespace === namespace) &&
      (after === undefined || compare(row, after) > 0),
  );
  const kept = rows.filter((row) => !changed.has(rowKey(row)));
  return [...kept, ...old.filter((row) => row !== undefined)].sort(compare);
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

function compare(one: Named, other: Named): number {
  if (one.namespace !== other.namespace) return one.namespace < other.namespace ? -1 : 1;
  if (one.name === other.name) return 0;
  return one.name < other.name ? -1 : 1;
}

/** Which revision a first page shows: the exact one where that is asked for, or for a limited list of one. */
function revisionIn(query: URLSearchParams, current: number, limit: number): number {
  const asked = checkRevision(query, current);
  const match = query.get("resourceVersionMatch") ?? "";
  if (match !== "" && !["Exact", "NotOlderThan"].includes(match)) {
    throw badRequest(`resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`);
  }
  if (match !== "" && (query.get("resourceVersion") ?? "") === "") {
    throw badRequest(
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    );
  }
  if (match === "Exact" && asked === 0) {
    throw badRequest(
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
  const isExact = match === "Exact" || (match === "" && limit > 0 && asked > 0);
  return isExact ? asked : current;
}

/** The revision that the answer must not be older than, which what is there now never is. @throws StatusError 400, 504 */
export function checkRevision(query: URLSearchParams, current: number): number {
  const text = query.get("resourceVersion") || "0";
  if (!/^\d{1,15}$/.test(text)) {
    throw badRequest(`invalid resource version ${JSON.stringify(text)}: it must be an unsigned integer`);
  }
  if (Number(text) > current) throw futureRevision(text, current);
  return Number(text);
}

/** @throws StatusError 400 */
function integerIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) || "0";
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(
    `invalid query parameter ${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function tokenOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** @throws StatusError 400 */
function placeOf(token: string | null): Place | undefined {
  if (!token) return undefined;
  const { revision, namespace, name, remaining } = readToken(token);
  const isPlace = Number.isSafeInteger(revision) && typeof namespace === "string" && typeof name === "string";
  if (!isPlace || Number(revision) < asOfNow) throw badRequest("continue key is not valid");
  const count = Number.isSafeInteger(remaining) ? { remaining: Number(remaining) } : {};
  return { revision: Number(revision), namespace, name, ...count };
}

function readToken(token: string): JsonObject {
  try {
    const value: unknown = parseJson(Buffer.from(token, "base64url").toString());
    if (isJsonObject(value)) return value;
  } catch {
    // said below
  }
  throw badRequest("continue key is not valid");
}
