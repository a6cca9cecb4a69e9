import { rootCertificates } from "node:tls";
import { decodeAvro } from "../../base/avro.ts";
import { type AvroNames, parseAvroSchema } from "../../base/avro-schema.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import { readBasicAuth, readClientTls, type TlsSpec } from "./client-tls.ts";
import type { ClientTls, SecretKeySelector, SourceContext } from "./source.ts";

interface RegistrySpec {
  readonly url?: string;
  readonly auth?: { readonly username?: SecretKeySelector; readonly password?: SecretKeySelector };
}

export interface SchemaRegistry {
  /**
   * The value of a message in Confluent's format: a zero, the id of its schema in four bytes, and the value in Avro or JSON.
   * @throws EngineError AVRO_FAILED: the message cannot be read, now or later; SOURCE_FAILED, HTTP_FAILED: the registry does
   * not say its schema, so it has to be asked again
   */
  read(message: Buffer): Promise<JsonValue>;
}

type Decoder = (value: Buffer) => JsonValue;

/** Ids do not change their meaning; the oldest are forgotten. */
const maxSchemas = 1_000;
const maxReferences = 100;
/** A registry's followers learn of a new schema a little later than the producer that registered it. */
const attempts = 3;
const againMs = 500;

/** `tls` of the brokers holds for the registry, too, but for the client's certificate: it has none of its own. */
export function createSchemaRegistry(
  spec: RegistrySpec,
  tls: TlsSpec | undefined,
  context: SourceContext,
  signal: AbortSignal,
): SchemaRegistry {
  const ask = createAsk(spec, tls, context, signal);
  const decoders = new Map<number, Promise<Decoder>>();
  const decoderOf = (id: number): Promise<Decoder> => {
    const known = decoders.get(id);
    if (known !== undefined) return known;
    const loading = loadDecoder(id, ask, context, signal);
    decoders.set(id, loading);
    loading.catch(() => decoders.delete(id));
    const [oldest] = decoders.keys();
    if (decoders.size > maxSchemas && oldest !== undefined) decoders.delete(oldest);
    return loading;
  };
  return {
    async read(message) {
      if (message.length < 5 || message[0] !== 0) throw unreadable("it does not begin with a schema's id");
      const decode = await decoderOf(message.readUInt32BE(1));
      return decode(message.subarray(5));
    },
  };
}

/** The JSON of an answer; undefined where the registry says that it knows no such schema. */
type Ask = (path: string) => Promise<JsonObject | undefined>;

function createAsk(
  { url = "", auth }: RegistrySpec,
  tls: TlsSpec | undefined,
  { event, fetch, secret }: SourceContext,
  signal: AbortSignal,
): Ask {
  if (!URL.canParse(url)) {
    const where = `spec.kafka.${event}.schemaRegistry.url`;
    throw new TerminalError(
      "MANIFEST_INVALID",
      `${where}: ${JSON.stringify(url)} must be a URL, such as https://host:8081`,
    );
  }
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

function readAnswer(text: string): JsonObject | undefined {
  try {
    const answer = parseJson(text);
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

async function loadDecoder(id: number, ask: Ask, context: SourceContext, signal: AbortSignal): Promise<Decoder> {
  const found = await askAgain(`/schemas/ids/${id}`, ask, context, signal);
  if (!found) throw unreadable(`the registry has no schema ${id}`);
  const { schema, schemaType = "AVRO" } = found;
  if (schemaType === "JSON") return (value) => readJson(value, id);
  if (schemaType !== "AVRO" || typeof schema !== "string") {
    throw unreadable(`the schema ${id} is of the type ${JSON.stringify(schemaType)}, not AVRO or JSON`);
  }
  const names: AvroNames = new Map();
  await loadReferences(found, names, ask, new Set());
  const type = parseAvroSchema(schema, names);
  return (value) => decodeAvro(type, value);
}

async function askAgain(
  path: string,
  ask: Ask,
  { clock }: SourceContext,
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

function readJson(value: Buffer, id: number): JsonValue {
  try {
    return parseJson(value.toString("utf8"));
  } catch {
    throw unreadable(`its schema ${id} is one of JSON, and it is no JSON`); // the parser's reason shows the text
  }
}

function unreadable(reason: string): EngineError {
  return new EngineError("AVRO_FAILED", `the message cannot be read: ${reason}`);
}
