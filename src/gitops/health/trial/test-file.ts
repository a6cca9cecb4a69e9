import { isJsonObject, type JsonObject, type JsonValue } from "../../../base/json.ts";
import type { HealthExpectation } from "./trial.ts";

/** One entry of `health_test.yaml`. */
export interface HealthTest {
  readonly inputPath: string;
  readonly expected: HealthExpectation;
}

/** Entries of `action_test.yaml`. */
export interface DiscoveryTest {
  readonly inputPath: string;
  readonly result: readonly JsonObject[];
}

export interface ActionTest {
  readonly action: string;
  readonly inputPath: string;
  readonly expectedOutputPath: string;
  readonly expectedErrorMessage: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** @throws Error that says what is wrong with the file */
export function parseHealthTests(file: unknown): readonly HealthTest[] {
  if (!names(file, "tests")) throw new Error('it has no list "tests", and so tests nothing');
  return itemsOf(file, "tests").map((test) => {
    const expected = get(test, "healthStatus");
    const fields = isJsonObject(expected) ? expected : {};
    return {
      inputPath: textOf(test, "inputPath"),
      expected: { status: textOf(fields, "status"), message: textOf(fields, "message") },
    };
  });
}

/** @throws Error */
export function parseDiscoveryTests(file: unknown): readonly DiscoveryTest[] {
  if (!names(file, "discoveryTests") && !names(file, "actionTests"))
    throw new Error('it has neither "discoveryTests" nor "actionTests", and so tests nothing');
  return itemsOf(file, "discoveryTests").map((test) => ({
    inputPath: textOf(test, "inputPath"),
    result: itemsOf(test, "result"),
  }));
}

/** @throws Error */
export function parseActionTests(file: unknown): readonly ActionTest[] {
  return itemsOf(file, "actionTests").map((test) => {
    const parameters = get(test, "parameters");
    const entries = isJsonObject(parameters) ? Object.entries(parameters) : [];
    return {
      action: textOf(test, "action"),
      inputPath: textOf(test, "inputPath"),
      expectedOutputPath: textOf(test, "expectedOutputPath"),
      expectedErrorMessage: textOf(test, "expectedErrorMessage"),
      parameters: Object.fromEntries(entries.map(([key, value]) => [key, String(value)])),
    };
  });
}

/**
 * The objects that an action should give: one object, or of the newer form a list of `{operation, unstructuredObj}`.
 * @throws Error
 */
export function parseExpectedOutput(file: unknown): readonly JsonObject[] {
  if (isJsonObject(file)) return [file];
  if (!Array.isArray(file)) throw new Error("it holds neither an object nor a list of objects");
  return file.map((item: unknown, index) => {
    const fields = isJsonObject(item) ? item : {};
    const object = get(fields, "unstructuredObj") ?? get(fields, "resource");
    if (isJsonObject(object)) return object;
    throw new Error(`item ${index + 1} has no object in unstructuredObj`);
  });
}

function names(file: unknown, name: string): boolean {
  return isJsonObject(file) && get(file, name) !== undefined;
}

/** Names of fields in any case, as Go reads them. */
function get(fields: JsonObject, name: string): JsonValue | undefined {
  if (Object.hasOwn(fields, name)) return fields[name];
  const wanted = name.toLowerCase();
  return Object.entries(fields).find(([key]) => key.toLowerCase() === wanted)?.[1];
}

function itemsOf(value: unknown, name: string): readonly JsonObject[] {
  const list = isJsonObject(value) ? (get(value, name) ?? []) : [];
  if (Array.isArray(list) && list.every(isJsonObject)) return list;
  throw new Error(`${name} must be a list of maps`);
}

function textOf(fields: JsonObject, name: string): string {
  const value = get(fields, name) ?? null;
  return value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
