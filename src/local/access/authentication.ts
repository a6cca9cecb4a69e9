import { hash } from "node:crypto";
import type { User } from "../request.ts";
import { forbidden, unauthorized } from "../status-error.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Attributes } from "./rbac.ts";

export interface TokenUser extends User {
  readonly token: string;
}

/** Whose token it is; undefined for nobody's. */
export type FindUser = (token: string) => User | undefined;

export const authenticated = "system:authenticated";

/** The users that were given, by their tokens. */
export function userTokens(users: readonly TokenUser[]): FindUser {
  // Looked up by digest, so that the time it takes says nothing about the token.
  const byDigest = new Map(users.map((user) => [digest(user.token), user]));
  return (token) => {
    const user = byDigest.get(digest(token));
    return user && { name: user.name, groups: [...new Set([...user.groups, authenticated])] };
  };
}

function digest(token: string): string {
  return hash("sha256", token, "base64");
}

/** Who sends a request with these headers. @throws StatusError 401, 403 (impersonation without the right) */
export function authenticate(headers: Headers, findUser: FindUser, authorizer: Authorizer): User {
  const token = /^Bearer\s+(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const user = token === undefined ? undefined : findUser(token);
  if (user === undefined) throw unauthorized();
  return impersonated(headers, user, authorizer);
}

function impersonated(headers: Headers, user: User, authorizer: Authorizer): User {
  const name = headers.get("impersonate-user");
  const groups = (headers.get("impersonate-group") ?? "").split(",").flatMap((group) => group.trim() || []);
  if (name === null && groups.length === 0) return user;
  if (name === null) throw forbidden("Impersonate-Group needs Impersonate-User");
  requireImpersonation(authorizer, user, accountOf(name) ?? { resource: "users", namespace: "", name });
  for (const group of groups)
    requireImpersonation(authorizer, user, { resource: "groups", namespace: "", name: group });
  const own = groups.length > 0 ? groups : groupsOfAccount(name);
  const anonymous = name === "system:anonymous" ? "system:unauthenticated" : authenticated;
  return { name, groups: [...new Set([...own, anonymous])], impersonator: user };
}

function accountOf(user: string): Pick<Attributes, "resource" | "namespace" | "name"> | undefined {
  const [, namespace = "", name = ""] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return name === "" ? undefined : { resource: "serviceaccounts", namespace, name };
}

/** That every service account is in. */
export function groupsOfAccount(user: string): readonly string[] {
  const account = accountOf(user);
  return account === undefined ? [] : ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`];
}

function requireImpersonation(
  authorizer: Authorizer,
  user: User,
  wanted: Pick<Attributes, "resource" | "namespace" | "name">,
): void {
  if (authorizer.allows(user, { verb: "impersonate", group: "", ...wanted }) !== undefined) return;
  const place = wanted.namespace === "" ? "at the cluster scope" : `in the namespace "${wanted.namespace}"`;
  throw forbidden(
    `${wanted.resource} "${wanted.name}" is forbidden: User "${user.name}" cannot impersonate resource "${wanted.resource}" in API group "" ${place}`,
  );
}
