import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { User } from "../request.ts";
import type { ObjectStore } from "../store.ts";
import { type Attributes, isSubject, type PolicyRule, readRules, ruleAllows } from "./rbac.ts";

export const admins = "system:masters";
const group = "rbac.authorization.k8s.io";

/** Who may do what: RBAC from the roles and bindings that are stored. Members of `system:masters` may everything. */
export interface Authorizer {
  /** Undefined: no; otherwise why. */
  allows(user: User, wanted: Attributes): string | undefined;
  /** All rules that hold for a user in a namespace ("" for none). */
  rulesOf(user: User, namespace: string): readonly PolicyRule[];
  /** To be told of each resource that changed. */
  notify(resource: string): void;
}

interface Binding {
  readonly name: string;
  readonly kind: string;
  /** "" for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly subjects: readonly JsonObject[];
  readonly role: string;
  readonly rules: readonly PolicyRule[];
}

export function createAuthorizer(store: ObjectStore): Authorizer {
  let bindings: readonly Binding[] | undefined;
  const known = (): readonly Binding[] => {
    bindings ??= readBindings(store);
    return bindings;
  };
  const bindingsOf = (user: User, namespace: string): readonly Binding[] =>
    known().filter(
      (binding) =>
        (binding.namespace === "" || binding.namespace === namespace) &&
        binding.subjects.some((subject) => isSubject(subject, user, binding.namespace)),
    );
  return {
    allows(user, wanted) {
      if (user.groups.includes(admins)) return "";
      const place = wanted.path === undefined ? wanted.namespace : "";
      const found = bindingsOf(user, place).find(({ rules }) => rules.some((rule) => ruleAllows(rule, wanted)));
      if (found === undefined) return undefined;
      const name = found.namespace === "" ? found.name : `${found.name}/${found.namespace}`;
      return `RBAC: allowed by ${found.kind} "${name}" of ${found.role}`;
    },
    rulesOf(user, namespace) {
      if (user.groups.includes(admins)) return [everything, everyPath];
      return bindingsOf(user, namespace).flatMap(({ rules }) => rules);
    },
    notify(resource) {
      if (resource.startsWith(`${group}/`)) bindings = undefined;
    },
  };
}

const none = { resourceNames: [], nonResourceURLs: [], apiGroups: [], resources: [] };
const everything: PolicyRule = { ...none, verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const everyPath: PolicyRule = { ...none, verbs: ["*"], nonResourceURLs: ["*"] };

/** A binding whose role is not there gives nothing. */
function readBindings(store: ObjectStore): readonly Binding[] {
  const list = (plural: string): readonly JsonObject[] =>
    store.list(`${group}/${plural}`, { limit: -1 }).map(({ text }) => parseJson(text) as JsonObject);
  const rules = new Map<string, readonly PolicyRule[]>();
  for (const role of [...list("clusterroles"), ...list("roles")]) rules.set(roleKey(role), readRules(role));
  return [...list("clusterrolebindings"), ...list("rolebindings")].flatMap((binding): Binding[] => {
    const metadata = isJsonObject(binding.metadata) ? binding.metadata : {};
    const role = isJsonObject(binding.roleRef) ? binding.roleRef : {};
    const namespace = String(metadata.namespace ?? "");
    const name = String(role.name ?? "");
    const found = rules.get(role.kind === "Role" ? `${namespace}/${name}` : `/${name}`);
    if (found === undefined) return [];
    return [
      {
        name: String(metadata.name),
        kind: String(binding.kind),
        namespace,
        subjects: Array.isArray(binding.subjects) ? binding.subjects.filter(isJsonObject) : [],
        role: `${String(role.kind)} "${name}"`,
        rules: found,
      },
    ];
  });
}

function roleKey({ metadata }: JsonObject): string {
  const { namespace = "", name = "" } = isJsonObject(metadata) ? metadata : {};
  return `${String(namespace)}/${String(name)}`;
}
