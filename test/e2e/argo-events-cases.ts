/** What is sent to the Sensor of a manifest, and what has to become of it. */
export interface SensorCase {
  /** Default: `{"body": {"message": "hello", …}}`. */
  readonly data?: object;
  /** Effects by trigger: how each ends. Default: each creates an object and succeeds. */
  readonly effects?: Readonly<Record<string, RegExp>>;
  /** No trigger fires: the verdict of the decision. */
  readonly verdict?: "rejected" | "error";
  /** A join: further events, by event source. */
  readonly also?: Readonly<Record<string, object>>;
}

const created = /^succeeded created argoproj\.io\/v1alpha1\/Workflow\//;
const minioData = { notification: [{ s3: { bucket: { name: "input" }, object: { key: "a.txt" } } }] };

/** By file below `shared/fixtures/argo-events`. */
export const sensorCases: Readonly<Record<string, SensorCase>> = {
  "sensors/azure-event-hubs-sensor.yaml": { effects: { "azure-eventhubs-trigger": /^dead .*azureEventHubs/ } },
  "sensors/custom-trigger.yaml": {
    data: { body: { url: "u", namespace: "n" } },
    effects: { "webhook-workflow-trigger": /^succeeded custom: .* executed it$/ },
  },
  "sensors/complete-trigger-parameterization.yaml": {
    data: {
      name: "named",
      bucket: "workflows",
      key: "hello-world.yaml",
      port: "",
      namespace: "argo-events-it",
      image: "x",
    },
    effects: { THIS_WILL_BE_REPLACED_BY_NAME_FROM_EVENT: created },
  },
  "sensors/email-trigger.yaml": {
    data: { body: { to: "b@example.com", name: "Luke" } },
    effects: { "email-trigger": /^succeeded / },
  },
  "sensors/file.yaml": { data: { name: "x.txt", op: "CREATE" } },
  "sensors/filter-with-context.yaml": { verdict: "rejected" },
  "sensors/filter-with-data-simple-3.yaml": { data: { body: { value: 50 } } },
  "sensors/filter-with-expressions.yaml": {
    data: { a: "b", "a-longer-name": 11, name: "n", nested: { path: { "can-get": { longer: false } } } },
  },
  "sensors/filter-with-multiple-expr-filters-in-or.yaml": {
    data: { a: "c", "a-longer-name": 10, name: "n", nested: { path: { "can-get": { longer: false } } } },
  },
  "sensors/filter-with-multiple-filters-mixed.yaml": { data: { a: "b", c: 10, d: { e: false }, name: "n" } },
  "sensors/gitlab-emoji.yaml": {
    data: {
      body: {
        object_kind: "emoji",
        object_attributes: { name: "thumbsup", awardable_type: "Issue" },
        user: { username: "luke" },
        issue: { title: "t" },
      },
    },
    effects: { "emoji-notification-trigger": /^succeeded logged/, "emoji-workflow-trigger": created },
  },
  "sensors/http-trigger.yaml": { data: minioData, effects: { "http-trigger": /^succeeded / } },
  "sensors/log.yaml": { data: { eventTime: "t" }, effects: { "log-trigger": /^succeeded logged/ } },
  "sensors/sftp.yaml": { data: { name: "x.txt", op: "CREATE" } },
  "sensors/redis-streams.yaml": { data: { stream: "s", message_id: "1-0", values: { a: "1" } } },
  "sensors/trigger-nats-messages.yaml": { data: minioData, effects: { "nats-trigger": /^succeeded / } },
  "sensors/trigger-source-git.yaml": {
    effects: {
      "workflow-trigger-1": created,
      // The keys that are there open nothing.
      "workflow-trigger-2": /^dead .*git/i,
      "workflow-trigger-3": /^dead /,
    },
  },
  "sensors/trigger-standard-k8s-resource.yaml": { effects: { "webhook-pod-trigger": /^succeeded created v1\/Pod\// } },
  "sensors/special-workflow-trigger-submit-existing.yml": { effects: { "argo-workflow-trigger": created } },
  "tutorials/04-standard-k8s-resources/sensor-deployment.yaml": {
    effects: { "webhook-deployment-trigger": /^succeeded created apps\/v1\/Deployment\// },
  },
  "tutorials/06-trigger-conditions/sensor-02.yaml": { also: { minio: minioData } },
};

/** Depends on the time of day: both ends are right. */
export const timed: ReadonlySet<string> = new Set([
  "sensors/filter-with-time-timezone.yaml",
  "sensors/time-filter-webhook.yaml",
]);

export const usual = { effects: created, data: { body: { message: "hello", a: "b" } } };

/** EventSources that do not become active: what their condition says. */
export const sourceRefusals: Readonly<Record<string, RegExp>> = {
  "event-sources/azure-queue-storage.yaml": /Secret "[^"]+" |azureQueueStorage/,
  "event-sources/bitbucket.yaml": /Secret "bitbucket-access" /,
  "event-sources/hdfs.yaml": /hdfs/,
  "event-sources/pulsar.yaml": /pulsar/,
  "event-sources/sftp.yaml": /Secret "address" /,
  "event-sources/storage-grid.yaml": /Secret "name of k8s secret that holds storagegrid auth token" /,
};
