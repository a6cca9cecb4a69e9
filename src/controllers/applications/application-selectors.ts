import type { JsonObject } from "../../base/json.ts";
import { exactRegex } from "../../base/regex.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";

/** Whatever the ref is. */
const any = "any";
const head = "head";
const tags = "tags";

/**
 * Which refs an Application follows, as texts that `selectorsIn` gives for events of such refs. Read from the filters of
 * its Sensor, which decides in the end: what is not understood here is asked for every ref.
 */
export function selectorsOf({ sensor }: CompiledSensor): readonly string[] {
  const dependencies = sensor.dependencies.filter(({ eventName }) => eventName === "push" || eventName === "poll");
  return [...new Set(dependencies.flatMap(({ filters }) => selectorsOfFilters(filters?.data ?? [])))];
}

interface Filter {
  readonly path: string;
  readonly value: readonly unknown[];
}

function selectorsOfFilters(filters: readonly Filter[]): readonly string[] {
  const [filter, ...more] = filters.filter(({ path }) => path !== "repository");
  if (filter === undefined || more.length > 0) return [any];
  const { path, value } = filter;
  if (path === "isDefaultBranch") return value.length === 1 && value[0] === "true" ? [head] : [any];
  if (path === "ref" && value.length === 1 && value[0] === "^refs/tags/") return [tags];
  if (path !== "ref" && path !== "revision") return [any];
  const texts = value.map(exactText);
  return texts.includes(undefined) ? [any] : texts.map((text) => `${path} ${text}`);
}

/** The one text that the expression finds; undefined: it may find others. */
function exactText(regex: unknown): string | undefined {
  if (typeof regex !== "string") return undefined;
  const text = regex.slice(1, -1).replace(/\\(.)/g, "$1");
  return exactRegex(text) === regex ? text : undefined;
}

/** Of an event of a repository. */
export function selectorsIn({ ref, revision, isDefaultBranch }: JsonObject): readonly string[] {
  return [
    any,
    ...(isDefaultBranch === true ? [head] : []),
    ...(typeof ref === "string" && ref.startsWith("refs/tags/") ? [tags] : []),
    `ref ${String(ref)}`,
    `revision ${String(revision)}`,
  ];
}

/** Where an Application is found: by repository and ref. */
export function placeText(repository: string, selector: string): string {
  return `${repository}\n${selector}`;
}
