import { createHash } from "node:crypto";
import type { Dependency, Filters } from "../../../api/resources.ts";
import type { JsonValue } from "../../../base/json.ts";
import { compileReadPath } from "../../../base/read-path.ts";
import type { CloudEvent } from "../../../record/cloud-event.ts";
import { type ExplainedFilter, shownValue } from "../../../record/records.ts";
import { compileFilters } from "./filters.ts";
import type { Filter } from "./outcome.ts";

/** One filter of a dependency, judged by itself. */
interface Part {
  /** `filters.data[1]` */
  readonly filter: string;
  /** What it asks, in short. */
  readonly expression: string;
  readonly judge: Filter;
  /** The value that it looks at; undefined where that is not one value. */
  readonly seen: (event: CloudEvent) => string | undefined;
}

/** A Sensor with more filters than this for one dependency is explained up to here. */
const maxParts = 64;
const maxExpressionLength = 256;

/**
 * Judges an event by each filter of a dependency apart: all of them, where the dependency itself ends at the first that says
 * no. What they give together is for the dependency's own filter to say. Pure and total.
 */
export function createFilterExplainer(dependency: Dependency): (event: CloudEvent) => readonly ExplainedFilter[] {
  let parts: readonly Part[] | undefined;
  return (event) => {
    parts ??= partsOf(dependency);
    return parts.map((part) => explained(part, event));
  };
}

function explained({ filter, expression, judge, seen }: Part, event: CloudEvent): ExplainedFilter {
  const { verdict, reason } = judge(event);
  const value = seen(event);
  return {
    filter,
    expression,
    verdict,
    ...(value === undefined ? {} : { seen: value }),
    ...(verdict === "error" ? { reason: shortened(reason) } : {}),
  };
}

function partsOf(dependency: Dependency): readonly Part[] {
  const filters = dependency.filters ?? {};
  const parts = Object.keys(filters).flatMap((kind) => partsOfKind(kind, dependency, filters));
  return parts.slice(0, maxParts);
}

function partsOfKind(kind: string, dependency: Dependency, filters: Filters): Part[] {
  const value = (filters as Readonly<Record<string, unknown>>)[kind];
  switch (kind) {
    case "data":
      return (filters.data ?? []).map((entry, index) => ({
        ...alone(dependency, { data: [entry] }, `filters.data[${index}]`),
        expression: shortened(
          `${entry.path} ${entry.comparator || "="} ${isSecret(entry.path) ? "(not shown)" : listed(entry.value)}`,
        ),
        seen: readerOf(entry.path),
      }));
    case "exprs":
      return (filters.exprs ?? []).map((entry, index) => ({
        ...alone(dependency, { exprs: [entry] }, `filters.exprs[${index}]`),
        expression: entry.fields?.some(({ path = "" }) => isSecret(path)) ? "(not shown)" : shortened(entry.expr ?? ""),
        seen: readersOf(entry.fields ?? []),
      }));
    case "context":
      return Object.entries(filters.context ?? {}).flatMap(([name, wanted]) => {
        if (typeof wanted !== "string" || wanted === "") return [];
        const part = alone(dependency, { context: { [name]: wanted } }, `filters.context.${name}`);
        const seen = (event: CloudEvent) => shownValue((event as unknown as Record<string, JsonValue>)[name]);
        return [{ ...part, expression: shortened(`${name} = ${JSON.stringify(wanted)}`), seen }];
      });
    case "time": {
      const { start = "", stop = "", timezone = "" } = filters.time ?? {};
      const part = alone(dependency, filters.time ? { time: filters.time } : {}, "filters.time");
      return [{ ...part, expression: `${start} to ${stop} ${timezone}`.trimEnd(), seen: ({ time }) => time }];
    }
    default: {
      // Operators join the others; a kind that is added later is judged whole.
      if (kind.endsWith("Operator") || value === undefined || value === "") return [];
      const part = alone(dependency, { [kind]: value } as Filters, `filters.${kind}`);
      return [{ ...part, expression: shortened(typeof value === "string" ? value : kind), seen: () => undefined }];
    }
  }
}

function alone(dependency: Dependency, filters: Filters, filter: string): Pick<Part, "filter" | "judge"> {
  return { filter, judge: compileFilters({ ...dependency, filters }, "", []) };
}

function readerOf(path: string): (event: CloudEvent) => string {
  const show = isSecret(path) ? hashOf : shownValue;
  return ({ data }) => {
    try {
      return show(compileReadPath(path).read(data));
    } catch {
      return "nothing"; // it takes too much work, and the filter says so
    }
  };
}

/** Such as the header of a webhook's token. It is kept for long and shown to many. */
const secretWord = /authori[sz]ation|\bauth\b|token|secret|passw|credential|cookie|signature|api[-_]?key/i;

function isSecret(path: string): boolean {
  return secretWord.test(path);
}

/** Tells whether two are the same, not what they are. */
function hashOf(value: JsonValue | undefined): string {
  if (value === undefined) return shownValue(value);
  return `sha256:${createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16)}`;
}

function readersOf(fields: readonly { readonly name?: string; readonly path?: string }[]) {
  const reads = fields.map(({ name = "", path = "" }) => [name, readerOf(path)] as const);
  return (event: CloudEvent): string => shortened(reads.map(([name, read]) => `${name} = ${read(event)}`).join(", "));
}

function listed(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

function shortened(text: string): string {
  return text.length > maxExpressionLength ? `${text.slice(0, maxExpressionLength - 1)}…` : text;
}
