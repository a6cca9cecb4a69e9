import { decodeAvro } from "../../base/avro.ts";
import { EngineError } from "../../base/errors.ts";
import { type JsonValue, parseSentJson } from "../../base/json.ts";
import { createSharedLoads } from "../../base/shared-loads.ts";
import type { TlsSpec } from "./client-tls.ts";
import {
  checkRegistryUrl,
  fetchSchema,
  maxSchemas,
  type RegisteredSchema,
  type RegistrySpec,
} from "./registered-schemas.ts";
import type { SourceContext } from "./source.ts";

export interface SchemaRegistry {
  /**
   * The value of a message in Confluent's format: a zero, the id of its schema in four bytes, and the value in Avro or JSON.
   * @throws EngineError AVRO_FAILED: the message cannot be read, now or later; others: the registry does not say its schema,
   * so it has to be asked again
   */
  read(message: Buffer): Promise<JsonValue>;
}

/** `tls`: of the brokers. @throws TerminalError MANIFEST_INVALID */
export function createSchemaRegistry(
  spec: RegistrySpec,
  tls: TlsSpec | undefined,
  { event, fetch, secret, clock }: SourceContext,
  signal: AbortSignal,
): SchemaRegistry {
  const access = { path: `spec.kafka.${event}.schemaRegistry`, fetch, secret, clock };
  checkRegistryUrl(spec.url ?? "", access.path);
  const schemas = createSharedLoads<RegisteredSchema>(maxSchemas);
  return {
    async read(message) {
      if (message.length < 5 || message[0] !== 0) throw unreadable("it does not begin with a schema's id");
      const id = message.readUInt32BE(1);
      const schema = await schemas(String(id), () => fetchSchema(id, spec, tls, access, signal));
      const value = message.subarray(5);
      return schema.format === "JSON" ? readJson(value, id) : decodeAvro(schema.type, value);
    },
  };
}

function readJson(value: Buffer, id: number): JsonValue {
  try {
    return parseSentJson(value.toString("utf8"));
  } catch {
    throw unreadable(`its schema ${id} is one of JSON, and it is no JSON`); // the parser's reason shows the text
  }
}

function unreadable(reason: string): EngineError {
  return new EngineError("AVRO_FAILED", `the message cannot be read: ${reason}`);
}
