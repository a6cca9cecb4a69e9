import type { ChannelModel, ConfirmChannel } from "amqplib";
import { textOf, warningAt } from "../../api/fields.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { traceHeaders } from "./hops.ts";
import { effectHash } from "./object-effect.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { createRecent } from "./recent.ts";
import { has, ownTriggerSchema, type TriggerRule, tlsRule } from "./rules.ts";
import {
  basicAuthSchema,
  headersSchema,
  parametersSchema,
  payloadSchema,
  secretKeySchema,
  tlsSchema,
} from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import { readTls, type TlsSpec } from "./tls.ts";
import type { PooledClient, TriggerContext, TriggerKind } from "./trigger.ts";

/** Ours: the counterpart of the source of that name. */
export const amqpSchema = {
  type: "object",
  description: "Publishes a message to an exchange of an AMQP 0.9.1 server (RabbitMQ), and waits for its confirmation.",
  required: ["payload"],
  properties: {
    url: { type: "string", description: "The server: `amqp://host:5672`, or `urlSecret`." },
    urlSecret: { ...secretKeySchema, description: "The URL, with user name and password." },
    exchangeName: { type: "string", description: "The exchange; without one `routingKey` is a queue.", default: "" },
    routingKey: { type: "string", description: "The routing key.", default: "" },
    payload: payloadSchema,
    parameters: parametersSchema,
    headers: { ...headersSchema, description: "Headers of the message." },
    contentType: { type: "string", description: "Its content type.", default: "application/json" },
    persistent: { type: "boolean", description: "Whether it outlives the server, in a durable queue.", default: true },
    mandatory: { type: "boolean", description: "Whether a message that no queue takes is a failure.", default: true },
    auth: basicAuthSchema,
    tls: tlsSchema,
  },
} as const satisfies JsonSchema;

type AmqpSpec = SpecOf<typeof amqpSchema>;

export interface AmqpPlan {
  readonly url?: string;
  readonly urlSecret?: NonNullable<AmqpSpec["urlSecret"]>;
  readonly exchange: string;
  readonly routingKey: string;
  readonly payload: JsonValue;
  readonly body: string;
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly persistent: boolean;
  readonly mandatory: boolean;
  readonly auth?: NonNullable<AmqpSpec["auth"]>;
  readonly tls?: TlsSpec;
}

const urlRule: TriggerRule = ({ url, urlSecret }, path) => {
  if (!has(url) && !has(urlSecret)) return [warningAt(`${path}.url`, "is missing, as is urlSecret: the trigger fails")];
  if (!has(url) || /^amqps?:\/\//.test(textOf(url))) return [];
  return [warningAt(`${path}.url`, "must be a URL such as amqp://host:5672")];
};

const schema = ownTriggerSchema<AmqpSpec>(amqpSchema, urlRule, tlsRule);

const maxSent = 10_000;
const connectTimeoutMs = 10_000;
const confirmTimeoutMs = 30_000;

/** A repeat has the same `messageId`; within one engine there is none. */
export function createAmqpTrigger(): TriggerKind<AmqpSpec, AmqpPlan> {
  const sent = createRecent<true>(maxSent);
  return {
    schema,
    async plan(written, firing, { parameters }) {
      const {
        exchangeName,
        payload,
        headers = {},
        parameters: _,
        ...spec
      } = withOwnParameters(written, schema, "amqp", parameters);
      if (!spec.url && !spec.urlSecret)
        throw new TerminalError("MANIFEST_INVALID", "amqp.url: is missing, as is urlSecret");
      const body = payload.length > 0 ? parameters.payload(payload, "amqp.payload") : "";
      return {
        ...spec,
        exchange: exchangeName,
        payload: shownPayload(body),
        body,
        messageId: effectHash(firing),
        headers: { ...traceHeaders(firing, Object.keys(headers)), ...headers },
      };
    },
    async apply(plan, firing, context) {
      const { exchange, routingKey, body } = plan;
      const where = exchange === "" ? `queue "${routingKey}"` : `exchange "${exchange}" with key "${routingKey}"`;
      if (sent.find(firing.key)) return { message: `had already published to ${where}` };
      const { key, open, host } = await connectionOf(plan, context);
      try {
        const onConfirmed = (): void => sent.set(firing.key, true);
        await context.clients.use(key, open, (client) => client.publish(plan, onConfirmed));
      } catch (error) {
        if (error instanceof EngineError) throw error;
        throw failure(`amqp ${host}`, exchange, error);
      }
      return { message: `published ${Buffer.byteLength(body)} bytes to ${where} at ${host}` };
    },
  };
}

/** Without the right another attempt fails as well. Servers call the default exchange amq.default. */
function failure(host: string, exchange: string, error: unknown): EngineError {
  const reason = messageOf(error);
  if (!/ACCESS_REFUSED - (?:\w+ )?access to exchange/.test(reason)) {
    return new EngineError("TRIGGER_FAILED", `${host}: ${reason}`, error);
  }
  const missing = `the user needs the permission to write to the exchange "${exchange || "amq.default"}"`;
  return new TerminalError("TRIGGER_FORBIDDEN", `${host}: ${missing}: ${reason}`, error);
}

interface Publisher {
  /** Resolves once the server has confirmed the message. `onConfirmed` also hears of it when that comes too late. */
  publish(plan: AmqpPlan, onConfirmed: () => void): Promise<void>;
}

async function connectionOf(plan: AmqpPlan, context: TriggerContext) {
  const { secret } = context;
  const text = plan.urlSecret ? await secret.read(plan.urlSecret) : (plan.url ?? "");
  // Not with its text: it may hold a password.
  if (!URL.canParse(text))
    throw new TerminalError("MANIFEST_INVALID", "amqp.url: must be a URL such as amqp://host:5672");
  const url = new URL(text);
  url.searchParams.set("heartbeat", url.searchParams.get("heartbeat") ?? "10");
  const login = plan.auth && {
    username: await secret.read(plan.auth.username),
    password: await secret.read(plan.auth.password),
  };
  const tls = plan.tls && (await readTls(plan.tls, context));
  const open = async (): Promise<PooledClient<Publisher>> => {
    const amqp = commonJs(await loadOptional("amqplib@^2", () => import("amqplib")));
    const connection = await amqp.connect(url.href, {
      timeout: connectTimeoutMs,
      keepAlive: true,
      ...(login && { credentials: amqp.credentials.plain(login.username, login.password) }),
      ...tls,
      clientProperties: { connection_name: "tiphys trigger" },
    });
    return pooled(connection);
  };
  return { open, host: url.host, key: `amqp ${secretHash(JSON.stringify([text, login, tls]))}` };
}

/** One channel for all; a channel that fails ends the connection, so that the next use opens another. */
async function pooled(connection: ChannelModel): Promise<PooledClient<Publisher>> {
  let isOpen = true;
  const ended = new Set<(error: Error) => void>();
  const onEnd = (error?: unknown): void => {
    isOpen = false;
    const reason = error instanceof Error ? error : new Error("the connection ended");
    for (const fail of ended) fail(reason);
  };
  connection.on("error", onEnd).on("close", onEnd);
  const channel = await connection.createConfirmChannel();
  channel.on("error", onEnd).on("close", onEnd);
  const state: ChannelState = { returned: new Map(), ended };
  connection.on("blocked", (reason: string) => Object.assign(state, { blocked: reason }));
  connection.on("unblocked", () => Object.assign(state, { blocked: undefined }));
  channel.on("return", ({ properties, fields }) => {
    const { replyText } = fields as { readonly replyText?: unknown };
    state.returned.set(String(properties.messageId), typeof replyText === "string" ? replyText : "NO_ROUTE");
  });
  return {
    client: { publish: (plan, onConfirmed) => publish(channel, plan, state, onConfirmed) },
    isUsable: () => isOpen,
    close: () => connection.close(),
  };
}

interface ChannelState {
  /** Why no queue took a message, by its id. */
  readonly returned: Map<string, string>;
  readonly ended: Set<(error: Error) => void>;
  /** Why the server reads nothing from publishers at present. */
  readonly blocked?: string | undefined;
}

async function publish(
  channel: ConfirmChannel,
  { exchange, routingKey, body, messageId, headers, contentType, persistent, mandatory }: AmqpPlan,
  state: ChannelState,
  onConfirmed: () => void,
): Promise<void> {
  // What is sent now would be published whenever the server reads again, although this attempt had failed.
  if (state.blocked !== undefined) throw new Error(`the server takes no messages at present: ${state.blocked}`);
  const { returned, ended } = state;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => {
    const why = state.blocked === undefined ? "" : `: the server takes no messages at present: ${state.blocked}`;
    reject(new Error(`no confirmation within ${confirmTimeoutMs / 1_000} s${why}`));
  }, confirmTimeoutMs);
  ended.add(reject);
  try {
    channel.publish(
      exchange,
      routingKey,
      Buffer.from(body),
      { messageId, headers, contentType, persistent, mandatory },
      (error: unknown) => {
        if (error) return reject(error);
        if (!returned.has(messageId)) onConfirmed();
        resolve();
      },
    );
    await promise;
    const refusal = returned.get(messageId);
    if (refusal !== undefined) throw new EngineError("TRIGGER_FAILED", `amqp: no queue takes the message: ${refusal}`);
  } finally {
    clearTimeout(late);
    ended.delete(reject);
    returned.delete(messageId);
  }
}
