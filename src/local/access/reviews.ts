import { type Instant, instant, isoTime } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { objectAt } from "../kinds.ts";
import { wholeSeconds } from "../metadata.ts";
import type { ResourceRequest, User } from "../request.ts";
import { apiVersionOf } from "../resources.ts";
import { badRequest } from "../status-error.ts";
import { defaultAudience } from "./account-tokens.ts";
import { authenticated, type FindUser } from "./authentication.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Attributes, PolicyRule } from "./rbac.ts";

export interface ReviewDeps {
  readonly authorizer: Authorizer;
  readonly findUser: FindUser;
}

/** Kinds that are answered, not stored. */
const answers: Readonly<Record<string, (deps: ReviewDeps, target: ResourceRequest, spec: JsonObject) => JsonObject>> = {
  SelfSubjectReview: (_deps, { user }) => ({ userInfo: userInfo(user) }),
  TokenReview: ({ findUser }, _target, spec) => tokenStatus(findUser(String(spec.token ?? "")), spec),
  SelfSubjectAccessReview: ({ authorizer }, { user }, spec) => accessStatus(authorizer, user, attributesIn(spec)),
  SubjectAccessReview: ({ authorizer }, _target, spec) => accessStatus(authorizer, userIn(spec), attributesIn(spec)),
  LocalSubjectAccessReview: ({ authorizer }, { namespace = "" }, spec) => {
    const wanted = attributesIn(spec);
    if (wanted.namespace !== namespace) {
      throw badRequest(`spec.resourceAttributes.namespace must match metadata.namespace: ${namespace}`);
    }
    return accessStatus(authorizer, userIn(spec), wanted);
  },
  SelfSubjectRulesReview: ({ authorizer }, { user }, spec) =>
    rulesStatus(authorizer.rulesOf(user, String(spec.namespace ?? ""))),
};

export function isReview(kind: string, group: string): boolean {
  return (group === "authorization.k8s.io" || group === "authentication.k8s.io") && Object.hasOwn(answers, kind);
}

/** The review as JSON, with its status. @throws StatusError 400 */
export function answerReview(deps: ReviewDeps, target: ResourceRequest, body: JsonObject): string {
  const { resource } = target;
  const spec = objectAt(body, "spec");
  const status = answers[resource.kind]?.(deps, target, spec) ?? {};
  const hasSpec = resource.kind !== "SelfSubjectReview";
  return JSON.stringify({
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: { creationTimestamp: null },
    ...(hasSpec ? { spec: hidden(spec) } : {}),
    status,
  });
}

/** A token is not sent back. */
function hidden(spec: JsonObject): JsonObject {
  const { token: _token, ...rest } = spec;
  return rest;
}

function userInfo({ name, groups }: User): JsonObject {
  return { username: name, groups };
}

function tokenStatus(user: User | undefined, spec: JsonObject): JsonObject {
  if (user === undefined) return { authenticated: false, error: "the token is not known, or no longer valid" };
  const audiences = Array.isArray(spec.audiences) && spec.audiences.length > 0 ? spec.audiences : [defaultAudience];
  return { authenticated: true, user: userInfo(user), audiences };
}

function userIn(spec: JsonObject): User {
  const groups = Array.isArray(spec.groups) ? spec.groups.map(String) : [];
  const name = String(spec.user ?? "");
  if (name === "" && groups.length === 0)
    throw badRequest("spec.user: Invalid value: at least one of user or group must be specified");
  return { name, groups: name === "" ? groups : [...groups, authenticated] };
}

function attributesIn(spec: JsonObject): Attributes {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const text = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");
  if (isJsonObject(nonResourceAttributes)) {
    const { path, verb } = nonResourceAttributes;
    return { verb: text(verb), group: "", resource: "", namespace: "", name: "", path: text(path) };
  }
  if (!isJsonObject(resourceAttributes)) {
    throw badRequest(
      "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified",
    );
  }
  const { verb, group, resource, subresource, namespace, name } = resourceAttributes;
  const part = text(subresource);
  return {
    verb: text(verb),
    group: text(group),
    resource: part === "" ? text(resource) : `${text(resource)}/${part}`,
    namespace: text(namespace),
    name: text(name),
  };
}

function accessStatus(authorizer: Authorizer, user: User, wanted: Attributes): JsonObject {
  const reason = authorizer.allows(user, wanted);
  if (reason === undefined) return { allowed: false };
  return { allowed: true, ...(reason === "" ? {} : { reason }) };
}

function rulesStatus(rules: readonly PolicyRule[]): JsonObject {
  const resourceRules = rules
    .filter(({ resources }) => resources.length > 0)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames }));
  const nonResourceRules = rules
    .filter(({ nonResourceURLs }) => nonResourceURLs.length > 0)
    .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
  return { resourceRules, nonResourceRules, incomplete: false };
}

const shortestTokenS = 600;
const longestTokenS = 365 * 24 * 3_600;

/** What a TokenRequest asks for. @throws StatusError 400 */
export function tokenWish(
  body: JsonObject,
  now: Instant,
): { readonly expiresAt: Instant; readonly audiences: readonly string[] } {
  const { expirationSeconds, audiences } = objectAt(body, "spec");
  const seconds = typeof expirationSeconds === "number" ? expirationSeconds : 3_600;
  if (seconds < shortestTokenS || seconds > longestTokenS) {
    throw badRequest(
      `spec.expirationSeconds: Invalid value: ${seconds}: must be between ${shortestTokenS} and ${longestTokenS}`,
    );
  }
  const given = Array.isArray(audiences) ? audiences.map(String) : [];
  return { expiresAt: instant(now + seconds * 1_000), audiences: given.length > 0 ? given : [defaultAudience] };
}

export function tokenAnswer(
  body: JsonObject,
  token: string,
  { expiresAt, audiences }: { readonly expiresAt: Instant; readonly audiences: readonly string[] },
): string {
  const expirationTimestamp = wholeSeconds(isoTime(expiresAt));
  return JSON.stringify({
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { creationTimestamp: null },
    spec: { ...objectAt(body, "spec"), audiences },
    status: { token, expirationTimestamp },
  });
}
