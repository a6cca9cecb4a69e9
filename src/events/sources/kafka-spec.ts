import { errorAt, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { checkSasl } from "../../api/value-rules.ts";
import { saslField, schemaRegistryField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { hostPlaces, placeRule } from "./server-place.ts";
import { has, tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const strategies: readonly string[] = ["range", "sticky", "roundrobin"];

const json = {
  type: "object",
  description: "Messages of a Kafka topic.",
  required: ["url", "topic"],
  properties: {
    url: requiredText("host:port of the brokers, with commas."),
    topic: requiredText("The topic."),
    partition: textField("One partition, from now on; nothing is committed. This or `consumerGroup`."),
    consumerGroup: {
      type: "object",
      description: "All partitions, with the position kept by Kafka. This or `partition`.",
      properties: {
        groupName: textField("The group's name."),
        oldest: flagField("A new group begins at the oldest message instead of the newest."),
        rebalanceStrategy: { ...textField("range, sticky or roundrobin."), default: "range" },
      },
    },
    connectionBackoff: connectionBackoffField,
    tls: tlsField("TLS towards the brokers."),
    sasl: saslField("Credentials for the brokers."),
    awsMskIamAuth: {
      type: "object",
      description: "Credentials of AWS for Amazon MSK; wins over `sasl` and brings TLS.",
      properties: { region: textField("The AWS region.") },
    },
    jsonBody: jsonBodyField,
    limitEventsPerSecond: {
      type: "integer",
      format: "int64",
      description: "How many events a partition gives each second; 0 is no limit.",
    },
    version: { ...textField("Has no effect: the version is agreed with the brokers."), default: "1.0.0" },
    config: textField("Has no effect: settings of the original's client (sarama)."),
    schemaRegistry: schemaRegistryField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const positionRule: SourceRule = (event, path) =>
  has(event, "partition") || event.consumerGroup !== undefined
    ? []
    : [errorAt(path, "consumerGroup or partition must be specified")];

/** The original stops at the first of tls, sasl and awsMskIamAuth that is there. */
const accessRule: SourceRule = (event, path) => {
  const isBehindTls = event.tls !== undefined;
  const problems = checkSasl(event.sasl, `${path}.sasl`, isBehindTls ? "warning" : "error");
  const msk = event.awsMskIamAuth;
  if (msk === undefined || has(objectOf(msk), "region")) return problems;
  const problem = isBehindTls || event.sasl !== undefined ? warningAt : errorAt;
  return [...problems, problem(`${path}.awsMskIamAuth.region`, "awsMskIamAuth.region must be specified")];
};

/** What the source would refuse when it runs, and what it takes otherwise than the original. */
const mechanismRule: SourceRule = (event, path) => {
  const mechanism = textOf(objectOf(event.sasl).mechanism);
  const where = `${path}.sasl.mechanism`;
  if (event.awsMskIamAuth !== undefined) return [];
  if (mechanism === "GSSAPI") {
    return [warningAt(where, `${mechanism} is not supported yet: the event fails with SOURCE_UNSUPPORTED`)];
  }
  if (mechanism !== "OAUTHBEARER") return [];
  return [warningAt(where, "the token is the value of passwordSecret; Argo Events has none to give, and fails")];
};

const trapRule: SourceRule = (event, path) => {
  const problems = [];
  const group = objectOf(event.consumerGroup);
  const strategy = textOf(group.rebalanceStrategy);
  if (strategy !== "" && !strategies.includes(strategy)) {
    const message = `"${strategy}" must be one of ${strategies.join(", ")}; range is taken`;
    problems.push(warningAt(`${path}.consumerGroup.rebalanceStrategy`, message));
  }
  if (event.consumerGroup !== undefined && !has(group, "groupName")) {
    problems.push(warningAt(`${path}.consumerGroup.groupName`, "is missing: a group needs a name"));
  }
  if (has(event, "partition") && event.consumerGroup !== undefined) {
    problems.push(warningAt(`${path}.partition`, "has no effect beside consumerGroup"));
  }
  if (has(event, "config")) {
    problems.push(warningAt(`${path}.config`, "has no effect: these are settings of sarama, Argo Events' client"));
  }
  if (event.schemaRegistry !== undefined && event.jsonBody !== true) {
    problems.push(warningAt(`${path}.schemaRegistry`, "has no effect without jsonBody: true"));
  } else if (event.schemaRegistry !== undefined && !has(objectOf(event.schemaRegistry), "url")) {
    problems.push(warningAt(`${path}.schemaRegistry.url`, "is missing: messages cannot be read without it"));
  }
  return problems;
};

export const kafkaPlaces = hostPlaces(9_092);

export type KafkaSpec = SpecOf<typeof json>;

export const kafkaSchema = sourceSchema<KafkaSpec>(
  json,
  positionRule,
  tlsRule,
  accessRule,
  mechanismRule,
  trapRule,
  placeRule("url", kafkaPlaces),
);
