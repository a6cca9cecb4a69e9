import { readFileSync, statSync } from "node:fs";
import { manifestText, type PlacedManifest, placeManifests, UnreadableManifest } from "../../api/manifest.ts";
import { parseSensor } from "../../api/sensor.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { InvalidManifest, type Problem } from "../../base/schema.ts";
import { whyUnreadable } from "../../base/unreadable.ts";
import { type CompiledSensor, compileSensor } from "../../events/sensor/compile.ts";
import { triggerSchemas } from "../../events/triggers/registry.ts";
import type { PlacedProblem } from "../../validate/validate.ts";

const maxFileBytes = 10 * 1024 * 1024;

/** @throws Error for a file that is not there, or too large */
export function readBounded(path: string): Buffer {
  const { size } = statSync(path);
  if (size > maxFileBytes) throw new Error(`${path} has ${size} bytes; at most ${maxFileBytes} are read`);
  return readFileSync(path);
}

/** Problems that have their places already. */
export class PlacedError extends EngineError {
  readonly problems: readonly PlacedProblem[];
  constructor(code: "MANIFEST_INVALID" | "MANIFEST_UNREADABLE", problems: readonly PlacedProblem[]) {
    super(code, problems.map(lineOf).join("; "));
    this.problems = problems;
  }
}

function lineOf({ file, line, column, path, message }: PlacedProblem): string {
  return `${line > 0 ? `${file}:${line}:${column}` : file}: ${path === "" ? "" : `${path}: `}${message}`;
}

export interface SensorFile {
  readonly object: JsonObject;
  readonly compiled: CompiledSensor;
}

/** The Sensor of a file; `name`: which, where there are several. @throws PlacedError */
export function readSensor(file: string, name: string | undefined): SensorFile {
  const manifest = chooseManifest(readPlaced(file), file, "Sensor", name);
  const { object } = manifest;
  return { object, compiled: compileManifest(object, (path) => placed(manifest, path)) };
}

/** @throws PlacedError */
export function readPlaced(file: string): readonly PlacedManifest[] {
  try {
    return placeManifests(manifestText(readBounded(file), file), file);
  } catch (error) {
    throw new PlacedError("MANIFEST_UNREADABLE", problemsOf(error, file));
  }
}

/** The one object of a kind in a file; `name`: which, where there are several. @throws PlacedError */
export function chooseManifest(
  manifests: readonly PlacedManifest[],
  file: string,
  kind: string,
  name: string | undefined,
): PlacedManifest {
  const all = manifests.filter(({ object }) => object.kind === kind);
  const [manifest, ...more] = name === undefined ? all : all.filter(({ object }) => nameOf(object) === name);
  if (manifest && more.length === 0) return manifest;
  const names = all.map(({ object }) => nameOf(object));
  const message =
    names.length === 0
      ? `holds no ${kind}`
      : `holds the ${kind}s ${names.join(", ")}: name one of them as in ./${file.split("/").at(-1)}#${names[0]}`;
  throw new PlacedError("MANIFEST_UNREADABLE", [{ ...wholeFile(file), message }]);
}

/** `path`: of the file's object, where the Sensor is a part of it. */
type PlaceOf = (path: string) => Pick<PlacedProblem, "file" | "line" | "column"> & { readonly path?: string };

/** What warns only is for `tiphys validate`. */
export function compileManifest(object: JsonObject, placeOf: PlaceOf): CompiledSensor {
  return withPlaces(placeOf, () => compileSensor(parseSensor(object, triggerSchemas()).resource));
}

/** What `parse` says is wrong, with the places in the file. @throws PlacedError */
export function withPlaces<T>(placeOf: PlaceOf, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidManifest)) throw error;
    const problems = error.problems.filter(({ severity }) => severity === "error");
    throw new PlacedError(
      "MANIFEST_INVALID",
      problems.map((problem) => ({ ...problem, ...placeOf(problem.path) })),
    );
  }
}

export function placed(manifest: PlacedManifest, path: string) {
  return { file: manifest.file, ...manifest.placeOf(path) };
}

function wholeFile(file: string): Omit<PlacedProblem, "message"> {
  return { file, line: 0, column: 0, severity: "error", path: "" };
}

/** Any failure to read a file as problems with their places. */
export function problemsOf(error: unknown, file: string, manifest?: PlacedManifest): readonly PlacedProblem[] {
  if (error instanceof InvalidManifest) {
    const { problems } = error; // warnings, too: a misspelt field is one, and why another is missing
    return problems.map((problem: Problem) => ({ ...wholeFile(file), ...manifest?.placeOf(problem.path), ...problem }));
  }
  const place = error instanceof UnreadableManifest ? error.place : (manifest?.placeOf("sensor") ?? {});
  const message = error instanceof UnreadableManifest ? error.reason : unreadableText(error, file);
  return [{ ...wholeFile(file), ...place, message }];
}

function unreadableText(error: unknown, file: string): string {
  const [why, message] = [whyUnreadable(error, file), messageOf(error)];
  return why === message ? message : `cannot be read: ${why}`;
}

/** Of a manifest; "" when it has none. */
export function nameOf({ metadata }: JsonObject): string {
  const name = typeof metadata === "object" && metadata !== null && "name" in metadata ? metadata.name : "";
  return typeof name === "string" ? name : "";
}
