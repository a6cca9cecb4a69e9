import type { Request } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { parseLabelSelector, SelectorError } from "../objects/selector.ts";
import type { ResourceName } from "../record/records.ts";
import { callerOf } from "./access/caller.ts";

/** A name without a namespace means this one first. */
export const controllerNamespace = "argocd";

/** Where Applications are found. */
export interface ApplicationList {
  list(): readonly KubeObject[];
  find(namespace: string, name: string): KubeObject | undefined;
}

/**
 * Without a namespace: that of the controller, else the only Application of this name.
 * @throws EngineError NOT_FOUND; USAGE that names the candidates
 */
export function findApplication(
  applications: ApplicationList,
  name: string,
  namespace: string | undefined,
): KubeObject {
  const exact = applications.find(namespace ?? controllerNamespace, name);
  if (exact) return exact;
  const named = namespace === undefined ? applications.list().filter(({ metadata }) => metadata.name === name) : [];
  const [only, ...others] = named;
  if (only && others.length === 0) return only;
  if (only === undefined) {
    const where = namespace === undefined ? "" : ` in namespace "${namespace}"`;
    throw new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found${where}`);
  }
  const candidates = named.map(qualifiedName).toSorted().join(", ");
  throw new EngineError("USAGE", `there is more than one Application "${name}": name one of ${candidates}`);
}

/** What is asked for, of what the caller may see. */
export function filterOf(request: Request): (application: KubeObject) => boolean {
  const projects = [...textParameters(request, "projects"), ...textParameters(request, "project")];
  const namespace = textParameter(request, "appNamespace");
  const name = textParameter(request, "name");
  const repo = textParameter(request, "repo");
  const matches = selectorOf(textParameter(request, "selector") ?? "");
  return (application) => {
    const { metadata, spec } = application;
    return (
      (projects.length === 0 || projects.includes(projectOf(spec))) &&
      (namespace === undefined || metadata.namespace === namespace) &&
      (name === undefined || metadata.name === name) &&
      (repo === undefined || reposOf(spec).includes(repo)) &&
      matches(metadata.labels ?? {}) &&
      callerOf(request).may("applications", "get", objectNameOf(application))
    );
  };
}

function selectorOf(text: string): ReturnType<typeof parseLabelSelector> {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new EngineError("USAGE", `selector: ${error.message}`, error);
    throw error;
  }
}

export function projectOf(spec: unknown): string {
  return isJsonObject(spec) ? textOf(spec.project) || "default" : "default";
}

/** As the policy names it (spec argo-cd-surface 3.3): the namespace only where it is not the controller's. */
export function objectNameOf({ metadata: { namespace = controllerNamespace, name = "" }, spec }: KubeObject): string {
  const project = projectOf(spec);
  return namespace === controllerNamespace ? `${project}/${name}` : `${project}/${namespace}/${name}`;
}

function reposOf(spec: unknown): string[] {
  if (!isJsonObject(spec)) return [];
  const sources = Array.isArray(spec.sources) ? spec.sources : [spec.source];
  return sources.map((source) => textOf(objectOf(source).repoURL));
}

/** Who wrote which field is of no use to people, and half of every answer. */
export function shown(application: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = application.metadata;
  return { ...application, metadata };
}

export function byName(a: KubeObject, b: KubeObject): number {
  return order(a.metadata.name, b.metadata.name) || order(a.metadata.namespace, b.metadata.namespace);
}

function order(a = "", b = ""): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const maxPage = 10_000;

/** Empty on the last page. */
interface PageMetadata {
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/**
 * A page of what is in order: `limit` of them after the one that `continue` names, as Kubernetes' lists have it; without
 * `limit` all that is left. What comes or goes meanwhile neither repeats nor hides others.
 * @throws EngineError USAGE
 */
export function pageOf(
  request: Request,
  sorted: readonly KubeObject[],
): { readonly items: readonly KubeObject[]; readonly metadata: PageMetadata } {
  const [limitText, token] = [textParameter(request, "limit"), textParameter(request, "continue")];
  const limit = limitText === undefined ? maxPage : Number(limitText);
  if (!Number.isInteger(limit) || limit < 0 || limit > maxPage) {
    throw new EngineError("USAGE", `limit: "${limitText}" must be 0 to ${maxPage}`);
  }
  const last = token === undefined ? undefined : lastOf(token);
  const left = last === undefined ? sorted : sorted.filter((one) => byName(one, last) > 0);
  const isWhole = limitText === undefined || limit === 0 || left.length <= limit;
  if (isWhole) return { items: left, metadata: {} };
  const items = left.slice(0, limit);
  const { name, namespace } = items.at(-1)?.metadata ?? {};
  const next = Buffer.from(JSON.stringify([name, namespace])).toString("base64url");
  return { items, metadata: { continue: next, remainingItemCount: left.length - limit } };
}

function lastOf(token: string): KubeObject {
  try {
    const [name, namespace] = JSON.parse(Buffer.from(token, "base64url").toString()) as [unknown, unknown];
    if (typeof name === "string" && typeof namespace === "string") {
      return { apiVersion: "", kind: "", metadata: { name, namespace } };
    }
  } catch {
    // said below, with what was expected
  }
  throw new EngineError("USAGE", `continue: "${token}" must be what the page before it gave`);
}

/** The cache has no version of its own: that of its newest object. */
export function newestOf(applications: readonly KubeObject[]): string {
  const versions = applications.map(({ metadata }) => Number(metadata.resourceVersion ?? 0));
  return String(Math.max(0, ...versions.filter(Number.isSafeInteger)));
}

export function refOf({ metadata }: KubeObject): ResourceName {
  return { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
}

function qualifiedName(application: KubeObject): string {
  const { namespace, name } = refOf(application);
  return `${namespace}/${name}`;
}

/**
 * The namespace of the Application that is asked for: `appNamespace` of the query, or of the body. The rights and the routes
 * both ask here: who may act on one Application must not act on another by naming it in the other place.
 */
export function appNamespaceOf(request: Request): string | undefined {
  const { body } = request as { readonly body?: unknown };
  const inBody = isJsonObject(body) ? textOf(body.appNamespace) || undefined : undefined;
  return textParameter(request, "appNamespace") ?? inBody;
}

export function textParameter(request: Request, name: string): string | undefined {
  const [value, ...more] = textParameters(request, name);
  if (more.length > 0) throw new EngineError("USAGE", `${name}: must be given once`);
  return value;
}

/** Those that are not empty. */
export function textParameters(request: Request, name: string): string[] {
  const value = request.query[name];
  const texts = (Array.isArray(value) ? value : [value]).filter((one) => one !== undefined && one !== "");
  if (texts.every((one) => typeof one === "string")) return texts;
  throw new EngineError("USAGE", `${name}: must be a text`);
}

/** Which object of an Application: `version` and `namespace` may be empty. */
export interface ObjectQuery {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** By `group`, `version`, `kind`, `namespace` and `resourceName` of the query. */
export function objectQueryOf(request: Request): ObjectQuery {
  const text = (name: string): string => textParameter(request, name) ?? "";
  return {
    group: text("group"),
    version: text("version"),
    kind: text("kind"),
    namespace: text("namespace"),
    name: text("resourceName"),
  };
}
