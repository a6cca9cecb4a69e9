import type { JsonObject } from "../../base/json.ts";

const group = "rbac.authorization.k8s.io";
const apiVersion = `${group}/v1`;
const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };

const read = ["get", "list", "watch"];
const write = ["create", "delete", "deletecollection", "patch", "update"];
const all = [...read, ...write];

/** What people of a namespace work with, beside Secrets and rights. */
const resources: Readonly<Record<string, readonly string[]>> = {
  "": [
    ..."configmaps endpoints events persistentvolumeclaims pods replicationcontrollers serviceaccounts services".split(
      " ",
    ),
    ..."pods/log pods/status services/status replicationcontrollers/scale limitranges resourcequotas namespaces".split(
      " ",
    ),
  ],
  apps: "controllerrevisions daemonsets deployments replicasets statefulsets deployments/scale replicasets/scale statefulsets/scale".split(
    " ",
  ),
  autoscaling: ["horizontalpodautoscalers"],
  batch: ["cronjobs", "jobs"],
  "discovery.k8s.io": ["endpointslices"],
  "networking.k8s.io": ["ingresses", "networkpolicies"],
  policy: ["poddisruptionbudgets"],
  "coordination.k8s.io": ["leases"],
  "argoproj.io": ["*"],
};

function rulesFor(verbs: readonly string[]): readonly JsonObject[] {
  return Object.entries(resources).map(([apiGroup, list]) => ({ apiGroups: [apiGroup], resources: list, verbs }));
}

const secrets = { apiGroups: [""], resources: ["secrets"], verbs: all };
const tokens = { apiGroups: [""], resources: ["serviceaccounts/token", "pods/eviction"], verbs: ["create"] };
const rights = { apiGroups: [group], resources: ["roles", "rolebindings"], verbs: all };
const reviews = {
  apiGroups: ["authorization.k8s.io"],
  resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
  verbs: ["create"],
};
const myself = { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] };
const paths = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const discovery = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];

function role(name: string, rules: readonly JsonObject[]): JsonObject {
  return { apiVersion, kind: "ClusterRole", metadata: { name, labels }, rules };
}

function binding(name: string, roleName: string, subjects: readonly string[], annotations?: JsonObject): JsonObject {
  return {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name, labels, ...(annotations === undefined ? {} : { annotations }) },
    roleRef: { apiGroup: group, kind: "ClusterRole", name: roleName },
    subjects: subjects.map((subject) => ({ apiGroup: group, kind: "Group", name: subject })),
  };
}

/** The first of `bootstrapRoles`: where it is, the rest was made, and may have been deleted since. */
export const bootstrapMark = "cluster-admin";

/** The roles of every cluster, as far as they mean something here. */
export const bootstrapRoles: readonly JsonObject[] = [
  role(bootstrapMark, [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ]),
  role("admin", [...rulesFor(all), secrets, tokens, rights]),
  role("edit", [...rulesFor(all), secrets, tokens]),
  role("view", rulesFor(read)),
  role("system:basic-user", [reviews, myself]),
  role("system:discovery", [{ nonResourceURLs: [...paths, ...discovery], verbs: ["get"] }]),
];

export const bootstrapBindings: readonly JsonObject[] = [
  binding(bootstrapMark, bootstrapMark, ["system:masters"]),
  binding("system:basic-user", "system:basic-user", ["system:authenticated"]),
  binding("system:discovery", "system:discovery", ["system:authenticated"]),
  // As clusters for one person do: Sensors act as service accounts, and their manifests often leave out the roles.
  binding("tiphys:service-accounts", bootstrapMark, ["system:serviceaccounts"], {
    "tiphys.io/note": "lets every service account do everything; delete it to have roles and bindings decide",
  }),
];
