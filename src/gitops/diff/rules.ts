import type { IgnoreRule } from "../../api/application-types.ts";
import {
  type CompareOptions,
  defaultResourceSettings,
  type KnownTypeField,
  type ResourceSettings,
} from "../../api/resource-settings.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "./diff.ts";
import { fieldRemovals, type Removal } from "./ignore.ts";
import { jqProblems } from "./jq-paths.ts";

/** What counts as a difference, for all objects of an Application. */
export interface DiffRules {
  readonly compare: CompareOptions;
  /** Whether syncs of the Application ask for it. */
  readonly serverSideApply: boolean;
  /** Whether a server is asked, and whether what its webhooks do counts. */
  readonly serverSideDiff: boolean;
  readonly includeWebhooks: boolean;
  /** Absent: the tracking is compared as any other part. */
  readonly tracking?: { readonly method: string; readonly label: string };
  readonly maskedAnnotations: readonly string[];
  /** What makes it impossible to say anything: paths that are no jq. */
  readonly problems: readonly string[];
  /** For one object, by its kind, name and namespace. */
  of(object: KubeObject): ObjectRules;
}

export interface ObjectRules {
  readonly removals: readonly Removal[];
  /** What these managers wrote is not compared. */
  readonly managers: readonly string[];
  readonly knownTypes: readonly KnownTypeField[];
  /** Nothing that is compared depends on the status. */
  readonly ignoresStatus: boolean;
}

/** From an Application and `argocd-cm`. */
export interface RuleSources {
  readonly ignore: readonly IgnoreRule[];
  readonly settings?: ResourceSettings;
  /** `argocd.argoproj.io/compare-options` of the Application. */
  readonly compareOptions?: readonly string[];
  readonly syncOptions?: readonly string[];
}

interface Rule {
  matches(object: KubeObject): boolean;
  readonly status?: "removed" | "perhaps read";
  readonly removals: readonly Removal[];
  readonly managers: readonly string[];
  readonly knownTypes: readonly KnownTypeField[];
}

const rolloutKey = "argoproj.io/Rollout";
/** Its Pods are written as the core's are. */
const rolloutTypes: readonly KnownTypeField[] = [{ field: "spec.template.spec", type: "core/v1/PodSpec" }];
const statusPointer = { jsonPointers: ["/status"] };

/** spec argo-cd-engine 3.6, 3.7 */
export function createDiffRules(sources: RuleSources): DiffRules {
  const { ignore, settings = defaultResourceSettings, compareOptions = [], syncOptions = [] } = sources;
  const { overrides, compare, trackingMethod: method, instanceLabel: label, maskedAnnotations } = settings;
  const own = ignore.map((rule): Rule => ({ matches: matcherOf(rule), ...partsOf(rule), knownTypes: [] }));
  const users = [...overrides].map(([key, { ignoreDifferences = {}, knownTypeFields = [] }]): Rule => {
    return { matches: kindMatcher(key), ...partsOf(ignoreDifferences), knownTypes: exact(key, knownTypeFields) };
  });
  const rules = [...users, ...statusRules(compare), ...rolloutRules(settings), ...own];
  return {
    compare,
    maskedAnnotations,
    serverSideApply: syncOptions.includes("ServerSideApply=true"),
    serverSideDiff: asksServer(compareOptions, settings),
    includeWebhooks: compareOptions.includes("IncludeMutationWebhook=true"),
    ...(settings === defaultResourceSettings ? {} : { tracking: { method, label } }),
    problems: [
      ...[...overrides].flatMap(([key, { ignoreDifferences }]) => jqProblems([ignoreDifferences ?? {}], key)),
      ...jqProblems(ignore, "ignoreDifferences"),
    ],
    of(object) {
      const matching = rules.filter((rule) => rule.matches(object));
      if (matching.length === 0) return noRules;
      return {
        removals: matching.flatMap(({ removals }) => removals),
        managers: [...new Set(matching.flatMap(({ managers }) => managers))],
        knownTypes: matching.flatMap(({ knownTypes }) => knownTypes),
        ignoresStatus:
          matching.some(({ status }) => status === "removed") &&
          !matching.some(({ status }) => status === "perhaps read"),
      };
    },
  };
}

/** What the Application says, else the settings. */
function asksServer(compareOptions: readonly string[], { diffsOnServer }: ResourceSettings): boolean {
  if (compareOptions.includes("ServerSideDiff=false")) return false;
  return diffsOnServer || compareOptions.includes("ServerSideDiff=true");
}

const noRules: ObjectRules = { removals: [], managers: [], knownTypes: [], ignoresStatus: false };

/** Types of fields are looked up by the exact kind; a key with a wildcard names none. */
function exact(key: string, fields: readonly KnownTypeField[]): readonly KnownTypeField[] {
  return /[*?[{]/.test(key) ? [] : fields;
}

function partsOf(rule: Partial<IgnoreRule>): Pick<Rule, "removals" | "managers" | "status"> {
  const { jqPathExpressions = [], managedFieldsManagers: managers = [] } = rule;
  const removals = fieldRemovals(rule);
  return jqPathExpressions.length === 0 ? { removals, managers } : { removals, managers, status: "perhaps read" };
}

function statusRules({ ignoreStatus }: CompareOptions): readonly Rule[] {
  if (ignoreStatus === "none") return [];
  const key = ignoreStatus === "all" ? "*/*" : "apiextensions.k8s.io/CustomResourceDefinition";
  return [{ matches: kindMatcher(key), ...partsOf(statusPointer), status: "removed", knownTypes: [] }];
}

function rolloutRules({ overrides }: ResourceSettings): readonly Rule[] {
  if (overrides.has(rolloutKey)) return [];
  return [{ matches: kindMatcher(rolloutKey), removals: [], managers: [], knownTypes: rolloutTypes }];
}

function matcherOf({ group = "", kind, name, namespace }: IgnoreRule): (object: KubeObject) => boolean {
  const matchesKind = kindMatcher(`${group}/${kind}`);
  return (object) => {
    if (name && name !== object.metadata.name) return false;
    return (!namespace || namespace === object.metadata.namespace) && matchesKind(object);
  };
}

/** `group/Kind`, of the core group also `Kind`; both parts may be globs. */
export function kindMatcher(key: string): (object: Pick<KubeObject, "apiVersion" | "kind">) => boolean {
  const at = key.indexOf("/");
  const group = matcher(key.slice(0, Math.max(at, 0)));
  const kind = matcher(key.slice(at + 1));
  return (object) => kind(object.kind) && group(groupOf(object));
}

function matcher(pattern: string): (text: string) => boolean {
  if (pattern === "*") return () => true;
  if (/[*?[{\\]/.test(pattern)) return compilePathGlob(pattern, { dialect: "gobwas" });
  return (text) => text === pattern;
}
