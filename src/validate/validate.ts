import { manifestText, type PlacedManifest, placeManifests, UnreadableManifest } from "../api/manifest.ts";
import { argoApiVersion } from "../api/resources.ts";
import { ownApiVersion } from "../api/sensor-test-schema.ts";
import { isJsonObject } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/schema.ts";
import { type Checker, check as checkAny } from "./admission.ts";

/** A problem with its place; line and column count from 1 and are 0 when the place is not known. */
export interface PlacedProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: Problem["severity"];
  /** "" for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly suggestion?: string;
}

export interface FileReport {
  readonly file: string;
  /** In the order of the file. */
  readonly problems: readonly PlacedProblem[];
  /** Objects of our kinds. */
  readonly checked: number;
  /** Objects of other kinds, which nobody looked at. */
  readonly ignored: number;
  /** The text is no YAML or JSON of objects; the only problem says why. */
  readonly isUnreadable: boolean;
  /** Its Sensors without errors, for what only all together show. */
  readonly sensors: readonly PlacedManifest[];
}

const ourKinds = ["EventSource", "Sensor", "EventBus", "Application", "AppProject", "ApplicationSet"];
/** Whose API version is ours. */
const ownKinds = ["SensorTest"];

/** Every problem of every object of our kinds in a file. Does not throw for any content. */
export function validateContent(content: Buffer, file: string, check: Checker = checkAny): FileReport {
  return orUnreadable(file, () => reportOf(placeManifests(manifestText(content, file), file), file, check));
}

/** The same of its text. */
export function validateText(text: string, file: string, check: Checker = checkAny): FileReport {
  return orUnreadable(file, () => reportOf(placeManifests(text, file), file, check));
}

function orUnreadable(file: string, read: () => FileReport): FileReport {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnreadableManifest)) throw error;
    return unreadable(file, error.reason, error.place);
  }
}

/** The report of a file that could not be read. */
export function unreadable(file: string, message: string, { line, column } = { line: 0, column: 0 }): FileReport {
  const problem: PlacedProblem = { file, line, column, severity: "error", path: "", message };
  return { file, problems: [problem], checked: 0, ignored: 0, isUnreadable: true, sensors: [] };
}

function reportOf(manifests: readonly PlacedManifest[], file: string, check: Checker): FileReport {
  let [checked, ignored] = [0, 0];
  const problems: PlacedProblem[] = [];
  const sensors: PlacedManifest[] = [];
  for (const manifest of manifests) {
    const found = check(manifest.object);
    if (found) checked++;
    else ignored++;
    const own = found ?? strangerProblems(manifest);
    if (found && isSensor(manifest) && !own.some(({ severity }) => severity === "error")) sensors.push(manifest);
    if (own.length > 0) problems.push(...inOrder(own, manifest));
  }
  return { file, problems, checked, ignored, isUnreadable: false, sensors };
}

function isSensor({ object }: PlacedManifest): boolean {
  return isJsonObject(object) && object.apiVersion === argoApiVersion && object.kind === "Sensor";
}

function inOrder(problems: readonly Problem[], manifest: PlacedManifest): PlacedProblem[] {
  const { file } = manifest;
  const placed = problems.map((problem) => ({ file, ...manifest.placeOf(problem.path), ...problem }));
  return placed.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** What is almost one of our kinds, and would be passed over without a word. */
function strangerProblems({ object }: PlacedManifest): Problem[] {
  if (!isJsonObject(object) || typeof object.apiVersion !== "string" || typeof object.kind !== "string") return [];
  const { apiVersion, kind } = object;
  if (apiVersion === ownApiVersion) return unknownKind(kind, ownKinds);
  if (ownKinds.includes(kind)) return [wrongVersion(apiVersion, ownApiVersion)];
  const isOurGroup = apiVersion.split("/")[0] === argoApiVersion.split("/")[0];
  if (apiVersion === argoApiVersion) return unknownKind(kind, ourKinds);
  const isNear = isOurGroup || nearest(apiVersion, [argoApiVersion]) !== undefined;
  if (!isNear || !ourKinds.includes(kind)) return [];
  return [wrongVersion(apiVersion, argoApiVersion)];
}

function unknownKind(kind: string, known: readonly string[]): Problem[] {
  const likely = nearest(kind, known);
  const message = `${JSON.stringify(kind)} is not a kind that is known`;
  return likely === undefined
    ? []
    : [{ severity: "warning", path: "kind", message, suggestion: `did you mean \`${likely}\`?` }];
}

function wrongVersion(apiVersion: string, wanted: string): Problem {
  return { severity: "warning", path: "apiVersion", message: `${JSON.stringify(apiVersion)} must be "${wanted}"` };
}
