import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

import { lastAppliedAnnotation } from "./normalize.ts";

interface SecretSides {
  readonly target: JsonObject;
  readonly live: JsonObject;
}

interface MaskOptions {
  /** Names of annotations whose values are masked, too. */
  readonly annotations?: readonly string[];
}

const shortestMask = 8;
const maskStep = 4;

/**
 * Both sides of a Secret with `data` masked, so that a change of a value is still seen: for each key the first value is
 * eight plus signs, each further one four more (spec argo-cd-engine 3.9), in the order target, live, and then what
 * `kubectl apply` noted of each.
 */
export function maskSecrets({ target, live }: SecretSides, options: MaskOptions = {}): SecretSides {
  const masks = createMasks();
  const names = options.annotations ?? [];
  const withData = [target, live].map((secret) => maskedData(secret, masks));
  const withNames = withData.map((secret) =>
    withAnnotations(
      secret,
      (name) => names.includes(name),
      (name, value) => masks.of(`annotation ${name}`, value),
    ),
  );
  const [shown = {}, found = {}] = withNames.map((secret) =>
    withAnnotations(
      secret,
      (name) => name === lastAppliedAnnotation,
      (_name, value) => maskedApplied(value, names, masks),
    ),
  );
  return { target: shown, live: found };
}

interface Masks {
  ofAll(data: JsonObject): JsonObject;
  of(key: string, value: JsonValue): string;
}

function createMasks(): Masks {
  const known = new Map<string, Map<string, string>>();
  const of = (key: string, value: JsonValue): string => {
    const values = known.get(key) ?? new Map<string, string>();
    known.set(key, values);
    const text = JSON.stringify(value);
    const mask = values.get(text) ?? "+".repeat(shortestMask + maskStep * values.size);
    values.set(text, mask);
    return mask;
  };
  return {
    of,
    ofAll: (data) => Object.fromEntries(Object.entries(data).map(([key, value]) => [key, of(key, value)])),
  };
}

function maskedData(secret: JsonObject, masks: Masks): JsonObject {
  return isJsonObject(secret.data) ? { ...secret, data: masks.ofAll(secret.data) } : secret;
}

/** With other values of some annotations. */
function withAnnotations(
  secret: JsonObject,
  isMeant: (name: string) => boolean,
  masked: (name: string, value: JsonValue) => JsonValue,
): JsonObject {
  const { metadata } = secret;
  if (!isJsonObject(metadata) || !isJsonObject(metadata.annotations)) return secret;
  const entries = Object.entries(metadata.annotations).map(([name, value]): [string, JsonValue] => {
    return [name, isMeant(name) ? masked(name, value) : value];
  });
  return { ...secret, metadata: { ...metadata, annotations: Object.fromEntries(entries) } };
}

/** `kubectl apply` keeps the whole Secret in an annotation, as it was written. */
function maskedApplied(value: JsonValue | undefined, names: readonly string[], masks: Masks): JsonValue {
  const applied = typeof value === "string" ? parsed(value) : undefined;
  if (applied === undefined) return "+".repeat(shortestMask);
  const { stringData, ...rest } = applied;
  const given = isJsonObject(stringData) ? Object.entries(stringData) : [];
  const encoded = given.map(([key, text]) => [key, Buffer.from(String(text)).toString("base64")] as const);
  const data = { ...(isJsonObject(rest.data) ? rest.data : {}), ...Object.fromEntries(encoded) };
  const hasData = isJsonObject(rest.data) || given.length > 0;
  const shown = hasData ? maskedData({ ...rest, data }, masks) : rest;
  const ofNames = (name: string, one: JsonValue): JsonValue => masks.of(`annotation ${name}`, one);
  return JSON.stringify(withAnnotations(shown, (name) => names.includes(name), ofNames));
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
