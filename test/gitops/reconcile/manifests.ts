import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";

/** A field that may be there. */
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const record = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<JsonObject> =>
  fc.record(fields).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const some = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const list = <T>(item: fc.Arbitrary<T>, maxLength = 2): fc.Arbitrary<T[]> => fc.array(item, { maxLength });
const uniqueBy = (item: fc.Arbitrary<JsonObject>, key: string, maxLength = 3): fc.Arbitrary<JsonObject[]> =>
  fc.uniqueArray(item, { maxLength, selector: (one) => JSON.stringify(one[key]) });

const text = some("", "a", "yes", "1", "multi\nline", "ünï", "a.b/c");
const data = fc.dictionary(some("a", "b", "c.txt", "d-e"), text, { maxKeys: 3 });
const labels = maybe(fc.dictionary(some("app", "tier", "example.com/x"), some("", "web", "1"), { maxKeys: 2 }));
const metadata = record({
  labels,
  annotations: maybe(fc.dictionary(some("note", "example.com/y"), text, { maxKeys: 2 })),
});
const object = (
  apiVersion: string,
  kind: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<JsonObject> =>
  record({ apiVersion: fc.constant(apiVersion), kind: fc.constant(kind), metadata, ...fields });

const quantities = maybe(
  record({
    cpu: maybe(some<JsonValue>("100m", "0.1", "1", 1, "1000m", "0.50")),
    memory: maybe(some<JsonValue>("64Mi", "1Gi", "1024Mi", "1000000", 1048576, "0.5Gi")),
  }),
);
const handler = fc.oneof(
  record({
    httpGet: record({
      path: maybe(some("/", "/healthz")),
      port: some<JsonValue>(80, "http"),
      scheme: maybe(some("HTTP", "HTTPS")),
    }),
  }),
  record({ tcpSocket: record({ port: some<JsonValue>(80, "http") }) }),
  record({ exec: record({ command: fc.constant(["true"]) }) }),
);
const probe = maybe(
  fc
    .tuple(
      handler,
      record({
        periodSeconds: maybe(some(1, 10)),
        timeoutSeconds: maybe(some(1, 5)),
        initialDelaySeconds: maybe(some(0, 5)),
        failureThreshold: maybe(some(3, 5)),
      }),
    )
    .map(([how, when]) => ({ ...how, ...when })),
);
const port = record({
  containerPort: some(80, 8080, 9090),
  name: maybe(some("http", "metrics")),
  protocol: maybe(some("TCP", "UDP")),
});
const env = record({
  name: some("A", "B", "C"),
  value: maybe(text),
}).chain((plain) =>
  fc.oneof(
    fc.constant(plain),
    some<JsonObject>(
      { fieldRef: { fieldPath: "metadata.name" } },
      { secretKeyRef: { name: "s", key: "k" } },
      { configMapKeyRef: { name: "c", key: "k", optional: true } },
      { resourceFieldRef: { resource: "limits.cpu" } },
    ).map((valueFrom): JsonObject => ({ name: plain.name ?? "", valueFrom })),
  ),
);
const container = record({
  name: some("main", "side", "third"),
  image: some("nginx", "nginx:1.27", "nginx:latest", `ghcr.io/a/b@sha256:${"0".repeat(64)}`),
  imagePullPolicy: maybe(some("Always", "IfNotPresent")),
  command: maybe(list(text)),
  args: maybe(list(text)),
  ports: maybe(uniqueBy(port, "containerPort")),
  env: maybe(uniqueBy(env, "name")),
  envFrom: maybe(list(some<JsonObject>({ configMapRef: { name: "c" } }, { secretRef: { name: "s" }, prefix: "P_" }))),
  resources: maybe(record({ limits: quantities, requests: quantities })),
  livenessProbe: probe,
  readinessProbe: probe,
  volumeMounts: maybe(
    uniqueBy(
      record({
        name: some("v1", "v2"),
        mountPath: some("/a", "/b"),
        readOnly: maybe(fc.boolean()),
        subPath: maybe(some("", "x")),
      }),
      "mountPath",
    ),
  ),
  securityContext: maybe(
    record({
      runAsNonRoot: maybe(fc.boolean()),
      privileged: maybe(fc.boolean()),
      capabilities: maybe(some<JsonObject>({ drop: ["ALL"] })),
    }),
  ),
  lifecycle: maybe(
    some<JsonObject>({ preStop: { exec: { command: ["sleep", "1"] } } }, { preStop: { httpGet: { port: 80 } } }),
  ),
});
const volume = fc
  .tuple(
    some("v1", "v2", "v3"),
    some<JsonObject>(
      {},
      { emptyDir: {} },
      { emptyDir: { sizeLimit: "1024Mi" } },
      { configMap: { name: "c" } },
      { configMap: { name: "c", defaultMode: 256, items: [{ key: "a", path: "b" }] } },
      { secret: { secretName: "s" } },
      { hostPath: { path: "/x" } },
      { persistentVolumeClaim: { claimName: "p" } },
      { downwardAPI: { items: [{ path: "n", fieldRef: { fieldPath: "metadata.name" } }] } },
      { projected: { sources: [{ serviceAccountToken: { path: "t" } }, { secret: { name: "s" } }] } },
    ),
  )
  .map(([name, source]): JsonObject => ({ name, ...source }));
const podSpec = (restartPolicy: fc.Arbitrary<string | undefined>): fc.Arbitrary<JsonObject> =>
  record({
    containers: fc.uniqueArray(container, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
    initContainers: maybe(uniqueBy(container, "name", 1)),
    volumes: maybe(uniqueBy(volume, "name")),
    restartPolicy,
    serviceAccountName: maybe(some("default", "robot")),
    serviceAccount: maybe(some("robot")),
    terminationGracePeriodSeconds: maybe(some(0, 30, 60)),
    hostNetwork: maybe(fc.boolean()),
    nodeSelector: maybe(fc.dictionary(some("disk"), some("ssd", ""), { maxKeys: 1 })),
    imagePullSecrets: maybe(list(some<JsonObject>({ name: "reg" }), 1)),
    securityContext: maybe(some<JsonObject>({}, { fsGroup: 1000 }, { runAsUser: 0 })),
    tolerations: maybe(
      list(some<JsonObject>({ key: "a", operator: "Exists" }, { key: "b", value: "c", effect: "NoSchedule" })),
    ),
    topologySpreadConstraints: maybe(
      list(fc.constant({ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }), 1),
    ),
    affinity: maybe(
      some<JsonObject>({
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: "h" } }],
        },
      }),
    ),
  });
const selected = { matchLabels: { app: "x" } };
const template = (restartPolicy: fc.Arbitrary<string | undefined>) =>
  podSpec(restartPolicy).map((spec): JsonObject => ({ metadata: { labels: { app: "x" } }, spec }));
const always = maybe(fc.constant("Always"));
const once = some("Never", "OnFailure");

const deployment = object("apps/v1", "Deployment", {
  spec: record({
    replicas: maybe(some(0, 1, 3)),
    selector: fc.constant(selected),
    template: template(always),
    strategy: maybe(
      some<JsonObject>(
        {},
        { type: "Recreate" },
        { type: "RollingUpdate" },
        { rollingUpdate: { maxSurge: 1 } },
        { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "50%" } },
      ),
    ),
    revisionHistoryLimit: maybe(some(0, 3, 10)),
    minReadySeconds: maybe(some(0, 5)),
    paused: maybe(fc.boolean()),
  }),
});
const statefulSet = object("apps/v1", "StatefulSet", {
  spec: record({
    replicas: maybe(some(0, 1)),
    serviceName: maybe(some("", "s")),
    selector: fc.constant(selected),
    template: template(always),
    updateStrategy: maybe(
      some<JsonObject>({}, { type: "OnDelete" }, { type: "RollingUpdate", rollingUpdate: { partition: 0 } }),
    ),
    volumeClaimTemplates: maybe(
      list(
        some<JsonObject>({
          metadata: { name: "d" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } },
        }),
        1,
      ),
    ),
  }),
});
const daemonSet = object("apps/v1", "DaemonSet", {
  spec: record({ selector: fc.constant(selected), template: template(always) }),
});
const jobSpec = record({
  template: podSpec(once).map((spec): JsonObject => ({ spec })),
  backoffLimit: maybe(some(0, 6)),
  completions: maybe(some(1, 2)),
  parallelism: maybe(some(0, 1)),
  suspend: maybe(fc.boolean()),
  ttlSecondsAfterFinished: maybe(some(0, 60)),
});
const job = object("batch/v1", "Job", { spec: jobSpec });
const cronJob = object("batch/v1", "CronJob", {
  spec: record({
    schedule: some("* * * * *", "@daily"),
    jobTemplate: record({ spec: jobSpec }),
    concurrencyPolicy: maybe(some("Allow", "Forbid")),
    suspend: maybe(fc.boolean()),
    successfulJobsHistoryLimit: maybe(some(0, 3)),
  }),
});
const service = object("v1", "Service", {
  spec: record({
    type: maybe(some("ClusterIP", "NodePort", "LoadBalancer")),
    selector: maybe(some<JsonObject>({}, { app: "x" })),
    ports: uniqueBy(
      record({
        port: some(80, 443, 53),
        name: fc.constant("x"),
        targetPort: maybe(some<JsonValue>(80, "http")),
        protocol: maybe(some("TCP", "UDP")),
      }),
      "port",
    ).map((ports) =>
      (ports.length > 0 ? ports : [{ port: 80 }]).map((one, index): JsonObject => ({ ...one, name: `p${index}` })),
    ),
    sessionAffinity: maybe(some("None", "ClientIP")),
    publishNotReadyAddresses: maybe(fc.boolean()),
    externalTrafficPolicy: fc.constant(undefined),
  }),
});
const headless = fc.constant<JsonObject>({
  apiVersion: "v1",
  kind: "Service",
  metadata: {},
  spec: { clusterIP: "None", selector: { app: "x" } },
});
const configMap = object("v1", "ConfigMap", {
  data: maybe(data),
  immutable: maybe(fc.boolean()),
  binaryData: maybe(some<JsonObject>({}, { z: "AAE=" })),
});
const base64 = data.map((all) =>
  Object.fromEntries(Object.entries(all).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
);
const secret = object("v1", "Secret", {
  type: maybe(some("Opaque", "example.com/x")),
  data: maybe(base64),
  stringData: maybe(data),
});
const ingress = object("networking.k8s.io/v1", "Ingress", {
  spec: record({
    ingressClassName: maybe(some("nginx")),
    defaultBackend: maybe(some<JsonObject>({ service: { name: "s", port: { number: 80 } } })),
    rules: list(
      record({
        host: maybe(some("a.example", "")),
        http: maybe(
          record({
            paths: fc.constant([
              { path: "/", pathType: "Prefix", backend: { service: { name: "s", port: { name: "http" } } } },
            ]),
          }),
        ),
      }),
    ),
    tls: maybe(list(some<JsonObject>({ hosts: ["a.example"], secretName: "t" }), 1)),
  }),
});
const scaler = object("autoscaling/v2", "HorizontalPodAutoscaler", {
  spec: record({
    scaleTargetRef: fc.constant({ apiVersion: "apps/v1", kind: "Deployment", name: "web" }),
    minReplicas: maybe(some(1, 2)),
    maxReplicas: some(3, 5),
    metrics: maybe(
      list(
        some<JsonObject>(
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
          { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "1024Mi" } } },
        ),
      ),
    ),
    behavior: maybe(
      some<JsonObject>(
        { scaleDown: { stabilizationWindowSeconds: 60 } },
        { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 15 }] } },
      ),
    ),
  }),
});
const claim = object("v1", "PersistentVolumeClaim", {
  spec: record({
    accessModes: fc.constant(["ReadWriteOnce"]),
    resources: fc.constant({ requests: { storage: "1024Mi" } }),
    storageClassName: maybe(some("", "fast")),
    volumeMode: maybe(some("Filesystem", "Block")),
  }),
});
const rule = record({
  apiGroups: maybe(some([""], ["apps", ""])),
  resources: maybe(some(["pods"], ["pods", "pods/log"])),
  verbs: some(["get"], ["get", "list"]),
  resourceNames: maybe(some<string[]>([], ["x"])),
});
const role = object("rbac.authorization.k8s.io/v1", "Role", { rules: maybe(list(rule)) });
const clusterRole = object("rbac.authorization.k8s.io/v1", "ClusterRole", {
  rules: maybe(list(rule)),
  aggregationRule: maybe(some<JsonObject>({ clusterRoleSelectors: [{ matchLabels: { a: "b" } }] })),
});
const subject = some<JsonObject>(
  { kind: "ServiceAccount", name: "robot", namespace: "default" },
  { kind: "User", name: "ada" },
  { kind: "Group", name: "team", apiGroup: "rbac.authorization.k8s.io" },
);
const roleBinding = object("rbac.authorization.k8s.io/v1", "RoleBinding", {
  roleRef: some<JsonObject>(
    { kind: "Role", name: "r", apiGroup: "rbac.authorization.k8s.io" },
    { kind: "ClusterRole", name: "r" },
    { kind: "Role", name: "r", apiGroup: "" },
  ),
  subjects: maybe(list(subject)),
});
const account = object("v1", "ServiceAccount", {
  automountServiceAccountToken: maybe(fc.boolean()),
  imagePullSecrets: maybe(list(some<JsonObject>({ name: "r" }), 1)),
});
const networkPolicy = object("networking.k8s.io/v1", "NetworkPolicy", {
  spec: record({
    podSelector: some<JsonObject>({}, selected),
    ingress: maybe(list(some<JsonObject>({}, { ports: [{ port: 80 }] }, { from: [{ podSelector: {} }] }))),
    policyTypes: maybe(some(["Ingress"], ["Ingress", "Egress"])),
  }),
});
const budget = object("policy/v1", "PodDisruptionBudget", {
  spec: record({ selector: fc.constant(selected), minAvailable: maybe(some<JsonValue>(0, 1, "50%")) }),
});
const quota = object("v1", "ResourceQuota", {
  spec: record({ hard: some<JsonObject>({ "requests.cpu": "1000m", pods: "10" }, { "limits.memory": "1024Mi" }) }),
});
const limitRange = object("v1", "LimitRange", {
  spec: fc.constant({ limits: [{ type: "Container", default: { cpu: "0.5" }, defaultRequest: { memory: "1024Mi" } }] }),
});
const namespace = object("v1", "Namespace", {});
const priorityClass = object("scheduling.k8s.io/v1", "PriorityClass", {
  value: some(0, 10),
  globalDefault: maybe(fc.boolean()),
  description: maybe(text),
});
const storageClass = object("storage.k8s.io/v1", "StorageClass", {
  provisioner: fc.constant("example.com/disk"),
  reclaimPolicy: maybe(some("Delete", "Retain")),
  parameters: maybe(some<JsonObject>({}, { type: "ssd" })),
  allowVolumeExpansion: maybe(fc.boolean()),
});
const pod = fc
  .tuple(metadata, podSpec(maybe(some("Always", "Never"))))
  .map(([meta, spec]): JsonObject => ({ apiVersion: "v1", kind: "Pod", metadata: meta, spec }));

const widget = object("example.com/v1", "Widget", {
  spec: record({
    size: maybe(some(0, 1)),
    empty: maybe(some<JsonValue>({}, [], "")),
    list: maybe(list(some<JsonValue>(1, "a", { a: 1 }))),
  }),
});

/** Objects as they are found in repositories, by kind, without names. */
export const kinds: Readonly<Record<string, fc.Arbitrary<JsonObject>>> = {
  deployment,
  statefulSet,
  daemonSet,
  job,
  cronJob,
  service,
  headless,
  configMap,
  secret,
  ingress,
  scaler,
  claim,
  role,
  clusterRole,
  roleBinding,
  account,
  networkPolicy,
  budget,
  quota,
  limitRange,
  namespace,
  priorityClass,
  storageClass,
  pod,
  widget,
};
