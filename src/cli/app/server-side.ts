import type { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { exitingWith } from "../exit.ts";
import type { ApplicationsClient, AppName } from "./applications-client.ts";
import { stateIn } from "./manifests.ts";
import { isShown, namesOf, paired, type Sides } from "./object-sides.ts";
import { parseCount } from "./options.ts";

export interface ServerSideFlags {
  readonly serverSideDiff?: true;
  readonly serverSideDiffMaxBatchKb?: number;
  readonly serverSideGenerate?: true;
}

/** Targets travel in the URL: what is asked at once, in bytes there, and how many. */
const maxBytes = 200 * 1024;
const maxTargets = 100;

export function addServerSideFlags(command: Command): Command {
  return command
    .option("--server-side-diff", "as the cluster says by a dry run of a server-side apply")
    .option("--server-side-diff-concurrency <n>", "kept for the original: one after the other", "-1")
    .option("--server-side-diff-max-batch-kb <n>", "of targets that are asked about at once", parseCount, 250)
    .option("--server-side-generate", "with --local: taken; the folder is rendered here, as the engine would")
    .option("--local-include <pattern...>", "kept for the original: all files of the folder are read");
}

/** What the cluster would make of targets; `targets` absent: those of the engine's last comparison. */
export async function serverSides(
  client: ApplicationsClient,
  app: AppName,
  managed: readonly JsonObject[],
  targets: readonly JsonObject[] | undefined,
  { serverSideDiffMaxBatchKb: maxKb = 250 }: ServerSideFlags,
): Promise<readonly Sides[]> {
  const own = managed.map(({ targetState }) => stateIn(textOf(targetState))).filter((one) => one !== undefined);
  const { pairs, gone } = paired(managed, targets ?? own);
  const wanted = pairs
    .map(({ target }) => target)
    .filter((one) => isShown({ kind: one.kind ?? "", group: groupOf(one) }));
  const sides: Sides[] = [];
  for (const batch of batchesOf(wanted, Math.min(maxBytes, Math.max(1, maxKb) * 1024))) {
    sides.push(...(await client.serverSideDiff(app, batch)).map(sidesIn));
  }
  return [...sides, ...gone];
}

function sidesIn(item: JsonObject): Sides {
  const [live, target] = [stateIn(textOf(item.liveState)), stateIn(textOf(item.targetState))];
  return { ...namesOf(item), before: live, after: item.modified === true ? target : live };
}

function groupOf({ apiVersion }: JsonObject): string {
  return textOf(apiVersion).includes("/") ? (textOf(apiVersion).split("/")[0] ?? "") : "";
}

/** @throws EngineError USAGE, exit 20, for one that is too large for itself */
function batchesOf(targets: readonly JsonObject[], bytes: number): readonly (readonly string[])[] {
  const batches: string[][] = [];
  let left = 0;
  for (const target of targets) {
    const text = JSON.stringify(target);
    const size = new URLSearchParams({ targetManifests: text }).toString().length;
    if (size > maxBytes) {
      const message = `--server-side-diff: ${textOf(target.kind)} of ${size} bytes is too large: compare without the flag`;
      throw exitingWith(20, new EngineError("USAGE", message));
    }
    const last = batches.at(-1);
    if (last === undefined || size > left || last.length === maxTargets) {
      batches.push([text]);
      left = bytes - size;
    } else {
      last.push(text);
      left -= size;
    }
  }
  return batches;
}
