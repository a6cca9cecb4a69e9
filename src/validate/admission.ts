import { parseAppProject } from "../api/app-project.ts";
import { parseApplication } from "../api/application.ts";
import { parseApplicationSet } from "../api/application-set/application-set.ts";
import { parseEventBus } from "../api/event-bus.ts";
import { parseEventSource } from "../api/event-source.ts";
import { checkMetadata } from "../api/metadata.ts";
import { argoApiVersion, type Sensor } from "../api/resources.ts";
import { parseSensor } from "../api/sensor.ts";
import { isSensorTest, parseSensorTest } from "../api/sensor-test.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { formatProblems, InvalidManifest, type Problem, type Schema } from "../base/schema.ts";
import { compileProblems } from "../events/sensor/compile.ts";
import { sourceSchemas } from "../events/sources/registry.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";
import { changeProblems, isHousekeeping } from "./changes.ts";

export interface AdmissionKinds {
  /** Schemas by the spec's key. */
  readonly sources: Readonly<Record<string, Schema<unknown>>>;
  readonly triggers: Readonly<Record<string, Schema<unknown>>>;
}

export interface Admission {
  /** Why the object must not be stored; absent when it may. */
  readonly denied?: string;
  /** One line each. */
  readonly warnings: readonly string[];
}

const notRunYet: Problem = { severity: "warning", path: "kind", message: "ApplicationSet is not supported yet" };

/** Every problem of an object; undefined when it is of a kind that is not ours. Does not throw for any object. */
export type Checker = (object: unknown) => readonly Problem[] | undefined;

/**
 * Checks objects of our kinds. What the original admits has no errors: what only we cannot run yet, a Sensor that does
 * not compile, is a warning.
 */
export function createChecker(kinds: AdmissionKinds): Checker {
  const parsers: Readonly<Record<string, (object: JsonObject) => readonly Problem[]>> = {
    EventSource: (object) => parseEventSource(object, kinds.sources).warnings,
    EventBus: (object) => parseEventBus(object).warnings,
    Sensor(object) {
      const { resource, warnings } = parseSensor(object, kinds.triggers);
      const later = runProblems(resource);
      // What parsing warned about, compiling finds again.
      return later.length === 0 ? warnings : withoutTold(warnings, later);
    },
    Application: (object) => parseApplication(object).warnings,
    ApplicationSet: (object) => [...parseApplicationSet(object).warnings, notRunYet],
    AppProject: (object) => parseAppProject(object).warnings,
  };
  const checkTest = (test: JsonObject): readonly Problem[] => [
    ...problemsOf(() => parseSensorTest(test).warnings),
    ...inlineProblems(test, parsers.Sensor),
  ];
  return (object) => {
    if (isJsonObject(object) && isSensorTest(object)) return checkTest(object);
    if (!isJsonObject(object) || object.apiVersion !== argoApiVersion || typeof object.kind !== "string")
      return undefined;
    const parse = Object.hasOwn(parsers, object.kind) ? parsers[object.kind] : undefined;
    if (!parse) return undefined;
    const ofMetadata = checkMetadata(object.metadata);
    const ofSpec = problemsOf(() => parse(object));
    return ofMetadata.length === 0 ? ofSpec : withoutTold(ofMetadata, ofSpec);
  };
}

/** Of the Sensor that stands in the test itself; one in a file of its own is checked there. */
function inlineProblems({ sensor }: JsonObject, parse: ((object: JsonObject) => readonly Problem[]) | undefined) {
  if (!isJsonObject(sensor) || !parse) return [];
  return problemsOf(() => parse(sensor)).map((problem) => ({ ...problem, path: `sensor.${problem.path}` }));
}

/** Problems, then others of which nothing was told at that path. */
function withoutTold(told: readonly Problem[], others: readonly Problem[]): readonly Problem[] {
  const paths = new Set(told.map(({ path }) => path));
  return [...told, ...others.filter(({ path }) => !paths.has(path))];
}

/**
 * Decides about an object of any kind before it is stored; other kinds than ours are admitted. `old` is what is stored
 * already, for an update. Does not throw.
 */
export type Admit = (object: unknown, old?: unknown) => Admission;

export function createAdmission(kinds: AdmissionKinds): Admit {
  const check = createChecker(kinds);
  return (object, old) => {
    const problems = check(object);
    if (!problems || !isJsonObject(object)) return { warnings: [] };
    const changes = isJsonObject(old) ? changeProblems(object, old) : [];
    const errors = [...problems, ...changes].filter(({ severity }) => severity === "error");
    if (errors.length === 0) return { warnings: problems.map(lineOf) };
    if (isJsonObject(old) && isHousekeeping(object, old)) return { warnings: [] };
    return { denied: `invalid ${String(object.kind)}: ${formatProblems(errors)}`, warnings: [] };
  };
}

const allKinds: AdmissionKinds = { sources: sourceSchemas(), triggers: triggerSchemas() };

/** `createChecker` and `createAdmission` over the kinds of source and trigger that there are. */
export const check: Checker = createChecker(allKinds);
export const admit: Admit = createAdmission(allKinds);

/** The same for requests of the embedded control plane: whatever is stored may be deleted. */
export function admitRequests(decide: Admit) {
  return ({
    operation,
    object,
    old,
  }: {
    readonly operation: "CREATE" | "UPDATE" | "DELETE";
    readonly object: unknown;
    readonly old?: unknown;
  }): Admission => (operation === "DELETE" ? { warnings: [] } : decide(object, old));
}

/** What `read` gives, or the problems for which it throws. */
function problemsOf(read: () => readonly Problem[]): readonly Problem[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidManifest) return error.problems;
    if (error instanceof EngineError) return [{ severity: "error", path: "spec", message: error.message }];
    throw error;
  }
}

/** Why it would not run: warnings, but for loops, which only kinds and events of ours can make. */
function runProblems(sensor: Sensor): readonly Problem[] {
  return problemsOf(() => {
    const { problems, loops } = compileProblems(sensor);
    return [...problems.map((problem): Problem => ({ ...problem, severity: "warning" })), ...loops];
  });
}

function lineOf(problem: Problem): string {
  return formatProblems([problem]);
}
