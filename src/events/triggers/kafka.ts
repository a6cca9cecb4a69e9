import type { Producer, ProducerOptions } from "@platformatic/kafka";
import { objectOf, warningAt } from "../../api/fields.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { mechanisms, saslLogin } from "../sources/kafka-sasl.ts";
import { traceHeaders } from "./hops.ts";
import { type AvroMessage, createAvroEncoder } from "./kafka-avro.ts";
import { effectHash } from "./object-effect.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { createRecent } from "./recent.ts";
import { ignores, requires, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import {
  basicAuthSchema,
  headersSchema,
  parametersSchema,
  payloadSchema,
  saslSchema,
  secureHeadersSchema,
  tlsSchema,
} from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import { readTls, type TlsSpec } from "./tls.ts";
import type { PooledClient, TriggerContext, TriggerKind } from "./trigger.ts";

/** spec argo-events 6.5.5 */
export const kafkaSchema = {
  type: "object",
  description: "Sends a message to a topic of Kafka.",
  required: ["url", "topic", "payload"],
  properties: {
    url: { type: "string", minLength: 1, description: "Brokers as host:port, separated by commas." },
    topic: { type: "string", minLength: 1, description: "The topic." },
    partition: { type: "integer", description: "Has no effect: `partitioningKey` says where a message goes." },
    partitioningKey: { type: "string", description: "The message's key; without one any partition is taken." },
    payload: payloadSchema,
    parameters: parametersSchema,
    headers: { ...headersSchema, description: "Headers of the message." },
    secureHeaders: secureHeadersSchema,
    requiredAcks: {
      type: "integer",
      description: "Who confirms a message: -1 all replicas, 1 the leader. 0 counts as -1.",
      enum: [-1, 0, 1],
      default: -1,
    },
    compress: { type: "boolean", description: "Whether messages are compressed (snappy).", default: false },
    flushFrequency: {
      type: "integer",
      description: "How long messages are gathered: documented as milliseconds, used as nanoseconds.",
      default: 500,
    },
    version: { type: "string", description: "Version of the brokers.", default: "1.0.0" },
    sasl: saslSchema,
    tls: { ...tlsSchema, description: "TLS to the brokers; Argo Events does not verify them." },
    schemaRegistry: {
      type: "object",
      description: "Where the Avro schema of the message is; the payload is encoded with it.",
      required: ["url"],
      properties: {
        url: { type: "string", minLength: 1, format: "uri", description: "URL of the registry." },
        schemaId: { type: "integer", description: "Id of the schema." },
        auth: { ...basicAuthSchema, description: "Credentials for the registry." },
      },
    },
  },
} as const satisfies JsonSchema;

type KafkaSpec = SpecOf<typeof kafkaSchema>;
type SecureHeader = NonNullable<KafkaSpec["secureHeaders"]>[number];

export interface KafkaPlan {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly key?: string;
  readonly payload: JsonValue;
  readonly body: string;
  /** Behind a schema registry: what is sent instead of `body`. */
  readonly avro?: AvroMessage;
  readonly headers: Readonly<Record<string, string>>;
  readonly secretHeaders: readonly {
    readonly name: string;
    readonly from: SecureHeader["valueFrom"];
    readonly sha256: string;
  }[];
  readonly acks: -1 | 1;
  readonly compress: boolean;
  readonly sasl?: NonNullable<KafkaSpec["sasl"]>;
  readonly tls?: TlsSpec;
}

const versionRule: TriggerRule = ({ version }, path) =>
  typeof version !== "string" || /^\d+(?:\.\d+){2,3}$/.test(version)
    ? []
    : [warningAt(`${path}.version`, `${JSON.stringify(version)} is no version of Kafka: each event fails`)];

const saslRule: TriggerRule = ({ sasl }, path) =>
  objectOf(sasl).mechanism === "GSSAPI"
    ? [warningAt(`${path}.sasl.mechanism`, '"GSSAPI" is accepted, but cannot be configured')]
    : [];

/** What works otherwise than in the original, and what a registry has to be asked with. */
const registryRule: TriggerRule = ({ sasl, schemaRegistry }, path) => {
  const byToken = "the token is the value of passwordSecret; Argo Events has none to give, and fails";
  const { schemaId } = objectOf(schemaRegistry);
  return [
    ...(schemaRegistry === undefined || schemaId
      ? []
      : [warningAt(`${path}.schemaRegistry.schemaId`, "is missing: the trigger fails with each event")]),
    ...(objectOf(sasl).mechanism === "OAUTHBEARER" ? [warningAt(`${path}.sasl.mechanism`, byToken)] : []),
  ];
};

const schema = triggerSchema<KafkaSpec>(
  kafkaSchema,
  requires({
    url: "broker url must not be empty",
    topic: "topic must not be empty",
    payload: "payload must not be empty",
  }),
  ignores("partition", "partitioningKey says where a message goes"),
  ignores("flushFrequency", "each message is confirmed before the trigger succeeds"),
  versionRule,
  saslRule,
  registryRule,
  tlsRule,
);

const maxSent = 10_000;

/**
 * One message for each firing, confirmed by the brokers before it succeeds, which the original does not wait for. Its
 * header `Idempotency-Key` is the same for a repeat after a crash; within one engine there is none.
 */
export function createKafkaTrigger(): TriggerKind<KafkaSpec, KafkaPlan> {
  const sent = createRecent<true>(maxSent);
  const encode = createAvroEncoder();
  return {
    schema,
    async plan(written, firing, context, signal) {
      const spec = withOwnParameters(written, schema, "kafka", context.parameters);
      if (spec.payload.length === 0) throw invalid("payload: payload parameters are not specified");
      if (spec.sasl) mechanismOf(spec.sasl);
      const body = context.parameters.payload(spec.payload, "kafka.payload");
      const secretHeaders = await secretHeadersOf(spec.secureHeaders, context);
      const named = [...Object.keys(spec.headers ?? {}), ...secretHeaders.map(({ name }) => name)];
      const avro = spec.schemaRegistry && (await encode(body, spec.schemaRegistry, spec.tls, context, signal));
      return {
        brokers: spec.url.split(",").map((broker) => broker.trim()),
        topic: spec.topic,
        ...(spec.partitioningKey && { key: spec.partitioningKey }),
        payload: shownPayload(body),
        body,
        ...(avro && { avro }),
        headers: { "Idempotency-Key": effectHash(firing), ...traceHeaders(firing, named), ...spec.headers },
        secretHeaders,
        acks: spec.requiredAcks === 1 ? 1 : -1,
        compress: spec.compress,
        ...(spec.sasl && { sasl: spec.sasl }),
        ...(spec.tls && { tls: spec.tls }),
      };
    },
    async apply(plan, firing, context) {
      const where = `${plan.topic} at ${plan.brokers.join(",")}`;
      if (sent.find(firing.key)) return { message: `had already sent to ${where}` };
      const { options, key } = await optionsOf(plan, context);
      const headers: Record<string, string> = { ...plan.headers };
      for (const { name, from } of plan.secretHeaders) headers[name] = await readHeader(from, context);
      const offset = await context.clients
        .use(
          key,
          () => open(options),
          (producer) => send(producer, plan, headers),
        )
        .catch((error: unknown) => {
          if (error instanceof EngineError) throw error;
          const reason = `kafka ${where}: ${reasonOf(error)}`;
          if (!isForbidden(error)) throw new EngineError("TRIGGER_FAILED", reason, error);
          const missing = `the user needs an ACL that allows Write on the topic "${plan.topic}"`;
          throw new TerminalError("TRIGGER_FORBIDDEN", `${reason}: ${missing}`, error);
        });
      sent.set(firing.key, true);
      return { message: `sent ${bytesOf(plan).length} bytes to ${where}${offset}` };
    },
  };
}

type KafkaProducer = Producer<string, Buffer, string, string>;
type Options = ProducerOptions<string, Buffer, string, string>;

function bytesOf({ body, avro }: KafkaPlan): Buffer {
  return avro ? Buffer.from(avro.base64, "base64") : Buffer.from(body, "utf8");
}

async function open(options: Options): Promise<PooledClient<KafkaProducer>> {
  const { Producer, stringSerializers } = await loadKafka();
  const serializers = { ...stringSerializers, value: (value: Buffer | undefined) => value };
  const producer = new Producer<string, Buffer, string, string>({ ...options, serializers });
  producer.on("error", () => undefined); // what was sent meanwhile tells it, too
  return { client: producer, isUsable: () => !producer.closed, close: async () => producer.close(true) };
}

function loadKafka() {
  return loadOptional("@platformatic/kafka@^2", () => import("@platformatic/kafka"));
}

async function send(producer: KafkaProducer, plan: KafkaPlan, headers: Record<string, string>): Promise<string> {
  const { topic, key, acks, compress } = plan;
  const message = { topic, value: bytesOf(plan), headers, ...(key !== undefined && { key }) };
  const options = { acks, compression: compress ? ("snappy" as const) : ("none" as const) };
  const { offsets } = await producer.send({ messages: [message], ...options });
  const [first] = offsets ?? [];
  return first ? `, offset ${first.offset} of partition ${first.partition}` : "";
}

async function optionsOf({ brokers, sasl, tls }: KafkaPlan, context: TriggerContext) {
  const login = sasl && (await saslLogin(mechanismOf(sasl), sasl, context.secret));
  // What a token is read from may differ between those that have the same brokers.
  const token = login?.mechanism === "OAUTHBEARER" && sasl ? await context.secret.read(sasl.passwordSecret) : undefined;
  const tlsOptions = tls && { ...(await readTls(tls, context)) };
  const options = {
    clientId: "tiphys-trigger",
    bootstrapBrokers: [...brokers],
    connectTimeout: 5_000,
    requestTimeout: 30_000,
    retries: 2,
    retryDelay: 250,
    autocreateTopics: true, // as the original's client asks for
    ...(login && { sasl: login }),
    ...(tlsOptions && { tls: tlsOptions }),
  };
  return { options, key: `kafka ${brokers.join(",")} ${secretHash(JSON.stringify([login, token, tlsOptions]))}` };
}

async function secretHeadersOf(
  headers: KafkaSpec["secureHeaders"],
  context: TriggerContext,
): Promise<KafkaPlan["secretHeaders"]> {
  return Promise.all(
    (headers ?? []).map(async ({ name, valueFrom: from }) => {
      return { name, from, sha256: secretHash(await readHeader(from, context)) };
    }),
  );
}

async function readHeader(
  { secretKeyRef, configMapKeyRef }: KafkaPlan["secretHeaders"][number]["from"],
  { secret }: TriggerContext,
): Promise<string> {
  if (secretKeyRef) return secret.read(secretKeyRef);
  if (configMapKeyRef) return secret.readConfigMap(configMapKeyRef);
  throw invalid("secureHeaders[].valueFrom: must name a secretKeyRef or a configMapKeyRef");
}

/** Its errors hold those of each try, and what each of these failed of. */
function reasonOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors.at(-1) : undefined;
  const cause = inner ?? (error instanceof Error ? error.cause : undefined);
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${reasonOf(cause)}`;
}

/** Without the right another attempt fails as well. */
function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("apiId" in error && error.apiId === "TOPIC_AUTHORIZATION_FAILED") return true;
  return isForbidden(error.cause) || (error instanceof AggregateError && error.errors.some(isForbidden));
}

function invalid(message: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", `kafka.${message}`);
}

/** @throws TerminalError TRIGGER_UNSUPPORTED */
function mechanismOf({ mechanism }: NonNullable<KafkaSpec["sasl"]>) {
  const known = mechanisms.find((one) => one === mechanism);
  if (known) return known;
  throw new TerminalError("TRIGGER_UNSUPPORTED", `kafka.sasl.mechanism ${mechanism} is not supported yet`);
}
