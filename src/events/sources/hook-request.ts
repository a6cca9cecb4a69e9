import { createHash, timingSafeEqual } from "node:crypto";
import { type JsonValue, parseSentJson } from "../../base/json.ts";
import type { IngressRequest, IngressResponse } from "./source.ts";

/** What is read from requests of all HTTP kinds. */

/** In the same time whatever differs; also for different lengths. */
export function isSameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const authorizationMask = ["*** Masked Auth Secret ***"];

/** The headers as events show them. */
export function maskedHeaders(headers: IngressRequest["headers"]): IngressRequest["headers"] {
  return headers.Authorization?.[0] ? { ...headers, Authorization: authorizationMask } : headers;
}

/** The first value of a header; a name as canonical MIME headers have it. Empty when there is none, as Go's `Get`. */
export function headerOf({ headers }: Pick<IngressRequest, "headers">, name: string): string {
  return headers[name]?.[0] ?? "";
}

/** `application/json; charset=utf-8` → `application/json`. */
export function mediaTypeOf(request: Pick<IngressRequest, "headers">): string {
  return (headerOf(request, "Content-Type").split(";")[0] ?? "").trim().toLowerCase();
}

/** Undefined for what is no JSON, or nested too deeply. */
export function readJson(text: string): JsonValue | undefined {
  try {
    return parseSentJson(text);
  } catch {
    return undefined;
  }
}

export function refuse(status: number, text: string): { readonly refused: IngressResponse } {
  return { refused: { status, text } };
}
