import { type NextFunction, type Request, type RequestHandler, type Response, Router } from "express";
import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import {
  type ApplicationList,
  appNamespaceOf,
  findApplication,
  type ObjectQuery,
  objectNameOf,
  objectQueryOf,
  projectOf,
  textParameter,
} from "../application-query.ts";
import { bodyObject, jsonBody } from "../body.ts";
import { type Caller, callerOf, demand, forbidden } from "./caller.ts";

/** What a request needs. @throws EngineError FORBIDDEN */
type Need = (request: Request) => void | Promise<void>;

/**
 * What each path of the API needs (spec argo-cd-surface 3.3), for everybody but who has the token of the data directory.
 * A path that is not here is refused: what is new has to say who may ask for it.
 */
export function rightsOf(applications: ApplicationList | undefined): Router {
  const router = Router({ mergeParams: true });
  router.use((request: Request, _: Response, next: NextFunction) =>
    next(callerOf(request).isRoot ? "router" : undefined),
  );
  const rule = (method: "get" | "post" | "put" | "patch" | "delete", path: string, ...needs: readonly Need[]): void => {
    const check: RequestHandler = async (request, _, next) => {
      for (const need of needs) await need(request);
      next("router");
    };
    router[method](path, ...(method === "get" || method === "delete" ? [] : jsonBody()), check);
  };
  // Its body, which is no JSON, names the Application: the route asks by itself.
  router.post("/applications/manifestsWithFiles", (_request, _response, next) => next("router"));
  applicationRules(rule, applications);
  for (const path of ["/settings", "/settings/plugins", "/account/can-i/:resource/:action/{*subresource}"]) {
    rule("get", path);
  }
  // Below these paths each route asks for itself: lists show what may be seen, and objects say their project.
  const own = ["account", "projects", "clusters", "repositories", "write-repositories", "repocreds", "write-repocreds"];
  for (const path of [...own, "certificates", "gpgkeys"]) {
    for (const method of ["get", "post", "put", "delete"] as const) rule(method, `/${path}{/*rest}`);
  }
  rule("get", "/tiphys/holds"); // which shows what may be seen
  rule("get", "/tiphys/{*rest}", (request) => demand(callerOf(request), "tiphys", "get", restOf(request)));
  rule("delete", "/tiphys/holds", (request) => demand(callerOf(request), "tiphys", "delete", "holds"));
  rule("post", "/tiphys/{*rest}", (request) => demand(callerOf(request), "tiphys", "create", restOf(request)));
  router.use((request: Request) => {
    throw forbidden(callerOf(request), "tiphys", request.method.toLowerCase(), request.path);
  });
  return router;
}

type AddRule = (method: "get" | "post" | "put" | "patch" | "delete", path: string, ...needs: readonly Need[]) => void;

function applicationRules(rule: AddRule, applications: ApplicationList | undefined): void {
  const on =
    (resource: string, action: string | ((request: Request) => string)): Need =>
    (request) => {
      const asked = typeof action === "string" ? action : action(request);
      demandOf(callerOf(request), resource, asked, foundFor(request, applications, asked));
    };
  const of = (action: string): Need => on("applications", action);
  const at = "/applications/:name";
  rule("get", "/applications"); // which shows what may be seen
  rule("get", "/stream/applications");
  rule("get", "/stream/applications/:name/resource-tree", of("get"));
  rule("post", "/applications", creates);
  rule("get", at, of("get"));
  rule("put", at, of("update"));
  rule("put", `${at}/spec`, of("update"));
  rule("patch", at, of("update"));
  rule("delete", at, of("delete"));
  rule("post", `${at}/sync`, of("sync"), (request) => overrides(request, applications));
  rule("post", `${at}/rollback`, (request) =>
    of(isOn(request, "server.rbac.rollback.enforce.enable") ? "rollback" : "sync")(request),
  );
  rule("delete", `${at}/operation`, of("sync"));
  rule("post", `/tiphys${at}/approve`, of("sync")); // a sync by hand would do the same
  rule("post", `/tiphys${at}/revert`, of("update")); // it changes what is wanted, as a change of the source does
  for (const part of [
    "manifests",
    "managed-resources",
    "syncwindows",
    "resource-tree",
    "events",
    "links",
    "resource",
  ]) {
    rule("get", `${at}/${part}`, of("get"));
  }
  for (const part of ["resource/actions", "resource/links", "revisions/:revision/{*what}", "server-side-diff"]) {
    rule("get", `${at}/${part}`, of("get"));
  }
  for (const part of ["logs", "pods/:pod/logs"]) rule("get", `${at}/${part}`, of("get"), on("logs", "get"));
  rule("post", `${at}/resource`, (request) => onPart(request, "update", applications));
  rule("delete", `${at}/resource`, (request) => onPart(request, "delete", applications));
  rule(
    "post",
    `${at}/resource/actions`,
    on("applications", (request) => actionOf(request, "old")),
  );
  rule(
    "post",
    `${at}/resource/actions/v2`,
    on("applications", (request) => actionOf(request, "v2")),
  );
  rule("get", "/tiphys/applications/:name/{*what}", of("get"));
}

/** Who may not see it is told what they would be told if it were not there. @throws EngineError FORBIDDEN */
function demandOf(caller: Caller, resource: string, action: string, application: KubeObject): void {
  const object = objectNameOf(application);
  if (caller.may(resource, action, object)) return;
  const isSeen = caller.may("applications", "get", object);
  throw forbidden(caller, resource, action, isSeen ? object : `*/${application.metadata.name}`);
}

/** Nobody learns by asking which Applications there are (spec argo-cd-surface 3.5). @throws EngineError FORBIDDEN */
function foundFor(request: Request, applications: ApplicationList | undefined, action: string): KubeObject {
  const name = String(request.params.name ?? "");
  const [namespace, hint] = [appNamespaceOf(request), textParameter(request, "project")];
  return foundBy(callerOf(request), applications, { name, namespace, hint }, action);
}

/** Which Application is meant; `hint`: the project that it must be of. */
interface AskedFor {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly hint: string | undefined;
}

/** One that a body names, for a route that asks by itself. @throws EngineError FORBIDDEN, NOT_FOUND, USAGE */
export function applicationFor(
  request: Request,
  applications: ApplicationList,
  asked: AskedFor,
  action: string,
): KubeObject {
  const found = foundBy(callerOf(request), applications, asked, action);
  demandOf(callerOf(request), "applications", action, found);
  return found;
}

function foundBy(
  caller: Caller,
  applications: ApplicationList | undefined,
  { name, namespace, hint }: AskedFor,
  action: string,
): KubeObject {
  try {
    if (applications === undefined) throw new EngineError("NOT_FOUND", "there are no Applications here");
    const found = findApplication(applications, name, namespace);
    if (hint === undefined || projectOf(found.spec) === hint) return found;
    throw new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found`);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === "ENGINE_UNREACHABLE") throw error;
    if (caller.isRoot) throw error; // there is nothing that it may not see
    const isOpen = caller.may("applications", action, `${hint ?? "*"}/${name}`);
    // Several have the name: who may see all of them is told which.
    if (isOpen && (hint !== undefined || error.code === "USAGE")) throw error;
    throw forbidden(caller, "applications", action, `*/${name}`);
  }
}

function creates(request: Request): void {
  const { metadata, spec, operation } = bodyObject(request);
  const namespace = textParameter(request, "appNamespace"); // which goes before that of the object, as in the route
  const given = { ...objectOf(metadata), ...(namespace === undefined ? {} : { namespace }) } as KubeObject["metadata"];
  const application = { apiVersion: "", kind: "Application", metadata: given, spec: objectOf(spec) } as KubeObject;
  const caller = callerOf(request);
  demand(caller, "applications", "create", objectNameOf(application));
  if (operation === undefined || operation === null) return;
  // One that is made with an operation is synced at once: by whom, and of what, nobody would have asked.
  const message = "operation: is not taken with a new Application: sync it once it is there";
  throw new EngineError("USAGE", message);
}

/** Manifests of one's own, and, where the settings say so, another revision than the spec's. */
function overrides(request: Request, applications: ApplicationList | undefined): void {
  const body = bodyObject(request);
  const found = foundFor(request, applications, "sync");
  const isOther =
    isOn(request, "application.sync.requireOverridePrivilegeForRevisionSync") && asksForRevision(body, found);
  if (!isOther && objectsOrTexts(body.manifests) === 0) return;
  demand(callerOf(request), "applications", "override", objectNameOf(found));
}

function asksForRevision({ revision, revisions }: JsonObject, { spec }: KubeObject): boolean {
  const { source, sources } = objectOf(spec as JsonValue | undefined);
  const own = [objectOf(source), ...objectsOf(sources)].map(({ targetRevision }) => textOf(targetRevision) || "HEAD");
  const asked = [
    textOf(revision),
    ...(Array.isArray(revisions) ? revisions.map((one) => textOf(one as JsonValue)) : []),
  ];
  return asked.some((one) => one !== "" && !own.includes(one));
}

function objectsOrTexts(value: JsonValue | undefined): number {
  return Array.isArray(value) ? value.length : 0;
}

function onPart(request: Request, verb: "update" | "delete", applications: ApplicationList | undefined): void {
  const query = objectQueryOf(request);
  demandPart(callerOf(request), verb, foundFor(request, applications, partAction(verb, query)), query);
}

/**
 * One managed object: a right of its own, or that over the Application where the settings say so. A query may leave out the
 * namespace: who finds the object asks again, with the namespace that it has. @throws EngineError FORBIDDEN
 */
export function demandPart(
  caller: Caller,
  verb: "update" | "delete",
  application: KubeObject,
  query: ObjectQuery,
): void {
  const object = objectNameOf(application);
  const inherits = caller.setting("server.rbac.disableApplicationFineGrainedRBACInheritance").trim() === "false";
  if (inherits && caller.may("applications", verb, object)) return;
  demandOf(caller, "applications", partAction(verb, query), application);
}

function partAction(verb: "update" | "delete", { group, kind, namespace, name }: ObjectQuery): string {
  return `${verb}/${group}/${kind}/${namespace}/${name}`;
}

function actionOf(request: Request, form: "old" | "v2"): string {
  if (form === "old") {
    const { group, kind } = objectQueryOf(request);
    return `action/${group}/${kind}/${textOf(request.body as JsonValue)}`;
  }
  const { group, kind, action } = bodyObject(request);
  return `action/${textOf(group)}/${textOf(kind)}/${textOf(action)}`;
}

function isOn(request: Request, setting: string): boolean {
  return callerOf(request).setting(setting).trim() === "true";
}

function restOf(request: Request): string {
  return [(request.params as Readonly<Record<string, string | string[]>>).rest ?? ""].flat().join("/");
}
