import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** A plan as it may be shown: values of Secrets and passwords in URLs as hashes, texts that stand there twice once. */
export function hideSecrets(plan: unknown): JsonValue {
  return hide(JSON.parse(JSON.stringify(plan ?? null)) as JsonValue);
}

function hide(value: JsonValue): JsonValue {
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) return value.map(hide);
  if (!isJsonObject(value)) return value;
  const isSecret = value.kind === "Secret" && typeof value.apiVersion === "string";
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "bodyPreview")
      .map(([key, child]) => [
        key,
        isSecret && (key === "data" || key === "stringData") && isJsonObject(child) ? hashed(child) : hide(child),
      ]),
  );
}

function hashed(values: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, hashText(JSON.stringify(value))]));
}

function hashText(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

/** `scheme://user:password@host`, wherever it stands. */
function withoutPassword(text: string): string {
  return text.replace(
    /([a-z][a-z0-9+.-]*:\/\/[^/\s:@]*):([^/\s@]+)@/gi,
    (_, before: string, password: string) => `${before}:${hashText(password)}@`,
  );
}
