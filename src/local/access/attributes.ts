import type { ResourceRequest, User } from "../request.ts";
import { qualifiedName, StatusError } from "../status-error.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Attributes } from "./rbac.ts";

const verbs: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch" };

/** What a request on a kind wants to do. */
export function attributesOf(target: ResourceRequest): Attributes {
  const { resource, namespace = "", name = "", subresource } = target;
  // A namespace is in itself, so that a Role there can say something about it.
  const isNamespace = resource.group === "" && resource.plural === "namespaces";
  return {
    verb: verbOf(target),
    group: resource.group,
    resource: subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`,
    namespace: isNamespace ? name : namespace,
    name: name || selectedName(target.query),
  };
}

function verbOf({ request: { method }, query, name, subresource }: ResourceRequest): string {
  const isCollection = name === undefined;
  if (method === "DELETE") return isCollection ? "deletecollection" : "delete";
  if (method !== "GET" && method !== "HEAD") return verbs[method] ?? method.toLowerCase();
  if (subresource !== undefined) return "get";
  const watch = query.get("watch");
  if (watch === "" || watch === "1" || watch === "true") return "watch";
  return isCollection ? "list" : "get";
}

function selectedName(query: URLSearchParams): string {
  return /^metadata\.name==?([^,]+)$/.exec(query.get("fieldSelector") ?? "")?.[1] ?? "";
}

/** @throws StatusError 403 */
export function requireResource(authorizer: Authorizer, target: ResourceRequest): void {
  const wanted = attributesOf(target);
  if (authorizer.allows(target.user, wanted) !== undefined) return;
  const { resource, name = "" } = target;
  const subject = `${qualifiedName(resource)}${name === "" ? "" : ` "${name}"`}`;
  throw new StatusError(403, "Forbidden", `${subject} is forbidden: ${refusal(target.user, wanted)}`, {
    ...(name === "" ? {} : { name }),
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.plural,
  });
}

/** Paths that are no resources. @throws StatusError 403 */
export function requirePath(authorizer: Authorizer, user: User, method: string, path: string): void {
  const verb = method.toLowerCase();
  const wanted = { verb, group: "", resource: "", namespace: "", name: "", path };
  if (authorizer.allows(user, wanted) !== undefined) return;
  const message = `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}`;
  throw new StatusError(403, "Forbidden", message, {});
}

function refusal(user: User, { verb, group, resource, namespace }: Attributes): string {
  const place = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)}`;
  return `User ${JSON.stringify(user.name)} cannot ${verb} ${what} ${place}`;
}
