import { parseGoBool } from "../base/go/values.ts";

/** What an object that an Application manages says about itself in annotations (spec argo-cd-engine 0.2, 4.3, 4.4). */
type Annotations = Readonly<Record<string, string>>;

export const hookAnnotation = "argocd.argoproj.io/hook";
export const hookDeletePolicyAnnotation = "argocd.argoproj.io/hook-delete-policy";
export const hookFinalizer = "argocd.argoproj.io/hook-finalizer";
const syncWaveAnnotation = "argocd.argoproj.io/sync-wave";
export const syncOptionsAnnotation = "argocd.argoproj.io/sync-options";
const compareOptionsAnnotation = "argocd.argoproj.io/compare-options";
const helmHookAnnotation = "helm.sh/hook";
/** Of Applications, and of Secrets that declare clusters. */
export const skipReconcile = "argocd.argoproj.io/skip-reconcile";

export type HookType = "PreSync" | "Sync" | "PostSync" | "SyncFail" | "Skip" | "PreDelete" | "PostDelete";
export type HookDeletePolicy = "HookSucceeded" | "HookFailed" | "BeforeHookCreation";

const hookTypeNames: readonly HookType[] = [
  "PreSync",
  "Sync",
  "PostSync",
  "SyncFail",
  "Skip",
  "PreDelete",
  "PostDelete",
];

const helmHooks: Readonly<Record<string, HookType>> = {
  "pre-install": "PreSync",
  "pre-upgrade": "PreSync",
  "post-install": "PostSync",
  "post-upgrade": "PostSync",
  "pre-delete": "PreDelete",
  "post-delete": "PostDelete",
};

const deletePolicyNames: readonly HookDeletePolicy[] = ["HookSucceeded", "HookFailed", "BeforeHookCreation"];

const helmDeletePolicies: Readonly<Record<string, HookDeletePolicy>> = {
  "hook-succeeded": "HookSucceeded",
  "hook-failed": "HookFailed",
  "before-hook-creation": "BeforeHookCreation",
};

/** Those that are valid, once each. Helm's count only when the annotation of our own names none. */
export function hookTypesOf(annotations: Annotations): readonly HookType[] {
  const own = listOf(annotations[hookAnnotation]).filter(isHookType);
  if (own.length > 0) return [...new Set(own)];
  const helm = listOf(annotations[helmHookAnnotation]).flatMap((name) => ownEntry(helmHooks, name));
  return [...new Set(helm)];
}

function isHookType(name: string): name is HookType {
  return hookTypeNames.some((known) => known === name);
}

/** An object that is run, not kept. A hook without a valid type is ignored altogether. */
export function isHook(annotations: Annotations): boolean {
  if (Object.hasOwn(annotations, hookAnnotation)) return !isSkipped(annotations);
  const helm = listOf(annotations[helmHookAnnotation]);
  return Object.hasOwn(annotations, helmHookAnnotation) && !helm.includes("crd-install");
}

/** `Skip` alone: the object is neither applied nor compared. */
export function isSkipped(annotations: Annotations): boolean {
  const types = hookTypesOf(annotations);
  return types.length === 1 && types[0] === "Skip";
}

/** A hook that has a type that nobody knows. */
export function isIgnoredHook(annotations: Annotations): boolean {
  return isHook(annotations) && hookTypesOf(annotations).length === 0;
}

/** Of both annotations together; `BeforeHookCreation` when there is none. */
export function hookDeletePoliciesOf(annotations: Annotations): ReadonlySet<HookDeletePolicy> {
  const own = listOf(annotations[hookDeletePolicyAnnotation]).flatMap((name) => {
    return deletePolicyNames.filter((known) => known === name);
  });
  const helm = listOf(annotations["helm.sh/hook-delete-policy"]).flatMap((name) => ownEntry(helmDeletePolicies, name));
  const all = [...own, ...helm];
  return new Set(all.length > 0 ? all : ["BeforeHookCreation"]);
}

/** The wave, else Helm's weight, else 0. */
export function waveOf(annotations: Annotations): number {
  return integerOf(annotations[syncWaveAnnotation]) ?? integerOf(annotations["helm.sh/hook-weight"]) ?? 0;
}

function integerOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[-+]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `Key=value` entries, in order. */
export function syncOptionsOf(annotations: Annotations): readonly string[] {
  return listOf(annotations[syncOptionsAnnotation]);
}

export function ignoresExtraneous(annotations: Annotations): boolean {
  return listOf(annotations[compareOptionsAnnotation]).includes("IgnoreExtraneous");
}

/** `Key=value` entries of an Application, in order. */
export function compareOptionsOf(annotations: Annotations): readonly string[] {
  return listOf(annotations[compareOptionsAnnotation]);
}

/** The value of the first `Key=value` with that key. */
export function optionValue(options: readonly string[], key: string): string | undefined {
  return options.find((option) => option.startsWith(`${key}=`))?.slice(key.length + 1);
}

/** In one of the forms that Go takes for true; anything else is not. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && parseGoBool(text) === true;
}

function listOf(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function ownEntry<Value>(record: Readonly<Record<string, Value>>, name: string): readonly Value[] {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  return value === undefined ? [] : [value];
}
