import type { SourceKindSchema } from "../../api/source-kinds.ts";
import type { Schema } from "../../base/schema.ts";
import { amqpSource } from "./amqp.ts";
import { azureEventsHubSchema } from "./azure-events-hub.ts";
import { azureQueueStorageSource } from "./azure-queue-storage.ts";
import { azureServiceBusSchema } from "./azure-service-bus.ts";
import { bitbucketSource } from "./bitbucket.ts";
import { bitbucketserverSource } from "./bitbucketserver.ts";
import { calendarSource } from "./calendar.ts";
import { emitterSource } from "./emitter.ts";
import { fileSource } from "./file.ts";
import { genericSource } from "./generic.ts";
import { gerritSource } from "./gerrit.ts";
import { githubSource } from "./github.ts";
import { gitlabSource } from "./gitlab.ts";
import { hdfsSchema } from "./hdfs.ts";
import { jetstreamSource } from "./jetstream.ts";
import { kafkaSource } from "./kafka.ts";
import { minioSource } from "./minio.ts";
import { mnsSchema } from "./mns.ts";
import { mqttSource } from "./mqtt.ts";
import { natsSource } from "./nats.ts";
import { nsqSource } from "./nsq.ts";
import { pubSubSource } from "./pub-sub.ts";
import { pulsarSchema } from "./pulsar.ts";
import { redisSource } from "./redis.ts";
import { redisStreamSource } from "./redis-stream.ts";
import { resourceSource } from "./resource.ts";
import { sftpSource } from "./sftp.ts";
import { slackSource } from "./slack.ts";
import { snsSource } from "./sns.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { sqsSource } from "./sqs.ts";
import { storageGridSource } from "./storage-grid.ts";
import { stripeSource } from "./stripe.ts";
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
  amqp: defineSource(amqpSource),
  azureQueueStorage: defineSource(azureQueueStorageSource),
  bitbucket: defineSource(bitbucketSource),
  bitbucketserver: defineSource(bitbucketserverSource),
  calendar: defineSource(calendarSource),
  emitter: defineSource(emitterSource),
  file: defineSource(fileSource),
  generic: defineSource(genericSource),
  gerrit: defineSource(gerritSource),
  github: defineSource(githubSource),
  gitlab: defineSource(gitlabSource),
  jetstream: defineSource(jetstreamSource),
  kafka: defineSource(kafkaSource),
  minio: defineSource(minioSource),
  mqtt: defineSource(mqttSource),
  nats: defineSource(natsSource),
  nsq: defineSource(nsqSource),
  pubSub: defineSource(pubSubSource),
  redis: defineSource(redisSource),
  redisStream: defineSource(redisStreamSource),
  resource: defineSource(resourceSource),
  sftp: defineSource(sftpSource),
  slack: defineSource(slackSource),
  sns: defineSource(snsSource),
  sqs: defineSource(sqsSource),
  storageGrid: defineSource(storageGridSource),
  stripe: defineSource(stripeSource),
  webhook: defineSource(webhookSource),
};

/** Kinds that have no adapter yet, only their schema: they are checked and warned about, and do not run. */
const plannedKinds = {
  azureEventsHub: azureEventsHubSchema,
  azureServiceBus: azureServiceBusSchema,
  hdfs: hdfsSchema,
  mns: mnsSchema,
  pulsar: pulsarSchema,
} as const satisfies Readonly<Record<string, Schema<unknown>>>;

/** By the spec's key: what `api` needs to parse EventSources. */
export function sourceSchemas(): Readonly<Record<string, SourceKindSchema>> {
  const running = Object.entries(sourceKinds).map(([key, kind]) => [key, kind.schema] as const);
  const planned = Object.entries(plannedKinds).map(([key, schema]) => [key, { ...schema, isPlanned: true }] as const);
  return Object.fromEntries([...planned, ...running]);
}
