import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { JsonSchema, Problem } from "../base/schema.ts";
import { listOf, objectOf, textOf } from "./fields.ts";
import { saslMechanisms } from "./value-schemas.ts";

/**
 * Rules of the values that specs share (spec argo-events 1.4, 1.5). `severity` is an error where the original checks at
 * admission, and a warning where it finds out only at run time.
 */
type Severity = Problem["severity"];

export function checkTls(tls: JsonValue | undefined, path: string, severity: Severity): Problem[] {
  if (!isJsonObject(tls) || tls.insecureSkipVerify === true) return [];
  const [ca, cert, key] = [tls.caCertSecret, tls.clientCertSecret, tls.clientKeySecret].map(isJsonObject);
  if (!ca && !cert && !key && tls.enabled !== true) {
    const message = "configure either caCertSecret, or clientCertSecret and clientKeySecret, or both";
    return [{ severity, path, message: `invalid tls config, please ${message}` }];
  }
  if (cert === key) return [];
  const message = "invalid tls config: clientCertSecret and clientKeySecret must be given together";
  return [{ severity, path: `${path}.${cert ? "clientKeySecret" : "clientCertSecret"}`, message }];
}

export function checkBasicAuth(auth: JsonValue | undefined, path: string, severity: Severity): Problem[] {
  return isJsonObject(auth) ? missing(auth, ["username", "password"], path, severity) : [];
}

export function checkSasl(sasl: JsonValue | undefined, path: string, severity: Severity): Problem[] {
  if (!isJsonObject(sasl)) return [];
  const mechanism = textOf(sasl.mechanism);
  const known: readonly string[] = ["", ...saslMechanisms];
  const message = `invalid sasl config: "${mechanism}" must be one of ${saslMechanisms.join(", ")}`;
  return [
    ...(known.includes(mechanism) ? [] : [{ severity, path: `${path}.mechanism`, message }]),
    ...missing(sasl, ["userSecret", "passwordSecret"], path, severity),
  ];
}

function missing(object: JsonObject, fields: readonly string[], path: string, severity: Severity): Problem[] {
  return fields
    .filter((field) => object[field] === undefined)
    .map((field) => ({ severity, path: `${path}.${field}`, message: "is required" }));
}

/** Selectors of Secrets and ConfigMaps without a name or key: what they name cannot be read. */
export function checkSelectors(value: JsonValue | undefined, schema: JsonSchema, path: string): Problem[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? listOf(value).flatMap((item, index) => checkSelectors(item, items, `${path}[${index}]`)) : [];
  }
  if (!isJsonObject(value) || !schema.properties) return [];
  if (isSelector(schema)) {
    return ["name", "key"]
      .filter((field) => textOf(value[field]) === "")
      .map((field) => ({ severity: "warning", path: `${path}.${field}`, message: "is missing: nothing can be read" }));
  }
  return Object.entries(schema.properties).flatMap(([field, of]) =>
    checkSelectors(objectOf(value)[field], of, `${path}.${field}`),
  );
}

function isSelector({ properties }: JsonSchema): boolean {
  return ["name", "key", "optional"].every((field) => properties?.[field] !== undefined);
}
