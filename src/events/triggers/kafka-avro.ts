import { encodeAvro } from "../../base/avro-encode.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { createSharedLoads } from "../../base/shared-loads.ts";
import { fetchSchema, maxSchemas, type RegisteredSchema, type RegistrySpec } from "../sources/registered-schemas.ts";
import type { OutgoingFetch } from "../sources/source.ts";
import { readLimited, toHttpError, withAgent } from "./outgoing.ts";
import { secretHash } from "./secret-hash.ts";
import type { TlsSpec } from "./tls.ts";
import type { TriggerContext } from "./trigger.ts";

const timeoutMs = 30_000;
const maxAnswerBytes = 8 * 1024 * 1024;

/** A message behind a schema registry: a zero, the id of its schema in four bytes, and the value in Avro. */
export interface AvroMessage {
  readonly schemaId: number;
  readonly base64: string;
}

type Spec = RegistrySpec & { readonly schemaId?: number };

/**
 * A payload as a message behind the registry of `spec`; `tls`: of the brokers. The original fetches the schema for each
 * event; here it is remembered, for whoever has the same credentials.
 */
export type AvroEncoder = (
  body: string,
  spec: Spec,
  tls: TlsSpec | undefined,
  context: TriggerContext,
  signal: AbortSignal,
) => Promise<AvroMessage>;

/** @throws TerminalError AVRO_FAILED, MANIFEST_INVALID, TRIGGER_OFFLINE; EngineError where asking again may help */
export function createAvroEncoder(): AvroEncoder {
  const schemas = createSharedLoads<RegisteredSchema>(maxSchemas);
  return async (body, spec, tls, context, signal) => {
    if (context.isOffline)
      throw new TerminalError("TRIGGER_OFFLINE", "kafka: its schema registry cannot be asked here");
    const { schemaId = 0, auth } = spec;
    const secrets = [auth?.username, auth?.password, tls?.caCertSecret];
    const values = await Promise.all(secrets.map((one) => one && context.secret.read(one)));
    const key = secretHash(JSON.stringify([spec.url, schemaId, tls?.insecureSkipVerify, values]));
    const access = {
      path: "kafka.schemaRegistry",
      fetch: fetchOf(context),
      secret: context.secret,
      clock: context.clock,
    };
    const schema = await schemas(key, () => fetchSchema(schemaId, spec, tls, access, signal)).catch(
      (error: unknown) => {
        throw asOfTrigger(error);
      },
    );
    if (schema.format !== "AVRO")
      throw invalid(`the schema ${schemaId} of the registry is of the type "JSON", not AVRO`);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(schemaId, 1);
    return { schemaId, base64: Buffer.concat([head, encode(schema, body, schemaId)]).toString("base64") };
  };
}

function encode({ type }: RegisteredSchema & { readonly format: "AVRO" }, body: string, schemaId: number): Buffer {
  const value = readObject(body);
  if (!value) throw invalid("behind a schema registry it must be a JSON object");
  try {
    return encodeAvro(type, value);
  } catch (error) {
    if (error instanceof EngineError) throw invalid(`it does not fit the schema ${schemaId}: ${error.message}`);
    throw error;
  }
}

function readObject(body: string): JsonObject | undefined {
  try {
    const value = parseJson(body);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // the parser's reason shows the text
  }
}

function fetchOf(context: TriggerContext): OutgoingFetch {
  return async ({ method, url, headers, tls = {} }, signal) => {
    const { origin, pathname, search } = new URL(url);
    try {
      return await withAgent(context, tls, async (agent) => {
        const response = await agent.request({
          origin,
          path: pathname + search,
          method: method as "GET",
          headers: { ...headers },
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        return { status: response.statusCode, headers: {}, text: await readLimited(response.body, maxAnswerBytes) };
      });
    } catch (error) {
      throw toHttpError(error, `kafka.schemaRegistry: ${method} ${origin}${pathname}`);
    }
  };
}

/** What sources call it is of no use to whoever looks at a trigger. */
function asOfTrigger(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.code !== "SOURCE_FAILED") return error;
  return new EngineError("TRIGGER_FAILED", `kafka: ${error.message}`, error);
}

function invalid(message: string): TerminalError {
  return new TerminalError("AVRO_FAILED", `kafka.payload: ${message}`);
}
