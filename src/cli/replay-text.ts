import type { AppliedReport } from "../events/trial/apply-replay.ts";
import type { ComparedFiring, Counted } from "../events/trial/compare-firings.ts";
import type { ReplayReport } from "../events/trial/replay.ts";
import { colored, shownTime } from "./output.ts";

/** What would fire, then what is new and what is gone, of each the first `limit`. */
export function replayText(report: ReplayReport, limit: number): string {
  const { sensor, since, until, bus, events, fires, rejected, compared, errors } = report;
  const { added, removed, same } = compared;
  return [
    `Sensor ${sensor.namespace}/${sensor.name} over ${counted(events, "event")} of bus ${bus}, ${since} to ${until}`,
    ...Object.entries(fires).map(([trigger, count]) => `  ${trigger} would fire ${counted(count, "time")}`),
    `  ${counted(rejected, "rejection")}, ${counted(errors.count, "error")}`,
    ...named(
      errors,
      limit,
      ({ event, dependency, message }) => `    dependency ${dependency}, event ${event}: ${message}`,
    ),
    `Against the ledger: ${same} the same, ${added.count} new, ${removed.count} gone`,
    ...named(added, limit, (firing) => `  ${colored("green", "+")} ${firingText(firing)}`),
    ...named(removed, limit, (firing) => `  ${colored("red", "-")} ${firingText(firing)}`),
    ...nothingStored(report),
    ...notesOf(report),
  ].join("\n");
}

function firingText({ trigger, events, storedAt }: ComparedFiring): string {
  const ids = Object.entries(events).map(([dependency, id]) => `${dependency} ${id}`);
  return `${shownTime(storedAt)} ${trigger}: ${ids.join(", ")}`;
}

function named<T>({ count, first }: Counted<T>, limit: number, line: (one: T) => string): string[] {
  const shown = first.slice(0, limit);
  return [...shown.map(line), ...(count > shown.length ? [`    and ${count - shown.length} more`] : [])];
}

/** A misspelt name looks as a Sensor that nothing happens to. */
function nothingStored({ events, listensTo }: ReplayReport): string[] {
  if (events > 0) return [];
  return listensTo.length === 0
    ? ["it listens to no event of the EventSources that were asked for"]
    : [
        `nothing that it listens to was stored in that time: ${listensTo.join(", ")}; \`tiphys event list\` shows what was`,
      ];
}

function notesOf({ faults = {}, waiting, beyond, lost, invalid, compared, heldSince }: ReplayReport): string[] {
  return [
    ...Object.entries(faults).map(([trigger, fault]) => `trigger ${trigger} never fires: ${fault}`),
    ...(heldSince === undefined ? [] : [`the bus holds no events from before ${heldSince}`]),
    ...(waiting.length > 0 ? [`still waiting for other events at the end: ${waiting.join(", ")}`] : []),
    ...(beyond > 0 ? [`not compared: ${counted(beyond, "recorded firing")} with events from before or elsewhere`] : []),
    ...(lost > 0 ? [`the bus has dropped ${counted(lost, "message")} of that time`] : []),
    ...(invalid > 0 ? [`${counted(invalid, "stored message")} could not be read as an event`] : []),
    ...(compared.isExact ? [] : ["so much differs that some may stand as both new and gone"]),
  ];
}

export function appliedText({ id, events, fired, succeeded, dead, errors }: AppliedReport): string {
  const failed = dead + errors > 0 ? `; ${dead} dead, ${counted(errors, "error")}, kept on \`dead\`` : "";
  return `replay ${id}: ${counted(events, "event")}, ${fired} fired, ${succeeded} succeeded${failed}`;
}

export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
