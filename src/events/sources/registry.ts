import type { Schema } from "../../base/schema.ts";
import { calendarSource } from "./calendar.ts";
import { natsSource } from "./nats.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { webhookSource } from "./webhook.ts";

/** A kind whose spec's type is known only inside: what registries and runners hold. */
export interface AnySourceKind {
  readonly eventType: string;
  readonly schema: Schema<unknown>;
  readonly singleton: boolean;
  readonly http: boolean;
  /** Parses `spec`, which stands at `path`, then runs. @throws TerminalError MANIFEST_INVALID */
  run(spec: unknown, path: string, context: SourceContext, signal: AbortSignal): Promise<void>;
}

export function defineSource<Spec>(kind: SourceKind<Spec>): AnySourceKind {
  const { eventType, schema, singleton, http = false } = kind;
  return {
    eventType,
    schema,
    singleton,
    http,
    run: async (spec, path, context, signal) => kind.run(schema.parse(spec, path), context, signal),
  };
}

export const sourceKinds: Readonly<Record<string, AnySourceKind>> = {
  calendar: defineSource(calendarSource),
  nats: defineSource(natsSource),
  webhook: defineSource(webhookSource),
};

/** Keys of the spec that have no adapter yet: known, so that they are told apart from a misspelt key. */
export const unsupportedSourceKinds = [
  "amqp",
  "azureEventsHub",
  "azureQueueStorage",
  "azureServiceBus",
  "bitbucket",
  "bitbucketserver",
  "emitter",
  "file",
  "generic",
  "gerrit",
  "github",
  "gitlab",
  "hdfs",
  "kafka",
  "minio",
  "mns",
  "mqtt",
  "nsq",
  "pubSub",
  "pulsar",
  "redis",
  "redisStream",
  "resource",
  "sftp",
  "slack",
  "sns",
  "sqs",
  "storageGrid",
  "stripe",
] as const;

/** By the spec's key: what `api` needs to parse EventSources. */
export function sourceSchemas(): Readonly<Record<string, Schema<unknown>>> {
  return Object.fromEntries(Object.entries(sourceKinds).map(([key, kind]) => [key, kind.schema]));
}
