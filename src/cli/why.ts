import { Command } from "commander";
import type { LedgerRecord } from "../record/records.ts";
import type { DependencyWhy, SensorWhy, WhyAnswer } from "../server/why.ts";
import { globalFlags, requireEngine } from "./engine-client.ts";
import { colored, print, shownTime } from "./output.ts";

/** `tiphys why EVENT [--sensor NAMESPACE/NAME]`: which filter refused an event, and the value it saw. */
export function whyCommand(): Command {
  return new Command("why")
    .description("Why an event fired a trigger, or did not")
    .argument("<event id>")
    .option("--sensor <namespace/name>", "of one Sensor only")
    .action(async (id: string, { sensor }: { readonly sensor?: string }, self: Command) => {
      const search = sensor === undefined ? "" : `?${new URLSearchParams({ sensor })}`;
      const answer = await requireEngine(globalFlags(self)).get<WhyAnswer>(
        `/events/${encodeURIComponent(id)}/why${search}`,
      );
      print(globalFlags(self), answer, { text: whyText });
    });
}

function whyText({ event, sensors, note }: WhyAnswer): string {
  const lines = [
    `event ${event.id}: ${event.namespace}/${event.eventSource} ${event.event}, stored ${shownTime(event.storedAt)}`,
    ...sensors.flatMap(sensorLines),
  ];
  if (note !== undefined) lines.push(note);
  return lines.join("\n");
}

function sensorLines({ sensor, kind, dependencies, records }: SensorWhy): string[] {
  return [
    `${kind ?? "Sensor"} ${sensor.namespace}/${sensor.name}`,
    ...dependencies.map(dependencyLine),
    ...records.map(recordLine),
    ...(records.length === 0 && dependencies.some(({ verdict }) => verdict === "passed")
      ? ["  nothing recorded: it came before the Sensor did, or a trigger waits for other events"]
      : []),
  ];
}

function dependencyLine({ dependency, verdict, reason }: DependencyWhy): string {
  const style = { passed: "green", rejected: "yellow", error: "red" } as const;
  return `  dependency ${dependency} ${colored(style[verdict], verdict)}${reason === "" ? "" : `: ${reason}`}`;
}

function recordLine(record: LedgerRecord): string {
  switch (record.kind) {
    case "decision":
      return `  trigger ${record.trigger ?? "-"} ${record.verdict}${record.reason === undefined ? "" : `: ${record.reason}`}`;
    case "effect":
      return `    ${record.triggerKind} ${record.outcome} (attempt ${record.attempt}): ${record.message}`;
    default:
      return `  ${record.kind}`;
  }
}
