import { createHash } from "node:crypto";
import type { User } from "./request.ts";
import { forbidden, unauthorized } from "./status-error.ts";

export interface TokenUser extends User {
  readonly token: string;
}

const admins = "system:masters";

/** Who sends a request with these headers. @throws StatusError 401, 403 (impersonation by others than admins) */
export type Authenticate = (headers: Headers) => User;

export function createAuthentication(users: readonly TokenUser[]): Authenticate {
  // Looked up by digest, so that the time it takes says nothing about the token.
  const byDigest = new Map(users.map((user) => [digest(user.token), user]));
  return (headers) => {
    const token = /^Bearer\s+(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    const user = token === undefined ? undefined : byDigest.get(digest(token));
    if (user === undefined) throw unauthorized();
    return impersonated(headers, user);
  };
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

function impersonated(headers: Headers, user: User): User {
  const name = headers.get("impersonate-user");
  const groups = headers.get("impersonate-group");
  if (name === null && groups === null) return { name: user.name, groups: user.groups };
  if (!user.groups.includes(admins)) {
    throw forbidden(
      `users "${name ?? ""}" is forbidden: User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`,
    );
  }
  if (name === null) throw forbidden("Impersonate-Group needs Impersonate-User");
  return { name, groups: [...(groups?.split(",").map((group) => group.trim()) ?? []), "system:authenticated"] };
}
