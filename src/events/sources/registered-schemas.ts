import { rootCertificates } from "node:tls";
import { type AvroNames, type AvroType, parseAvroSchema } from "../../base/avro-schema.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import { readBasicAuth, readClientTls, type TlsSpec } from "./client-tls.ts";
import type { ClientTls, OutgoingFetch, SecretKeySelector, SecretReader } from "./source.ts";

/** A spec's `schemaRegistry` (spec argo-events 1.5). */
export interface RegistrySpec {
  readonly url?: string;
  readonly auth?: { readonly username?: SecretKeySelector; readonly password?: SecretKeySelector };
}

/** With what a registry is asked. */
export interface RegistryAccess {
  /** The spec's place in its manifest. */
  readonly path: string;
  readonly fetch: OutgoingFetch;
  readonly secret: SecretReader;
  readonly clock: Clock;
}

export type RegisteredSchema = { readonly format: "AVRO"; readonly type: AvroType } | { readonly format: "JSON" };

/** How many schemas are remembered: ids do not change their meaning. */
export const maxSchemas = 1_000;
const maxReferences = 100;
/** A registry's followers learn of a new schema a little later than the producer that registered it. */
const attempts = 3;
const againMs = 500;

/**
 * The schema of an id, with those of other subjects that it refers to. `tls` of the brokers holds for the registry, too,
 * but for the client's certificate: it has none of its own.
 * @throws EngineError AVRO_FAILED: there is none that can be read; SOURCE_FAILED, HTTP_FAILED: the registry does not say,
 * so it has to be asked again; TerminalError MANIFEST_INVALID
 */
export async function fetchSchema(
  id: number,
  spec: RegistrySpec,
  tls: TlsSpec | undefined,
  access: RegistryAccess,
  signal: AbortSignal,
): Promise<RegisteredSchema> {
  const ask = createAsk(spec, tls, access, signal);
  const found = await askAgain(`/schemas/ids/${id}`, ask, access, signal);
  if (!found) throw unreadable(`the registry has no schema ${id}`);
  const { schema, schemaType = "AVRO" } = found;
  if (schemaType === "JSON") return { format: "JSON" };
  if (schemaType !== "AVRO" || typeof schema !== "string") {
    throw unreadable(`the schema ${id} is of the type ${JSON.stringify(schemaType)}, not AVRO or JSON`);
  }
  const names: AvroNames = new Map();
  await loadReferences(found, names, ask, new Set());
  return { format: "AVRO", type: parseAvroSchema(schema, names) };
}

/** The JSON of an answer; undefined where the registry says that it knows no such schema. */
type Ask = (path: string) => Promise<JsonObject | undefined>;

function createAsk(
  { url = "", auth }: RegistrySpec,
  tls: TlsSpec | undefined,
  { path: place, fetch, secret }: RegistryAccess,
  signal: AbortSignal,
): Ask {
  checkRegistryUrl(url, place);
  const base = url.replace(/\/+$/, "");
  const { host } = new URL(url);
  return async (path) => {
    const login = await readBasicAuth(auth, secret);
    const authorization = login && Buffer.from(`${login.username}:${login.password}`).toString("base64");
    const headers = {
      accept: "application/vnd.schemaregistry.v1+json, application/json",
      ...(authorization && { authorization: `Basic ${authorization}` }),
    };
    const trust = tls && registryTls(await readClientTls(tls, secret));
    const request = { method: "GET", url: `${base}${path}`, headers, ...(trust && { tls: trust }) };
    const { status, text } = await fetch(request, signal);
    const answer = readAnswer(text);
    // Its own number for an unknown schema, subject or version: another 404 is of something that is no registry.
    if (status === 404 && /^404\d\d$/.test(String(answer?.error_code ?? ""))) return undefined;
    if (status === 200 && answer) return answer;
    const reason = status === 200 ? "what is no JSON" : `status ${status}`;
    throw new EngineError("SOURCE_FAILED", `the schema registry at ${host} answered ${path} with ${reason}`);
  };
}

/** `place`: of the registry's spec. @throws TerminalError MANIFEST_INVALID */
export function checkRegistryUrl(url: string, place: string): void {
  if (URL.canParse(url)) return;
  throw new TerminalError(
    "MANIFEST_INVALID",
    `${place}.url: ${JSON.stringify(url)} must be a URL, such as https://host:8081`,
  );
}

function readAnswer(text: string): JsonObject | undefined {
  try {
    const answer: JsonValue = parseJson(text);
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** A private authority comes to those that everybody trusts: the registry may be another's than the brokers. */
function registryTls({ ca, rejectUnauthorized }: ClientTls): ClientTls {
  if (rejectUnauthorized === false) return { rejectUnauthorized };
  return ca === undefined ? {} : { ca: [...rootCertificates, ca].join("\n") };
}

async function askAgain(
  path: string,
  ask: Ask,
  { clock }: RegistryAccess,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask(path);
    if (answer || attempt === attempts) return answer;
    await sleepFor(clock, againMs, signal);
  }
}

/** Types of other subjects that a schema refers to, those that they refer to first. */
async function loadReferences(
  { references }: JsonObject,
  names: AvroNames,
  ask: Ask,
  seen: Set<string>,
): Promise<void> {
  for (const reference of Array.isArray(references) ? references : []) {
    const { subject, version } = isJsonObject(reference) ? reference : {};
    const path = `/subjects/${encodeURIComponent(String(subject))}/versions/${encodeURIComponent(String(version))}`;
    if (seen.has(path)) continue;
    seen.add(path);
    if (seen.size > maxReferences) throw unreadable(`its schema refers to more than ${maxReferences} others`);
    const found = await ask(path);
    if (typeof found?.schema !== "string") throw unreadable(`the registry has no schema ${subject} ${version}`);
    await loadReferences(found, names, ask, seen);
    parseAvroSchema(found.schema, names);
  }
}

function unreadable(reason: string): EngineError {
  return new EngineError("AVRO_FAILED", reason);
}
