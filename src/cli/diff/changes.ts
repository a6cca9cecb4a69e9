import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import type { ComparedObject, Comparison } from "../../gitops/diff/compare.ts";
import { type Difference, keyOf, type Strategy, type Writer } from "../../gitops/diff/diff.ts";
import { fieldManager } from "../../gitops/diff/last-applied.ts";
import { colored } from "../output.ts";

/** One object that a sync would change. */
export interface ChangedObject {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly change: "create" | "update" | "prune";
  /** How the change was foretold; of updates of live objects only. */
  readonly strategy?: Strategy;
  readonly differences: readonly Difference[];
  /** What is, and what would be, as YAML; Secrets are masked. */
  readonly before: string;
  readonly after: string;
  /** Rules of `ignoreDifferences` that took too long and left nothing out of it, and why; absent: none. */
  readonly unapplied?: readonly string[];
}

/** In the order of the comparison; hooks, and objects that are the same, are left out. */
export function changedObjects({ objects }: Comparison): readonly ChangedObject[] {
  return objects.flatMap((object) => {
    const some = object.target ?? object.live;
    const change = changeOf(object);
    if (some === undefined || change === undefined) return [];
    const { differences, strategy, normalizedLive, predictedLive, unapplied } = object.diff;
    const yaml = (value: JsonObject | null): string => (value === null ? "" : formatYaml(sorted(value)));
    return [
      {
        ...keyOf(some),
        change,
        ...(strategy ? { strategy } : {}),
        differences,
        before: yaml(normalizedLive),
        after: yaml(predictedLive),
        ...(unapplied ? { unapplied } : {}),
      },
    ];
  });
}

/** Fields in one order, so that only what differs is shown. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, sorted(part)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function changeOf({
  target,
  live,
  diff,
  isHook,
  requiresPruning,
  status,
}: ComparedObject): ChangedObject["change"] | undefined {
  if (isHook || status === undefined) return undefined;
  if (live === undefined) return "create";
  if (target === undefined) return requiresPruning ? "prune" : undefined;
  return diff.isModified ? "update" : undefined;
}

/** A head for each object as `argocd app diff` has it, the lines that differ, and who wrote what is there. */
export function diffText(changes: readonly ChangedObject[]): string {
  return changes.flatMap(textOf).join("\n");
}

function textOf(changed: ChangedObject): readonly string[] {
  const { group, kind, namespace, name, differences, before, after } = changed;
  const lines = diffLines(before, after).map((line) => {
    const color = line.startsWith("-") ? "red" : line.startsWith("+") ? "green" : "dim";
    return colored(color, oneLine(line));
  });
  const writers = differences.flatMap(({ path, lastWriter }) =>
    lastWriter ? [`# ${path}: ${writerText(lastWriter)}`] : [],
  );
  const notes = [...writers, ...suggestions(changed)].map(oneLine);
  return [`===== ${group}/${kind} ${namespace}/${name} ======`, ...lines, ...notes];
}

/** What a person, or we, wrote is no reason to ignore it: a controller would write it again after each sync. */
const noController = /^(?:kubectl|before-first-apply$)/;

/** The rule that would leave to controllers what they wrote. */
function suggestions({ group, kind, name, differences }: ChangedObject): readonly string[] {
  const managers = differences.flatMap(({ lastWriter: { manager } = { manager: fieldManager } }) => {
    return manager === fieldManager || noController.test(manager) ? [] : [manager];
  });
  if (managers.length === 0) return [];
  const rule = { group, kind, name, managedFieldsManagers: [...new Set(managers)] };
  return [`# to leave it to them: spec.ignoreDifferences: [${JSON.stringify(rule)}]`];
}

function writerText({ manager, operation, time, subresource }: Writer): string {
  const how = [operation, subresource, time].filter((part) => part !== undefined).join(", ");
  return `last written by ${manager} (${how})`;
}

/** A terminal must not act on what manifests hold. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
