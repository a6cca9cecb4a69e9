import type { PlacedManifest } from "../api/manifest.ts";
import { parseSensor } from "../api/sensor.ts";
import { TerminalError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Schema } from "../base/schema.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import { loopsAcross } from "../events/sensor/loops.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";
import type { FileReport } from "./validate.ts";

type Part = Pick<CompiledSensor, "sensor" | "triggers"> & { readonly manifest: PlacedManifest };

/** The reports with the loops that their Sensors make together, as errors; those of one alone are there already. */
export function withLoops(
  reports: readonly FileReport[],
  schemas: Readonly<Record<string, Schema<unknown>>> = triggerSchemas(),
): readonly FileReport[] {
  const parts = reports.flatMap(({ sensors }) => sensors.flatMap((manifest) => partOf(manifest, schemas)));
  const loops = loopsAcross(parts);
  if (loops.length === 0) return reports;
  return reports.map((report) => {
    const own = loops.filter(({ part }) => report.sensors.includes(part.manifest));
    const { file } = report;
    const placed = own.map(({ part, problem }) => ({ file, ...part.manifest.placeOf(problem.path), ...problem }));
    return placed.length === 0 ? report : { ...report, problems: [...report.problems, ...placed] };
  });
}

/** None of one that does not run. */
function partOf(manifest: PlacedManifest, schemas: Readonly<Record<string, Schema<unknown>>>): readonly Part[] {
  try {
    const { sensor, triggers } = compileSensor(parseSensor(manifest.object as JsonObject, schemas).resource);
    return [{ manifest, sensor, triggers }];
  } catch (error) {
    if (error instanceof TerminalError) return [];
    throw error;
  }
}
