import type { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { KubeObject } from "../../objects/object.ts";
import { sourcesOf } from "./application.ts";
import { collected } from "./options.ts";

/** Which revisions, of which sources, are meant instead of the targets. */
export interface RevisionFlags {
  readonly revision?: string;
  readonly revisions: readonly string[];
  readonly sourcePositions: readonly string[];
  readonly sourceNames: readonly string[];
}

export function addRevisionFlags(command: Command): Command {
  return command
    .option("--revision <revision>", "instead of the source's target")
    .option("--revisions <revision>", "of several sources; may be repeated", collected, [])
    .option("--source-positions <n>", "which source, from 1, for each revision; may be repeated", collected, [])
    .option("--source-names <name>", "which source, by its name, for each revision; may be repeated", collected, []);
}

/** With positions in place of names. @throws EngineError USAGE */
export function revisionsOf(flags: RevisionFlags, application: KubeObject) {
  const { revision, revisions, sourcePositions, sourceNames } = flags;
  if (sourceNames.length > 0 && sourcePositions.length > 0) {
    throw new EngineError("USAGE", "--source-names and --source-positions cannot be used together");
  }
  const positions =
    sourceNames.length === 0 ? sourcePositions : sourceNames.map((name) => positionOf(name, application));
  if (revisions.length !== positions.length) {
    const what = "--revisions needs as many --source-positions or --source-names";
    throw new EngineError("USAGE", `${what}: ${revisions.length} and ${positions.length} are given`);
  }
  return { revision, revisions, sourcePositions: positions };
}

function positionOf(name: string, application: KubeObject): string {
  const sources = sourcesOf(application);
  const at = sources.findIndex((source) => textOf(source.name) === name);
  if (at >= 0) return String(at + 1);
  const known = sources.map((source) => textOf(source.name)).filter((one) => one !== "");
  throw new EngineError(
    "USAGE",
    `--source-names: there is no source "${name}"; there are: ${known.join(", ") || "none"}`,
  );
}
