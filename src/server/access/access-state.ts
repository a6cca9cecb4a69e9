import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { controllerNamespace } from "../application-query.ts";
import { type Account, accountsIn, type Texts } from "./accounts.ts";
import { builtInPolicy } from "./built-in-policy.ts";
import { createJudge, type Enforcer, faultsOf, type MatchMode, projectPolicyOf } from "./enforcer.ts";
import { joined, noPolicy, type Policy, tryPolicy } from "./policy.ts";

/** What the cluster says about who may do what, at one moment. */
export interface AccessState {
  readonly accounts: ReadonlyMap<string, Account>;
  /** Of `argocd-cm`. */
  readonly settings: Texts;
  /** Signs tokens; empty when there is none yet. */
  readonly key: Uint8Array;
  /** Ids of tokens that were given back. */
  readonly revoked: ReadonlySet<string>;
  readonly judge: Enforcer;
  /** The spec of a project. */
  project(name: string): JsonObject | undefined;
}

export interface AccessStateReader {
  /** At most a second old. @throws EngineError API_* while the cluster does not answer */
  read(): Promise<AccessState>;
  /** After a write of our own. */
  forget(): void;
}

const keptMs = 1_000;
const readTimeoutMs = 5_000;
/** Where ids of tokens stand that were given back before their time. */
export const revokedSecret = "tiphys-revoked-tokens";

export function createAccessStateReader(kube: KubeClient, clock: Clock, log: Logger): AccessStateReader {
  const follow = createPolicyFollower(log);
  let known: { readonly state: Promise<AccessState>; readonly atMs: number } | undefined;
  return {
    read() {
      const now = clock.monotonicMs();
      if (known === undefined || now - known.atMs >= keptMs) {
        const state = readState(kube, follow);
        state.catch(() => {
          known = undefined; // a failure is not kept
        });
        known = { state, atMs: now };
      }
      return known.state;
    },
    forget() {
      known = undefined;
    },
  };
}

async function readState(kube: KubeClient, follow: PolicyFollower): Promise<AccessState> {
  const signal = AbortSignal.timeout(readTimeoutMs);
  const read = (kind: "Secret" | "ConfigMap", name: string) =>
    kube.get({ apiVersion: "v1", kind, namespace: controllerNamespace, name }, signal);
  const [settings, rules, secret, revoked, projects] = await Promise.all([
    read("ConfigMap", "argocd-cm"),
    read("ConfigMap", "argocd-rbac-cm"),
    read("Secret", "argocd-secret"),
    read("Secret", revokedSecret),
    kube.list({ apiVersion: argoApiVersion, kind: "AppProject" }, { namespace: controllerNamespace }, signal),
  ]);
  const specs = new Map(projects.items.map((one) => [one.metadata.name ?? "", specOf(one)]));
  const cm = textsIn(settings?.data);
  return {
    accounts: accountsIn(cm, decodedTexts(secret?.data)),
    settings: cm,
    key: Buffer.from(textsIn(secret?.data)["server.secretkey"] ?? "", "base64"),
    revoked: new Set(Object.keys(textsIn(revoked?.data))),
    judge: judgeOf(follow(textsIn(rules?.data), cm), specs),
    project: (name) => specs.get(name),
  };
}

function judgeOf({ policy, mode, defaultRole }: UserRules, specs: ReadonlyMap<string, JsonObject>): Enforcer {
  return createJudge({
    policy: joined(builtInPolicy, policy),
    mode,
    defaultRole,
    projectPolicy(project) {
      const spec = specs.get(project);
      const texts = (value: JsonValue | undefined): string[] => listOf(value).map(textOf);
      const roles = objectsOf(spec?.roles).map((role) => ({
        name: textOf(role.name),
        policies: texts(role.policies),
        groups: texts(role.groups),
      }));
      return spec && projectPolicyOf(project, roles);
    },
  });
}

interface UserRules {
  readonly policy: Policy;
  readonly mode: MatchMode;
  readonly defaultRole: string;
}

/** Reads `argocd-rbac-cm`; a policy that cannot be read leaves the one before it in force, and is told once. */
type PolicyFollower = (rules: Texts, settings: Texts) => UserRules;

function createPolicyFollower(log: Logger): PolicyFollower {
  let last: { readonly policy: Policy; readonly mode: MatchMode } = { policy: noPolicy, mode: "glob" };
  const told = new Set<string>();
  const tell = (message: string, fields: Readonly<Record<string, string>>): void => {
    const key = message + JSON.stringify(fields);
    if (told.has(key)) return;
    if (told.size > 100) told.clear();
    told.add(key);
    log.warn(message, fields);
  };
  return (rules, settings) => {
    for (const key of ["oidc.config", "dex.config"]) {
      if (settings[key]) tell("single sign-on is not supported: local accounts are", { setting: `argocd-cm ${key}` });
    }
    const mode = rules["policy.matchMode"]?.trim() === "regex" ? "regex" : "glob";
    const found = tryPolicy(policyText(rules), "argocd-rbac-cm");
    const faults = "fault" in found ? [found.fault] : faultsOf(found, mode);
    if (faults.length > 0) tell("the policy cannot be read: the one before it counts", { fault: faults.join("; ") });
    else if (!("fault" in found)) last = { policy: found, mode };
    return { ...last, defaultRole: rules["policy.default"]?.trim() ?? "" };
  };
}

/** `policy.csv` first, then every `policy.<x>.csv` by key. */
function policyText(rules: Texts): string {
  const others = Object.keys(rules).filter((key) => /^policy\..+\.csv$/.test(key));
  return ["policy.csv", ...others.toSorted()].map((key) => rules[key] ?? "").join("\n");
}

function specOf({ spec }: KubeObject): JsonObject {
  return objectOf(spec as JsonValue | undefined);
}

/** The fields that are texts. */
export function textsIn(data: unknown): Texts {
  const entries = Object.entries(isJsonObject(data) ? data : {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

export function decodedTexts(data: unknown): Texts {
  const entries = Object.entries(textsIn(data));
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));
}
