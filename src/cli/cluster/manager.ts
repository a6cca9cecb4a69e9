import { setTimeout as sleep } from "node:timers/promises";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

export interface ManagerOptions {
  /** Where the service account is. */
  readonly namespace: string;
  /** The only namespaces in which it may act; empty: everywhere. */
  readonly namespaces: readonly string[];
  /** One that is there, with its rights; absent: `argocd-manager` is made. */
  readonly serviceAccount?: string;
}

const manager = "argocd-manager";
const rbac = "rbac.authorization.k8s.io/v1";
const tokenDeadlineMs = 30_000;
const pollMs = 250;

/**
 * Makes the service account `argocd-manager` with the right to do everything (spec argo-cd-surface 5.4), and a token for
 * it that does not end. What is there already stays, so that it can be repeated.
 */
export async function installManager(kube: KubeClient, options: ManagerOptions): Promise<string> {
  const { namespace, namespaces, serviceAccount: given } = options;
  const name = given ?? manager;
  if (given === undefined) {
    await ensure(kube, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
    for (const object of rightsOf({ name, namespace }, namespaces)) await ensure(kube, object);
  }
  const secret = `${name}-long-lived-token`;
  const annotations = { "kubernetes.io/service-account.name": name };
  const type = "kubernetes.io/service-account-token";
  await ensure(kube, { apiVersion: "v1", kind: "Secret", metadata: { name: secret, namespace, annotations }, type });
  return readToken(kube, namespace, secret);
}

function rightsOf(account: { readonly name: string; readonly namespace: string }, namespaces: readonly string[]) {
  const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  const subjects = [{ kind: "ServiceAccount", ...account }];
  const [role, binding] = [`${manager}-role`, `${manager}-role-binding`];
  const ref = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: role });
  if (namespaces.length === 0) {
    const nonResource = [{ nonResourceURLs: ["*"], verbs: ["*"] }];
    return [
      { apiVersion: rbac, kind: "ClusterRole", metadata: { name: role }, rules: [...rules, ...nonResource] },
      {
        apiVersion: rbac,
        kind: "ClusterRoleBinding",
        metadata: { name: binding },
        roleRef: ref("ClusterRole"),
        subjects,
      },
    ];
  }
  return namespaces.flatMap((namespace) => [
    { apiVersion: rbac, kind: "Role", metadata: { name: role, namespace }, rules },
    { apiVersion: rbac, kind: "RoleBinding", metadata: { name: binding, namespace }, roleRef: ref("Role"), subjects },
  ]);
}

/**
 * Takes away what `installManager` made, but not a service account that was there before. Gives the names of what is gone,
 * e.g. `ClusterRole argocd-manager-role`.
 */
export async function uninstallManager(
  kube: KubeClient,
  { namespace, namespaces }: Omit<ManagerOptions, "serviceAccount">,
): Promise<readonly string[]> {
  const account = { name: manager, namespace };
  const token = { apiVersion: "v1", kind: "Secret", namespace, name: `${manager}-long-lived-token` };
  // Both forms: its namespaces may have been changed since.
  const objects = [...rightsOf(account, []), ...(namespaces.length === 0 ? [] : rightsOf(account, namespaces))];
  const rights = objects.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    ...metadata,
  }));
  const gone: string[] = [];
  // Bindings first: the account loses its rights at once.
  const all = [...rights.toReversed(), token, { apiVersion: "v1", kind: "ServiceAccount", ...account }];
  for (const ref of all) if (await kube.delete(ref)) gone.push(`${ref.kind} ${ref.name}`);
  return gone;
}

async function ensure(kube: KubeClient, object: KubeObject): Promise<void> {
  try {
    await kube.create(object, { fieldManager: "tiphys" });
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "API_CONFLICT") throw error;
  }
}

/** The cluster writes it a moment later. @throws EngineError WAIT_TIMEOUT */
async function readToken(kube: KubeClient, namespace: string, name: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < tokenDeadlineMs; waitedMs += pollMs) {
    const data = (await kube.get({ apiVersion: "v1", kind: "Secret", namespace, name }))?.data;
    const token = isJsonObject(data) ? data.token : undefined;
    if (typeof token === "string" && token !== "") return Buffer.from(token, "base64").toString("utf8");
    await sleep(pollMs);
  }
  throw new EngineError("WAIT_TIMEOUT", `the cluster wrote no token into Secret "${namespace}/${name}" within 30 s`);
}
