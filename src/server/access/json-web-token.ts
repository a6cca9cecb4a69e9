import { createHmac, timingSafeEqual } from "node:crypto";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** Longer ones are not looked at. */
const maxLength = 16 * 1024;

/** A JSON Web Token, signed with HMAC-SHA256. */
export function signToken(claims: JsonObject, key: Uint8Array): string {
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${body}.${signatureOf(body, key)}`;
}

/**
 * What a token says that `key` signed with HMAC-SHA256 and that is valid at `nowS`, in seconds since 1970.
 * @throws EngineError UNAUTHORIZED, which does not hold the token
 */
export function verifyToken(token: string, key: Uint8Array, nowS: number): JsonObject {
  const [head = "", body = "", signature = "", ...more] = token.length > maxLength ? [] : token.split(".");
  if (signature === "" || more.length > 0 || decode(head)?.alg !== "HS256" || key.length === 0) {
    throw refused("it is none of this server");
  }
  const wanted = Buffer.from(signatureOf(`${head}.${body}`, key));
  const given = Buffer.from(signature);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw refused("its signature is wrong");
  const claims = decode(body) ?? {};
  const { exp, nbf } = claims;
  if (exp !== undefined && !(typeof exp === "number" && nowS < exp)) throw refused("it has expired");
  if (nbf !== undefined && !(typeof nbf === "number" && nbf <= nowS)) throw refused("it is not valid yet");
  return claims;
}

export function refused(why: string): EngineError {
  return new EngineError("UNAUTHORIZED", `invalid session: the token is refused: ${why}`);
}

function signatureOf(text: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // no JSON: it is refused as any other
  }
}
