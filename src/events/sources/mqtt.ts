import type { IClientOptions, IPublishPacket, MqttClient } from "mqtt";
import { flagField, requiredText } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { basicAuthField, tlsField } from "../../api/value-schemas.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { readBasicAuth, readClientTls } from "./client-tls.ts";
import { bodyValue, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { openTakenPackets, type TakenPackets } from "./mqtt-taken.ts";
import { rememberedPlace } from "./remembered-place.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { mqttPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an MQTT topic.",
  required: ["url", "topic", "clientId"],
  properties: {
    url: { ...requiredText("tcp://host:port of the broker."), format: "uri" },
    topic: requiredText("The topic; + and # stand for others."),
    clientId: requiredText("Our id; two clients of one id throw each other out."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the broker."),
    auth: basicAuthField("User name and password."),
    qos: {
      type: "integer",
      minimum: 0,
      maximum: 2,
      default: 1,
      description:
        "Of ours: the most that is asked for. Argo Events asks for 0, which loses messages; 2 is asked for as 1, since what comes again is known.",
    },
    cleanSession: flagField(
      "Of ours: the broker forgets us when we go. Otherwise it keeps what comes meanwhile, for our id; Argo Events says true.",
    ),
    ...commonFields,
  },
} as const satisfies JsonSchema;

/** The original does not look at `auth` where there is `tls`. */
const authRule: SourceRule = (event, path) =>
  checkBasicAuth(event.auth, `${path}.auth`, event.tls === undefined ? "error" : "warning");

type MqttSpec = SpecOf<typeof json>;

export const mqttSource: SourceKind<MqttSpec> = {
  eventType: "mqtt",
  singleton: true,
  schema: sourceSchema<MqttSpec>(json, tlsRule, authRule, placeRule("url", mqttPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const mqtt = commonJs(await loadOptional("mqtt@^5", () => import("mqtt")));
    const { url, clientId, topic, cleanSession, qos } = spec;
    requirePlace(url, ["mqtt", "url"], mqttPlaces, context);
    const taken = await openTakenPackets(context, [url, clientId, topic]);
    const client = mqtt.connect(urlOf(url), await optionsOf(spec, context));
    try {
      await consume(client, { spec, taken }, context, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw new EngineError("SOURCE_FAILED", `MQTT broker ${urlOf(url)}: ${messageOf(error)}`, error);
    } finally {
      await leave(client);
      if (qos > 0 && !cleanSession) await taken.keep(signal);
    }
  },
};

/** Half as much again without an answer ends the connection; so does a bus that stands still for so long. */
const keepaliveSeconds = 15;

/** paho's names of the schemes. */
function urlOf(url: string): string {
  return url.replace(/^tcp:/, "mqtt:").replace(/^(ssl|tls):/, "mqtts:");
}

async function optionsOf(spec: MqttSpec, { secret }: SourceContext): Promise<IClientOptions> {
  const login = await readBasicAuth(spec.auth, secret);
  return {
    clientId: spec.clientId,
    clean: spec.cleanSession,
    ...(login && { username: login.username, password: login.password }),
    ...(spec.tls && { ...(await readClientTls(spec.tls, secret)) }),
    reconnectPeriod: 0, // the runner connects again, and subscribes again
    connectTimeout: 10_000,
    keepalive: keepaliveSeconds,
    resubscribe: false,
  };
}

const leaveMs = 1_000;

/** Sends the last acknowledgements; what is not acknowledged comes again. */
async function leave(client: MqttClient): Promise<void> {
  const deadline = setTimeout(() => client.end(true), leaveMs);
  await new Promise<void>((resolve) => client.end(false, {}, () => resolve()));
  clearTimeout(deadline);
}

interface Reading {
  readonly spec: MqttSpec;
  readonly taken: TakenPackets;
}

/** Until `signal` aborts, or the connection ends, which is a failure. A message is acknowledged once it is kept. */
async function consume(
  client: MqttClient,
  { spec, taken }: Reading,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const onAbort = (): void => ended.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  let last: Error | undefined;
  client.on("error", (error) => {
    last = error;
  });
  // What is not kept by then comes again on the next connection: here it must not go on trying.
  const gone = new AbortController();
  const keepingSignal = AbortSignal.any([signal, gone.signal]);
  client.on("close", () => {
    gone.abort();
    ended.reject(last ?? new Error("the connection ended"));
  });
  // The client takes the next message, and acknowledges this one, once it is called back.
  let keeping: Promise<void> | undefined;
  client.handleMessage = (packet, done) => {
    keeping = keepMessage({ spec, taken }, packet, context, keepingSignal).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(messageOf(error))),
    );
  };
  client.on("connect", ({ sessionPresent }) => {
    if (!sessionPresent) taken.forget();
    // What the session holds comes before the answer to the subscription, which may take as long as the bus is away.
    if (sessionPresent) context.ready();
    client
      .subscribeAsync(spec.topic, { qos: spec.qos === 0 ? 0 : 1 })
      .then(() => watchSession(spec, sessionPresent, context))
      .then(() => context.ready())
      .catch((error: unknown) => ended.reject(error));
  });
  try {
    await ended.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await keeping;
  }
}

/** A broker that had a session of ours and has none any more kept nothing of what came meanwhile; nobody knows how much. */
async function watchSession(spec: MqttSpec, isThere: boolean, context: SourceContext): Promise<void> {
  const { url, clientId, topic, cleanSession, qos } = spec;
  if (cleanSession || qos === 0) return;
  const session = rememberedPlace(context, [url, clientId, topic]);
  try {
    if ((await session.read()) === undefined) await session.keep("begun");
    else if (!isThere)
      context.lost(0, `the broker has forgotten the session of "${clientId}": what came meanwhile is gone`);
  } catch (error) {
    context.log.warn("it is not known whether the broker had a session", { error }); // the bus is away
  }
}

async function keepMessage(
  { spec, taken }: Reading,
  packet: IPublishPacket,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { topic, payload, messageId = 0 } = packet;
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    return refuseMessage(context, { topic }, bytes.length);
  }
  await keepEvent({ id: taken.idOf(packet), data: withMetadata({ topic, messageId, body }, spec) }, context, signal);
}
