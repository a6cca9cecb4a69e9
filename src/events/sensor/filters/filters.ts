import type { DataFilter, Dependency, Filters } from "../../../api/resources.ts";
import { messageOf } from "../../../base/errors.ts";
import { compileReadPath } from "../../../base/read-path.ts";
import type { Problem } from "../../../base/schema.ts";
import { compileCelFilter } from "./cel.ts";
import { compileContextFilter } from "./context.ts";
import { compileDataFilter } from "./data.ts";
import { compileExprFilter } from "./exprs.ts";
import { type Filter, type FilterOutcome, failed, passed, reasonsOf, rejected } from "./outcome.ts";
import { compileScriptFilter } from "./script.ts";
import { compileTimeFilter } from "./time.ts";

const passAll: Filter = () => passed;

/** One kind of filter that a dependency specifies. */
interface KindOfFilter {
  readonly name: "expr" | "data" | "context" | "time" | "script" | "cel";
  readonly filter: Filter;
}

/**
 * The filters of one dependency, in the order expr, data, context, time, script (spec argo-events 5.1), and then
 * cel, which is ours. What does not compile is added to `problems`, with paths below `path` (`spec.dependencies[0]`).
 */
export function compileFilters(dependency: Dependency, path: string, problems: Problem[]): Filter {
  const filters = dependency.filters;
  if (!filters) return passAll;
  const kinds = compileKinds(filters, path, problems);
  return dependency.filtersLogicalOperator === "or" ? someKind(kinds) : everyKind(kinds);
}

function compileKinds(filters: Filters, path: string, problems: Problem[]): KindOfFilter[] {
  const kinds = compileFieldKinds(filters, path, problems);
  const { script, cel } = filters;
  if (script) kinds.push({ name: "script", filter: compileScriptFilter(script, "filters.script") });
  if (cel) {
    compileKind("cel", () => compileCelFilter(cel, "filters.cel"), { kinds, problems, path: `${path}.filters.cel` });
  }
  return kinds;
}

/** Those that look at single fields. */
function compileFieldKinds(filters: Filters, path: string, problems: Problem[]): KindOfFilter[] {
  const kinds: KindOfFilter[] = [];
  const { exprs } = filters;
  if (exprs && exprs.length > 0) {
    const compile = () => compileExprFilter(exprs, filters.exprLogicalOperator ?? "", "filters.exprs");
    compileKind("expr", compile, { kinds, problems, path: `${path}.filters.exprs` });
  }
  const data = filters.data ?? [];
  const dataProblems = data.flatMap((entry, index) => checkDataEntry(entry, `${path}.filters.data[${index}]`));
  problems.push(...dataProblems);
  if (data.length > 0 && dataProblems.length === 0) {
    const operator = filters.dataLogicalOperator ?? "";
    kinds.push({ name: "data", filter: compileDataFilter(data, operator, "filters.data") });
  }
  if (filters.context) {
    kinds.push({ name: "context", filter: compileContextFilter(filters.context, "filters.context") });
  }
  if (filters.time) {
    const { time } = filters;
    compileKind("time", () => compileTimeFilter(time, "filters.time"), {
      kinds,
      problems,
      path: `${path}.filters.time`,
    });
  }
  return kinds;
}

interface Compiling {
  readonly kinds: KindOfFilter[];
  readonly problems: Problem[];
  readonly path: string;
}

/** A kind that cannot be compiled is a problem of the Sensor, which then does not run. */
function compileKind(name: KindOfFilter["name"], compile: () => Filter, { kinds, problems, path }: Compiling): void {
  try {
    kinds.push({ name, filter: compile() });
  } catch (error) {
    problems.push({ severity: "error", path, message: messageOf(error) });
  }
}

function checkDataEntry(entry: DataFilter, path: string): Problem[] {
  try {
    compileReadPath(entry.path);
    return [];
  } catch (error) {
    return [{ severity: "error", path: `${path}.path`, message: messageOf(error) }];
  }
}

/** An error ends it; a no does not, since a later kind may still be an error. */
function everyKind(kinds: readonly KindOfFilter[]): Filter {
  return (event) => {
    let no: FilterOutcome | undefined;
    for (const { name, filter } of kinds) {
      const outcome = filter(event);
      if (outcome.verdict === "error") return asKindError(name, outcome);
      if (outcome.verdict === "rejected") no ??= outcome;
    }
    return no ?? passed;
  };
}

/** One kind that passes is enough, but any error still discards the event (spec argo-events 5.1, decision C7). */
function someKind(kinds: readonly KindOfFilter[]): Filter {
  return (event) => {
    const outcomes = kinds.map(({ name, filter }) => ({ name, outcome: filter(event) }));
    const errors = outcomes.filter(({ outcome }) => outcome.verdict === "error");
    const first = errors[0];
    if (first) {
      return failed(first.outcome.filter, () =>
        errors.map(({ name, outcome }) => kindError(name, "errors", `[${outcome.reason}]`)).join(" / "),
      );
    }
    if (outcomes.some(({ outcome }) => outcome.verdict === "passed")) return passed;
    const noes = outcomes.map(({ outcome }) => outcome);
    return rejected("filters", () => reasonsOf(noes, " and ") || "filters: none is given, so that none can pass");
  };
}

function asKindError(name: string, outcome: FilterOutcome): FilterOutcome {
  return failed(outcome.filter, () => kindError(name, "error", `(${outcome.reason})`));
}

/** Errors of scripts stand alone. */
function kindError(name: string, word: string, reason: string): string {
  return name === "script" ? reason.slice(1, -1) : `${name} filter ${word} ${reason}`;
}
