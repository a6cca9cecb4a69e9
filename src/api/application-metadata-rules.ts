import type { JsonObject } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/schema.ts";
import { listOf, textOf, warningAt } from "./fields.ts";
import { resourceOptionProblem } from "./sync-options.ts";

const prefix = "argocd.argoproj.io/";

/** spec argo-cd-engine 1.8 */
export const applicationFinalizers: readonly string[] = [
  "resources-finalizer.argocd.argoproj.io",
  "resources-finalizer.argocd.argoproj.io/foreground",
  "resources-finalizer.argocd.argoproj.io/background",
  "pre-delete-finalizer.argocd.argoproj.io",
  "pre-delete-finalizer.argocd.argoproj.io/cleanup",
  "post-delete-finalizer.argocd.argoproj.io",
  "post-delete-finalizer.argocd.argoproj.io/cleanup",
];

/**
 * Finalizers that are meant to be the original's and are not one of `known`. Nobody removes them, so that the object can
 * never be deleted. Finalizers of others are theirs.
 */
export function finalizerProblems(metadata: JsonObject, known: readonly string[], path = "metadata"): Problem[] {
  return listOf(metadata.finalizers).flatMap((entry, index) => {
    const finalizer = textOf(entry);
    if (finalizer === "" || finalizer.includes("{{") || known.includes(finalizer)) return [];
    const [begin = ""] = finalizer.split(".", 1);
    const likely = nearest(finalizer, known) ?? known.find((name) => name.startsWith(`${begin}.`));
    if (likely === undefined && !/argo(cd|proj)/i.test(finalizer)) return [];
    const message = `${JSON.stringify(finalizer)} is no finalizer of Argo CD: the object stays until somebody removes it`;
    return [warningAt(`${path}.finalizers[${index}]`, message, didYouMean(likely))];
  });
}

/** Of an Application, and of the Applications that an ApplicationSet makes. `path` is that of the annotations. */
export function annotationProblems(annotations: JsonObject, path = "metadata.annotations"): Problem[] {
  return Object.entries(annotations).flatMap(([key, value]) => {
    if (!key.includes("argo") || typeof value !== "string" || value.includes("{{")) return [];
    const at = `${path}.${key}`;
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check) return check(value).map(({ message, suggestion }) => warningAt(at, message, suggestion));
    if (!key.startsWith(prefix) && !/^argo-?cd/.test(key)) return [];
    const likely = nearest(key, [...Object.keys(checks), ...otherKeys]);
    if (likely === undefined || otherKeys.includes(key)) return [];
    return [warningAt(at, "unknown annotation, it has no effect", didYouMean(likely))];
  });
}

interface Fault {
  readonly message: string;
  readonly suggestion?: string | undefined;
}

const goTrue = ["1", "t", "T", "TRUE", "true", "True"];
const goFalse = ["0", "f", "F", "FALSE", "false", "False"];
const hooks = ["PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"];
const deletePolicies = ["HookSucceeded", "HookFailed", "BeforeHookCreation"];
const compareOptions = [
  "IgnoreExtraneous",
  "ServerSideDiff=true",
  "ServerSideDiff=false",
  "IncludeMutationWebhook=true",
];

const checks: Readonly<Record<string, (value: string) => readonly Fault[]>> = {
  [`${prefix}refresh`]: (value) =>
    isOneOf(value, ["normal", "hard"], 'must be "normal" or "hard"; any value but "hard" counts as normal'),
  [`${prefix}hydrate`]: (value) => isOneOf(value, ["normal"], 'must be "normal"'),
  [`${prefix}skip-reconcile`]: (value) => isOneOf(value, [...goTrue, ...goFalse], "must be true or false"),
  [`${prefix}sync-wave`]: (value) =>
    /^[-+]?\d{1,9}$/.test(value) ? [] : [{ message: `${JSON.stringify(value)} must be a whole number; 0 is used` }],
  [`${prefix}hook`]: (value) => areAllOf(value, hooks),
  [`${prefix}hook-delete-policy`]: (value) => areAllOf(value, deletePolicies),
  [`${prefix}compare-options`]: (value) => areAllOf(value, compareOptions),
  [`${prefix}sync-options`]: (value) => entriesOf(value).flatMap((option) => resourceOptionProblem(option) ?? []),
};

/** Annotations without a rule, for "did you mean". */
const otherKeys = [
  "refresh-timestamp",
  "hydrate-timestamp",
  "manifest-generate-paths",
  "managed-by-url",
  "deletion-approved",
  "ignore-healthcheck",
  "ignore-restart-policy",
  "ignore-resource-updates",
  "client-side-apply-migration-manager",
  "tracking-id",
  "installation-id",
  "ignore-default-links",
  "application-set-refresh",
].map((name) => prefix + name);

function isOneOf(value: string, known: readonly string[], expected: string): readonly Fault[] {
  if (known.includes(value)) return [];
  return [{ message: `${JSON.stringify(value)} ${expected}`, suggestion: didYouMean(nearest(value, known)) }];
}

function areAllOf(value: string, known: readonly string[]): readonly Fault[] {
  return entriesOf(value).flatMap((entry) => isOneOf(entry, known, `must be one of ${known.join(", ")}`));
}

function entriesOf(value: string): readonly string[] {
  return value.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()]));
}

export function didYouMean(likely: string | undefined): string | undefined {
  return likely === undefined ? undefined : `did you mean \`${likely}\`?`;
}
