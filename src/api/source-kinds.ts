import type { Schema } from "../base/schema.ts";

/** What is known of each kind of event source before its adapter is (spec argo-events 2.2), by the spec's key. */
interface SourceKindFacts {
  /** AA: every replica is active. AP: one is. They cannot be mixed in one EventSource. */
  readonly mode: "AA" | "AP";
}

/** The schema of one kind's events. */
export interface SourceKindSchema extends Schema<unknown> {
  /** There is no adapter yet: events are checked, but do not run. */
  readonly isPlanned?: boolean;
}

export const sourceKindFacts: Readonly<Record<string, SourceKindFacts>> = {
  amqp: { mode: "AP" },
  azureEventsHub: { mode: "AP" },
  azureQueueStorage: { mode: "AA" },
  azureServiceBus: { mode: "AP" },
  bitbucket: { mode: "AA" },
  bitbucketserver: { mode: "AA" },
  calendar: { mode: "AP" },
  emitter: { mode: "AP" },
  file: { mode: "AP" },
  generic: { mode: "AP" },
  gerrit: { mode: "AA" },
  github: { mode: "AA" },
  gitlab: { mode: "AA" },
  hdfs: { mode: "AP" },
  /** Of ours. */
  jetstream: { mode: "AA" },
  kafka: { mode: "AP" },
  minio: { mode: "AP" },
  mns: { mode: "AA" },
  mqtt: { mode: "AP" },
  nats: { mode: "AP" },
  nsq: { mode: "AP" },
  pubSub: { mode: "AP" },
  pulsar: { mode: "AP" },
  redis: { mode: "AP" },
  redisStream: { mode: "AP" },
  resource: { mode: "AP" },
  sftp: { mode: "AP" },
  slack: { mode: "AA" },
  sns: { mode: "AA" },
  sqs: { mode: "AA" },
  storageGrid: { mode: "AA" },
  stripe: { mode: "AA" },
  webhook: { mode: "AA" },
};
