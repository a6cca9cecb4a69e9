import { createHmac, timingSafeEqual } from "node:crypto";
import type { Instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { User } from "../request.ts";
import { authenticated, groupsOfAccount } from "./authentication.ts";

/** Names the account and says until when; signed, so that nothing of it is stored. */
export interface AccountToken {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly expiresAt: Instant;
  readonly audiences: readonly string[];
}

export const defaultAudience = "https://kubernetes.default.svc";

const head = encode({ alg: "HS256", typ: "JWT" });

/** A JSON Web Token for a service account. @param secret of this control plane */
export function signAccountToken(secret: string, token: AccountToken, now: Instant): string {
  const { namespace, name, uid } = token;
  const payload = encode({
    iss: defaultAudience,
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud: token.audiences,
    iat: Math.floor(now / 1_000),
    exp: Math.floor(token.expiresAt / 1_000),
    "kubernetes.io": { namespace, serviceaccount: { name, uid } },
  });
  return `${head}.${payload}.${signature(secret, `${head}.${payload}`)}`;
}

/** Undefined for what is no token of ours, or is no longer valid. @param uidOf the account's uid now, while it is there */
export function userOfAccountToken(
  secret: string,
  text: string,
  now: Instant,
  uidOf: (namespace: string, name: string) => string | undefined,
): User | undefined {
  const [first, payload = "", signed = "", ...more] = text.split(".");
  if (first !== head || more.length > 0 || !isSame(signed, signature(secret, `${head}.${payload}`))) return undefined;
  const claims = parseJson(Buffer.from(payload, "base64url").toString()) as JsonObject;
  const place = claims["kubernetes.io"];
  const account = isJsonObject(place) && isJsonObject(place.serviceaccount) ? place.serviceaccount : {};
  const namespace = isJsonObject(place) ? String(place.namespace) : "";
  if (Number(claims.exp) * 1_000 <= now || uidOf(namespace, String(account.name)) !== account.uid) return undefined;
  const name = String(claims.sub);
  return { name, groups: [...groupsOfAccount(name), authenticated] };
}

function signature(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
