import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/schema.ts";
import { warningAt } from "./fields.ts";

/** What is wrong with one option; absent: nothing. */
export interface OptionFault {
  readonly message: string;
  readonly suggestion?: string;
}

/** Values of an Application's options (spec argo-cd-engine 4.9). Those that only say the default are harmless. */
const applicationOptions: Readonly<Record<string, readonly string[]>> = {
  Validate: ["true", "false"],
  Prune: ["true", "false", "confirm"],
  Delete: ["true", "false", "confirm"],
  CreateNamespace: ["true", "false"],
  PruneLast: ["true", "false"],
  ApplyOutOfSyncOnly: ["true", "false"],
  ServerSideApply: ["true", "false"],
  ClientSideApplyMigration: ["true", "false"],
  Replace: ["true", "false"],
  FailOnSharedResource: ["true", "false"],
  RespectIgnoreDifferences: ["true", "false"],
  PrunePropagationPolicy: ["foreground", "background", "orphan"],
  SkipDryRunOnMissingResource: ["true", "false"],
};

/** Ours, with the form of their values; the original ignores them. */
const ownOptions: Readonly<Record<string, RegExp>> = {
  /** How long a wave may take to become healthy. */
  WaveTimeout: /^(\d+(\.\d+)?(ms|s|m|h))+$/,
  /** How many objects, or which share, an automated sync may delete without approval. */
  PruneLimit: /^\d{1,9}%?$/,
};

/** In the annotation of an object. */
const resourceOptions: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ["Validate", "Prune", "Delete", "PruneLast", "ServerSideApply", "Replace", "SkipDryRunOnMissingResource"].map(
      (key) => [key, applicationOptions[key] ?? []],
    ),
  ),
  Force: ["true", "false"],
};

/** An option that is not known or misspelt is ignored by the original without a word. */
export function syncOptionProblems(options: readonly string[], path: string): Problem[] {
  const seen = new Map<string, string>();
  return options.flatMap((option, index) => {
    if (option.includes("{{")) return [];
    const at = `${path}[${index}]`;
    const fault = applicationFault(option);
    if (fault) return [warningAt(at, fault.message, fault.suggestion)];
    const [key = ""] = option.split("=", 1);
    const before = seen.get(key);
    seen.set(key, before ?? option);
    if (before === undefined || before === option) return [];
    return [warningAt(at, `${JSON.stringify(option)} comes after ${JSON.stringify(before)}, which counts`)];
  });
}

function applicationFault(option: string): OptionFault | undefined {
  const [name = "", ...rest] = option.split("=");
  if (!Object.hasOwn(ownOptions, name)) return faultOf(option, applicationOptions);
  return ownFault(name, rest.join("="), JSON.stringify(option));
}

export function resourceOptionProblem(option: string): OptionFault | undefined {
  return faultOf(option, resourceOptions);
}

function faultOf(option: string, known: Readonly<Record<string, readonly string[]>>): OptionFault | undefined {
  const [name = "", ...rest] = option.split("=");
  const key = name.trim();
  const value = rest.join("=").trim();
  if (Object.hasOwn(known, name) && known[name]?.includes(rest.join("="))) return undefined;
  const quoted = JSON.stringify(option);
  if (key === "Force" && known === applicationOptions) {
    const message = `${quoted} has no effect on an Application`;
    return { message, suggestion: "write it in the annotation `argocd.argoproj.io/sync-options` of an object" };
  }
  if (option.includes(",")) {
    return { message: `${quoted} has no effect`, suggestion: "write one entry for each option" };
  }
  const likelyKey = Object.hasOwn(known, key) ? key : nearest(key, Object.keys(known));
  if (likelyKey === undefined) return { message: `${quoted} is not a sync option, it has no effect` };
  const values = known[likelyKey] ?? [];
  const likelyValue = values.includes(value) ? value : nearest(value, values);
  const message =
    Object.hasOwn(known, key) && rest.length > 0 && name === key ? wrongValue(quoted, values) : unknown(quoted);
  // Without a value: what nearly all options are written for.
  const written = likelyValue ?? (value === "" ? values[0] : undefined);
  return written === undefined ? { message } : { message, suggestion: `did you mean \`${likelyKey}=${written}\`?` };
}

function ownFault(name: string, value: string, quoted: string): OptionFault | undefined {
  if (ownOptions[name]?.test(value)) return undefined;
  const example = name === "PruneLimit" ? "10 or 20%" : "10m";
  return { message: `${quoted} has no effect: the value must be such as ${example}` };
}

function wrongValue(quoted: string, values: readonly string[]): string {
  return `${quoted} has no effect: the value must be one of ${values.join(", ")}`;
}

function unknown(quoted: string): string {
  return `${quoted} is not a sync option, it has no effect`;
}
