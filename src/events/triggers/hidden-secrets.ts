import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { formatYaml, parseYaml } from "../../base/yaml.ts";
import { secretHash } from "./secret-hash.ts";

/**
 * What people are shown of plans, previews and errors: secrets as hashes, by which a change is still seen. It learns what
 * is secret from what it hides and from `learn`, and finds that in texts, too.
 */
export interface SecretHider {
  /** `secret` was read: no text shows it from now on. */
  learn(secret: string): void;
  /** Plain JSON; texts that stand in a plan twice once. */
  hide(value: unknown): JsonValue;
  text(text: string): string;
}

/** Shorter ones stand in texts by chance. */
const minLearned = 6;
const maxLearned = 1_000;

export function createSecretHider(): SecretHider {
  const learned = new Set<string>();
  const learn = (secret: string): void => {
    const trimmed = secret.trim();
    if (trimmed.length >= minLearned && learned.size < maxLearned) learned.add(trimmed);
  };
  const text = (shown: string): string => {
    let hidden = shown;
    for (const secret of [...learned].sort((a, b) => b.length - a.length)) {
      hidden = hidden.replaceAll(secret, hashText(secret));
    }
    return withoutCredentials(hidden);
  };
  return {
    learn,
    text,
    // Twice: what the first finds may stand elsewhere, too.
    hide: (value) => mapTexts(hide(toJson(value), learn), text),
  };
}

/** Values of a Secret of Kubernetes wherever one stands in `value`, as hashes. */
export function hideSecrets(value: unknown): JsonValue {
  return createSecretHider().hide(value);
}

function toJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value ?? null)) as JsonValue;
}

type Learn = (secret: string) => void;

function hide(value: JsonValue, learn: Learn): JsonValue {
  if (typeof value === "string") return withoutManifest(value, learn);
  if (Array.isArray(value)) return value.map((item) => hide(item, learn));
  if (!isJsonObject(value)) return value;
  const isSecret = value.kind === "Secret";
  const changesSecret = isJsonObject(value.ref) && value.ref.kind === "Secret";
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "bodyPreview")
      .map(([key, child]) => {
        if (isSecret && (key === "data" || key === "stringData")) return [key, hashed(child, learn)];
        if (changesSecret && key === "patch" && Array.isArray(child)) return [key, hashedPatch(child, learn)];
        if (key === "headers" && isJsonObject(child)) return [key, hashedHeaders(child, learn)];
        return [key, hide(child, learn)];
      }),
  );
}

function hashed(value: JsonValue, learn: Learn): JsonValue {
  if (Array.isArray(value)) return value.map((item) => hashed(item, learn));
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, hashed(child, learn)]));
  if (value === null) return value;
  const secret = typeof value === "string" ? value : JSON.stringify(value);
  learn(secret);
  const decoded = Buffer.from(secret, "base64");
  if (decoded.toString("base64") === secret) learn(decoded.toString("utf8"));
  return hashText(secret);
}

/** Operations of a JSON patch of a Secret. */
function hashedPatch(operations: readonly JsonValue[], learn: Learn): JsonValue {
  return operations.map((operation) => {
    if (!isJsonObject(operation) || operation.value === undefined) return operation;
    const isOfData = /^(?:$|\/$|\/data|\/stringData)/.test(String(operation.path));
    return { ...operation, value: isOfData ? hashed(operation.value, learn) : hide(operation.value, learn) };
  });
}

const credentialName =
  /auth(?!or(?:s|-|$))|cookie|token|secret|passw|credential|signature|api-?key|access-?key|^x-.*key$/i;

function hashedHeaders(headers: JsonObject, learn: Learn): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      credentialName.test(name) ? hashed(value, learn) : hide(value, learn),
    ]),
  );
}

/** A Secret as text: the body of a request, what `kubectl apply` noted, a key of a ConfigMap; also in base64. */
function withoutManifest(text: string, learn: Learn): string {
  if (/^[A-Za-z0-9+/]{24,}={0,2}$/.test(text)) {
    return isManifest(Buffer.from(text, "base64").toString("utf8")) ? hashText(text) : text;
  }
  if (!isManifest(text)) return text;
  try {
    const documents = (isJson(text) ? [JSON.parse(text)] : parseYaml(text)) as readonly JsonValue[];
    const shown = documents.map((document) => hide(toJson(document), learn));
    if (JSON.stringify(shown) === JSON.stringify(documents)) return text;
    return isJson(text) ? JSON.stringify(shown[0]) : shown.map((document) => formatYaml(document)).join("---\n");
  } catch {
    return hashText(text); // cut off or half a template: not known what of it is secret
  }
}

const secretKind = /["']?kind["']?\s*:\s*["']?Secret["']?\s*(?:[,}\n#]|$)/;

function isManifest(text: string): boolean {
  return secretKind.test(text) && /(?:stringD|d)ata/.test(text);
}

function isJson(text: string): boolean {
  return /^\s*[{[]/.test(text);
}

function mapTexts(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, mapTexts(child, change)]));
}

/**
 * Passwords and tokens in addresses, wherever they stand: `scheme://user:password@host`, `user:password@host:port`,
 * `https://token@host`, `?token=`.
 */
function withoutCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^/\s:@]*):([^/\s@]+)@/gi, (_, before: string, password: string) => {
      return `${before}:${hashText(password)}@`;
    })
    .replace(/(^|[\s,"'])([^\s,"'/:@]+):([^\s,"'/@]+)@(?=[^\s,"'/:@]+:\d{1,5}(?!\w))/g, (_, ...parts: string[]) => {
      const [before = "", user = "", password = ""] = parts;
      return `${before}${user}:${hashText(password)}@`;
    })
    .replace(/((?:https?|nats):\/\/)([^/\s:@?#]+)@/gi, (_, scheme: string, token: string) => {
      return `${scheme}${hashText(token)}@`;
    })
    .replace(secretQuery, (_, name: string, value: string) => name + hashText(value));
}

const secretQuery =
  /([?&](?:[\w.-]*(?:token|secret|passw|signature|credential|api-?key|access-?key)[\w.-]*|key|code|sig)=)([^&\s#"']+)/gi;

/** What is a hash already stays. */
function hashText(secret: string): string {
  return /^sha256:[0-9a-f]{16}$/.test(secret) ? secret : `sha256:${secretHash(secret)}`;
}
