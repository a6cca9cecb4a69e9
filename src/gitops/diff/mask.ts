import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

interface SecretSides {
  readonly target: JsonObject;
  readonly live: JsonObject;
}

const shortestMask = 8;
const maskStep = 4;

/**
 * Both sides of a Secret with `data` masked, so that a change of a value is still seen: for each key the first value is
 * eight plus signs, each further one four more (spec argo-cd-engine 3.9).
 */
export function maskSecrets({ target, live }: SecretSides): SecretSides {
  const masks = new Map<string, Map<string, string>>();
  const maskOf = (key: string, value: JsonValue): string => {
    const known = masks.get(key) ?? new Map<string, string>();
    masks.set(key, known);
    const text = JSON.stringify(value);
    const mask = known.get(text) ?? "+".repeat(shortestMask + maskStep * known.size);
    known.set(text, mask);
    return mask;
  };
  const masked = (secret: JsonObject): JsonObject => {
    if (!isJsonObject(secret.data)) return secret;
    const data = Object.entries(secret.data).map(([key, value]) => [key, maskOf(key, value)]);
    return { ...secret, data: Object.fromEntries(data) };
  };
  return { target: masked(target), live: masked(live) };
}
