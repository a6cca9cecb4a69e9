import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import { TextResponse } from "../base/text-body.ts";
import { userOfAccountToken } from "./access/account-tokens.ts";
import { requirePath, requireResource } from "./access/attributes.ts";
import { authenticate, type FindUser, type TokenUser, userTokens } from "./access/authentication.ts";
import { admins, createAuthorizer } from "./access/authorizer.ts";
import { bootstrapBindings, bootstrapMark, bootstrapRoles } from "./access/bootstrap.ts";
import { type Asked, type Audit, auditEventOf, isAudited } from "./audit.ts";
import {
  acceptsAggregated,
  aggregatedGroups,
  aggregatedType,
  coreVersions,
  groupList,
  groupOf,
  resourceList,
  versionInfo,
} from "./discovery.ts";
import { objectAt } from "./kinds.ts";
import { refuseAggregated } from "./left-out.ts";
import { openApiDocument, openApiIndex } from "./openapi.ts";
import type { Plane } from "./plane.ts";
import { Rehearsals } from "./rehearsals.ts";
import { parseResourcePath, type ResourceRequest, type User } from "./request.ts";
import { serveResource } from "./resource-verbs.ts";
import { ResourceTable, type ServedResource, storeKey, writtenSchema } from "./resources.ts";
import { createSimulation, type Simulation } from "./simulation/simulation.ts";
import { workflowDefinitions } from "./simulation/workflow.ts";
import { badRequest, StatusError, unknownPath } from "./status-error.ts";
import { ObjectStore } from "./store.ts";
import type { Admission } from "./stored-object.ts";
import { WatchWindow } from "./watch-window.ts";
import { createReviewer } from "./webhooks/reviewer.ts";
import { createObject } from "./writes.ts";

export interface ControlPlane extends AsyncDisposable {
  /** Answers one request of the Kubernetes API; never rejects. A watch ends when the request's signal aborts. */
  fetch(request: Request): Promise<Response>;
}

export interface ControlPlaneOptions {
  /** The file of the store; made when missing. One process at a time. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who may call, by Bearer token. Members of `system:masters` may impersonate. */
  readonly users: readonly TokenUser[];
  readonly admission?: Admission;
  /** Told each change that was asked for, also by simulated controllers. */
  readonly audit?: Audit;
  /** Deployments, Jobs and the like run as if there were nodes. Default: they are stored only. */
  readonly simulate?: boolean;
}

const definitions = "apiextensions.k8s.io/customresourcedefinitions";
const windowLimits = { maxChanges: 20_000, maxCharacters: 12 * 1024 * 1024 };

/** Opens the store and serves it. Whoever opens it disposes of it: that ends open watches. @throws TerminalError */
export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const table = new ResourceTable();
  const store = new ObjectStore(options.path, (changes) => {
    for (const change of changes) {
      authorizer.notify(change.resource);
      reviewer.notify(change.resource);
      if (change.resource !== definitions) continue;
      table.define(change.name, change.type === "DELETED" ? undefined : parseObject(change.text));
    }
    window.publish(changes);
    simulation?.notify(changes);
  });
  let simulation: Simulation | undefined;
  const authorizer = createAuthorizer(store);
  const reviewer = createReviewer(store);
  const window = new WatchWindow(store.revision, windowLimits, ({ resource, namespace, name }) =>
    store.read(resource, namespace, name),
  );
  store.onReplace = (object, text) => window.keep(object, text);
  for (const { name, text } of store.list(definitions, { limit: -1 })) table.define(name, parseObject(text));
  const { clock, admission, audit } = options;
  const secret = secretOf(options.users);
  const findUser = tokensOf(options, store, secret);
  const access = { authorizer, findUser, secret, isSimulated: options.simulate === true };
  const written = { store, table, clock, admission, audit, reviewer, rehearsals: new Rehearsals() };
  const plane: Plane = { ...written, window, watches: new Set(), ...access };
  // All in one turn, so that they share a transaction.
  await Promise.all([
    ...firstNamespaces.map((name) => ensureObject(plane, "", "v1", "namespaces", { metadata: { name } })),
    ensureRoles(plane),
    ...(options.simulate ? workflowDefinitions.map((one) => ensureDefinition(plane, one)) : []),
  ]);
  const stop = new AbortController();
  if (options.simulate) simulation = createSimulation({ ...plane, log: options.log });
  const simulated = simulation?.run(stop.signal);
  return {
    async fetch(request) {
      const asked: Asked = { request, at: clock.now() };
      const response = await answer(plane, asked).catch((error) => errorResponse(error, options.log));
      if (audit && isAudited(request)) audit(await auditEventOf(asked, response, clock.now()));
      return response;
    },
    async [Symbol.asyncDispose]() {
      for (const watch of plane.watches) watch.abort();
      stop.abort();
      await simulated;
      await store.settled();
      store[Symbol.dispose]();
    },
  };
}

function parseObject(text: string): JsonObject | undefined {
  const value: unknown = parseJson(text);
  return isJsonObject(value) ? value : undefined;
}

/** Those of every cluster, and the one that Applications are made in: elsewhere the installation of Argo CD makes it. */
const firstNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease", "argocd"];

const self = { name: "system:apiserver", groups: ["system:masters"] };

/** Makes an object of the control plane's own unless there is one of its name. */
async function ensureObject(
  plane: Plane,
  group: string,
  version: string,
  plural: string,
  object: JsonObject,
): Promise<void> {
  const resource = plane.table.find(group, version, plural);
  const name = String(objectAt(object, "metadata").name);
  if (resource === undefined || plane.store.read(storeKey(resource), "", name) !== undefined) return;
  const request = new Request("http://localhost/");
  const place = { namespace: undefined, name, subresource: undefined, warnings: [] };
  const target = { request, query: new URLSearchParams(), user: self, resource, ...place };
  await createObject({ ...plane, admission: undefined, reviewer: undefined }, target, object);
}

function ensureDefinition(plane: Plane, definition: JsonObject): Promise<void> {
  return ensureObject(plane, "apiextensions.k8s.io", "v1", "customresourcedefinitions", definition);
}

/** Roles and bindings of every cluster, once and together: who deletes one of them means it. */
async function ensureRoles(plane: Plane): Promise<void> {
  const group = "rbac.authorization.k8s.io";
  if (plane.store.read(`${group}/clusterroles`, "", bootstrapMark) !== undefined) return;
  await Promise.all([
    ...bootstrapBindings.map((one) => ensureObject(plane, group, "v1", "clusterrolebindings", one)),
    ...bootstrapRoles.map((one) => ensureObject(plane, group, "v1", "clusterroles", one)),
  ]);
}

function secretOf(users: readonly TokenUser[]): string {
  return createHash("sha256")
    .update(`service accounts ${users[0]?.token ?? randomUUID()}`)
    .digest("base64");
}

/** Users that were given, and service accounts by the tokens that were signed here. */
function tokensOf({ users, clock }: ControlPlaneOptions, store: ObjectStore, secret: string): FindUser {
  const given = userTokens(users);
  const uidOf = (namespace: string, name: string): string | undefined => {
    const text = store.read("/serviceaccounts", namespace, name);
    const uid = text === undefined ? undefined : objectAt(parseObject(text) ?? {}, "metadata").uid;
    return typeof uid === "string" ? uid : undefined;
  };
  return (token) => given(token) ?? userOfAccountToken(secret, token, clock.now(), uidOf);
}

/** Paths that need no credentials. */
function openPath(path: string): Response | undefined {
  if (/^\/(?:healthz|livez|readyz)(?:\/|$)/.test(path)) return new Response("ok");
  return path === "/version" ? json(versionInfo) : undefined;
}

async function answer(plane: Plane, asked: Asked): Promise<Response> {
  const { request } = asked;
  const url = new URL(request.url);
  const open = openPath(url.pathname);
  if (open !== undefined) return open;
  const user = authenticate(request.headers, plane.findUser, plane.authorizer);
  asked.user = user;
  return route(plane, asked, url, user);
}

async function route(plane: Plane, asked: Asked, url: URL, user: User): Promise<Response> {
  const { request } = asked;
  const segments = pathSegments(url.pathname);
  const document = request.method === "GET" ? documentOf(plane, segments, request) : undefined;
  if (document !== undefined) {
    requirePath(plane.authorizer, user, request.method, url.pathname);
    return document;
  }
  if (segments[0] !== "api" && segments[0] !== "apis") throw unknownPath();
  const path = parseResourcePath(segments, plane.table);
  if (path === undefined) {
    refuseAggregated(plane.store, segments);
    throw unknownPath();
  }
  const target: ResourceRequest = { ...path, request, query: url.searchParams, user, warnings: [] };
  asked.target = target;
  if (!user.groups.includes(admins)) await plane.store.settled();
  requireResource(plane.authorizer, target);
  const response = await serveResource(plane, target);
  for (const warning of target.warnings) response.headers.append("warning", warningValue(warning));
  return response;
}

function pathSegments(path: string): readonly string[] {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch {
    throw badRequest("the path is not valid percent-encoding");
  }
}

/** Discovery and OpenAPI. */
function documentOf(plane: Plane, segments: readonly string[], request: Request): Response | undefined {
  const { table } = plane;
  const [root, first = "", second = "", ...rest] = segments;
  if (root === "openapi") return openApi(plane, segments.slice(1), request);
  const isRoot = first === "" && (root === "api" || root === "apis");
  if (isRoot && acceptsAggregated(request.headers.get("accept") ?? "")) {
    return json(aggregatedGroups(table, root === "api"), aggregatedType);
  }
  if (rest.length > 0) return undefined;
  if (root === "apis") return groupDocument(table, first, second);
  if (root !== "api" || second !== "") return undefined;
  return first === "" ? json(coreVersions()) : jsonOrNothing(resourceList(table, "", first));
}

function openApi(plane: Plane, path: readonly string[], request: Request): Response | undefined {
  const { table } = plane;
  const [version, ...document] = path;
  if (version === "v3") {
    const at = document.join("/");
    return jsonOrNothing(
      at === "" ? openApiIndex(table) : openApiDocument(table, at, (resource) => storedSchema(plane, resource)),
    );
  }
  // kubectl asks here for a kind of a group that is not served; an empty document (in protobuf: no bytes) says "unknown".
  if (version !== "v2" || !request.headers.get("accept")?.includes("protobuf")) return undefined;
  return new Response(new Uint8Array(), { headers: { "content-type": "application/octet-stream" } });
}

function storedSchema({ store }: Plane, { custom, plural, group, version }: ServedResource): JsonObject | undefined {
  const text = custom?.schema && store.read(definitions, "", `${plural}.${group}`);
  const definition = text === undefined ? undefined : parseObject(text);
  return definition && writtenSchema(definition, version);
}

function groupDocument(table: ResourceTable, group: string, version: string): Response | undefined {
  if (group === "") return json(groupList(table));
  return jsonOrNothing(version === "" ? groupOf(table, group) : resourceList(table, group, version));
}

function jsonOrNothing(value: JsonObject | undefined): Response | undefined {
  return value === undefined ? undefined : json(value);
}

function json(value: JsonObject, type = "application/json"): Response {
  return new TextResponse(JSON.stringify(value), { headers: { "content-type": type } });
}

/** RFC 7234 as Kubernetes writes it; what a header cannot hold is replaced. */
function warningValue(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&");
  return `299 - "${safe.slice(0, 4096)}"`;
}

function errorResponse(error: unknown, log: Logger): Response {
  const status = asStatus(error, log);
  const { retryAfterSeconds } = status.details ?? {};
  const later = typeof retryAfterSeconds === "number" ? { "retry-after": String(retryAfterSeconds) } : {};
  const headers = { "content-type": "application/json", ...later };
  return new Response(JSON.stringify(status.body()), { status: status.code, headers });
}

function asStatus(error: unknown, log: Logger): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof RangeError) return badRequest("the body of the request is nested too deeply");
  log.error("request of the embedded Kubernetes API failed", { error });
  return new StatusError(500, "InternalError", "Internal error occurred: see the log of the engine");
}
