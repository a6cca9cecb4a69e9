import { parseAppProject } from "../api/app-project.ts";
import { parseApplication } from "../api/application.ts";
import { parseApplicationSet } from "../api/application-set.ts";
import { parseEventBus } from "../api/event-bus.ts";
import { parseEventSource } from "../api/event-source.ts";
import { argoApiVersion } from "../api/resources.ts";
import { parseSensor } from "../api/sensor.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { formatProblems, type Problem, type Schema } from "../base/schema.ts";
import { compileSensor } from "../events/sensor/compile.ts";
import { sourceSchemas } from "../events/sources/registry.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";

export interface AdmissionKinds {
  /** Schemas by the spec's key. */
  readonly sources: Readonly<Record<string, Schema<unknown>>>;
  readonly triggers: Readonly<Record<string, Schema<unknown>>>;
}

/** ApplicationSets are read, checked and kept, and nothing makes Applications of them yet. */
const notRunYet: Problem = { severity: "warning", path: "kind", message: "ApplicationSet is not supported yet" };

export interface Admission {
  /** Why the object must not be stored; absent when it may. */
  readonly denied?: string;
  /** One line each. */
  readonly warnings: readonly string[];
}

/**
 * Decides about an object of any kind before it is stored; other kinds than ours are admitted. What the original admits
 * is admitted: a Sensor that only we cannot run yet gets a warning here and a condition from its controller. Does not
 * throw for any object.
 */
export function createAdmission(kinds: AdmissionKinds): (object: unknown) => Admission {
  return (object) => {
    if (!isJsonObject(object) || object.apiVersion !== argoApiVersion) return { warnings: [] };
    switch (object.kind) {
      case "EventSource":
        return decide("EventSource", () => parseEventSource(object, kinds.sources).warnings.map(lineOf));
      case "EventBus":
        return decide("EventBus", () => parseEventBus(object).warnings.map(lineOf));
      case "Sensor":
        return decide("Sensor", () => {
          const { resource, warnings } = parseSensor(object, kinds.triggers);
          return [...warnings.map(lineOf), ...compileWarnings(() => compileSensor(resource))];
        });
      case "Application":
        return decide("Application", () => parseApplication(object).warnings.map(lineOf));
      case "ApplicationSet":
        return decide("ApplicationSet", () => [...parseApplicationSet(object).warnings, notRunYet].map(lineOf));
      case "AppProject":
        return decide("AppProject", () => parseAppProject(object).warnings.map(lineOf));
      default:
        return { warnings: [] };
    }
  };
}

/** `createAdmission` over the kinds of source and trigger that there are. */
export const admit: (object: unknown) => Admission = createAdmission({
  sources: sourceSchemas(),
  triggers: triggerSchemas(),
});

function decide(kind: string, read: () => readonly string[]): Admission {
  try {
    return { warnings: read() };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { denied: `invalid ${kind}: ${error.message}`, warnings: [] };
  }
}

function compileWarnings(compile: () => unknown): readonly string[] {
  try {
    compile();
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

function lineOf(problem: Problem): string {
  return formatProblems([problem]);
}
