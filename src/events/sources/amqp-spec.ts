import { errorAt, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { basicAuthField, secretKeyField, tlsField } from "../../api/value-schemas.ts";
import { messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { parseYaml } from "../../base/yaml.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { amqpPlaces, placeRule } from "./server-place.ts";
import { has, tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const noWait = flagField("Has no effect: the server's answer is waited for, so that a refusal is told.");

const json = {
  type: "object",
  description: "Messages of an AMQP 0.9.1 exchange (RabbitMQ).",
  required: ["exchangeType", "routingKey"],
  properties: {
    url: { ...textField("amqp://host:port. This or `urlSecret`."), format: "uri" },
    urlSecret: secretKeyField("Holds the URL, where it has a password in it. This or `url`."),
    exchangeName: textField("The exchange; empty is the default exchange."),
    exchangeType: requiredText("direct, fanout, topic or headers."),
    routingKey: requiredText("The key that the queue is bound with."),
    exchangeDeclare: {
      type: "object",
      description: "How the exchange is declared. What is not given in it is false.",
      default: { durable: true },
      properties: {
        durable: flagField("It is still there after a restart of the server."),
        autoDelete: flagField("It is removed with its last binding."),
        internal: flagField("Nobody can publish to it."),
        noWait,
      },
    },
    queueDeclare: {
      type: "object",
      description: "How the queue is declared. What is not given in it is false.",
      default: { exclusive: true },
      properties: {
        name: textField("The queue; the server invents a name when there is none."),
        durable: flagField("It is still there after a restart of the server."),
        autoDelete: flagField("It is removed with its last consumer."),
        exclusive: flagField("Only this connection may use it, and it ends with it."),
        noWait,
        arguments: textField("The queue's x-arguments, as YAML."),
      },
    },
    queueBind: { type: "object", description: "How the queue is bound to the exchange.", properties: { noWait } },
    consume: {
      type: "object",
      description: "How messages are taken. What is not given in it is false.",
      default: { autoAck: true },
      properties: {
        consumerTag: textField("The consumer's name on the server."),
        autoAck: flagField("Has no effect: a message is done once its event is kept."),
        exclusive: flagField("No other consumer on the queue."),
        noLocal: flagField("Not known to RabbitMQ."),
        noWait,
      },
    },
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the server."),
    auth: basicAuthField("User name and password (SASL PLAIN)."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const urlRule: SourceRule = (event, path) => {
  if (!has(event, "url") && !has(event, "urlSecret")) {
    return [errorAt(path, "either url or urlSecret must be specified")];
  }
  if (has(event, "url") && has(event, "urlSecret")) {
    return [errorAt(path, "only one of url or urlSecret can be specified")];
  }
  return [];
};

/** The original does not look at `auth` where there is `tls`. */
const authRule: SourceRule = (event, path) =>
  checkBasicAuth(event.auth, `${path}.auth`, event.tls === undefined ? "error" : "warning");

const ackRule: SourceRule = (event, path) => {
  if (event.consume === undefined || objectOf(event.consume).autoAck === true) return [];
  const message = "Argo Events never acknowledges then: after a reconnect every message comes again";
  return [warningAt(`${path}.consume.autoAck`, message)];
};

const noWaitRule: SourceRule = (event, path) =>
  ["exchangeDeclare", "queueDeclare", "queueBind", "consume"]
    .filter((field) => objectOf(event[field]).noWait === true)
    .map((field) => warningAt(`${path}.${field}.noWait`, "has no effect: the server's answer is waited for"));

const argumentsRule: SourceRule = (event, path) => {
  try {
    readArguments(textOf(objectOf(event.queueDeclare).arguments));
    return [];
  } catch (error) {
    return [warningAt(`${path}.queueDeclare.arguments`, messageOf(error))];
  }
};

/** The queue's x-arguments. @throws TerminalError for what is no YAML object */
export function readArguments(text: string): JsonObject {
  if (text.trim() === "") return {};
  const [value] = parseYaml(text);
  if (!isJsonObject(value))
    throw new TerminalError("MANIFEST_INVALID", "must be a YAML object, such as x-max-length: 3");
  return value;
}

const exchangeTypeRule: SourceRule = (event, path) => {
  const type = textOf(event.exchangeType);
  if (type === "" || ["direct", "fanout", "topic", "headers"].includes(type) || type.startsWith("x-")) return [];
  return [warningAt(`${path}.exchangeType`, `"${type}" must be one of direct, fanout, topic, headers or an x- type`)];
};

export type AmqpSpec = SpecOf<typeof json>;

export const amqpSchema = sourceSchema<AmqpSpec>(
  json,
  urlRule,
  exchangeTypeRule,
  tlsRule,
  authRule,
  ackRule,
  noWaitRule,
  argumentsRule,
  placeRule("url", amqpPlaces),
);
