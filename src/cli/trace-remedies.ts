import { shellWord } from "../base/shell-word.ts";
import type { HistoryEntry } from "../ledger/history.ts";
import type { DecisionRecord, LedgerRecord, ResourceName, SensorHead } from "../record/records.ts";
import type { Trace } from "./source-of-history.ts";

const maxRemedies = 5;
/** How decisions end that need no sync (`gitops/reconcile/auto-sync.ts`). */
const nothingToDo = /(everything is as it should be|no object differs[^;]*)$/;

/** What a person can do about what failed, or did not follow, in a trace; each line can be pasted from its backticks. */
export function remediesOf({ self, causes, effects }: Trace): readonly string[] {
  const records = [...causes, self, ...effects].flatMap((entry) => (entry.kind === "record" ? [entry.record] : []));
  const followed = new Set(records.flatMap((record) => record.causes));
  const isOpen = ({ id }: LedgerRecord) => !followed.has(id) && !(self.kind === "record" && self.record.id === id);
  const found = records.flatMap((record) => remedyOf(record, isOpen(record)) ?? []);
  return [...new Set(found)].slice(0, maxRemedies);
}

/** The question to ask of what nothing followed. */
export function whereToAsk(self: HistoryEntry): string {
  const question = self.kind === "event" ? `why ${shellWord(self.event.id)}` : questionOf(self.record);
  return question === undefined ? "" : `; \`tiphys ${question}\` says why`;
}

function questionOf(record: LedgerRecord): string | undefined {
  return record.kind === "decision" ? whyDecision(record) : undefined;
}

/** `isOpen`: nothing is known to have followed it. */
export function remedyOf(record: LedgerRecord, isOpen: boolean): string | undefined {
  switch (record.kind) {
    case "sync":
      if (record.phase === "Succeeded") return undefined;
      return `to go on: \`tiphys app why ${shownName(record.application)}\` says what sync ${record.id} failed for, and what to do`;
    case "effect":
      if (record.outcome !== "dead") return undefined;
      return `to go on: \`tiphys dead list ${ofSensor(record.sensor)} --trigger ${shellWord(record.trigger)}\` shows what to redrive`;
    case "decision": {
      if (record.verdict === "error") {
        return `to go on: \`tiphys dead list ${ofSensor(record.sensor)}\` shows the event, which can be redriven`;
      }
      if (!isOpen || record.sensor.kind !== "Application" || nothingToDo.test(record.reason ?? "")) return undefined;
      return `to go on: \`tiphys app why ${shownName(record.sensor)}\` says what decision ${record.id} waits for`;
    }
    default:
      return undefined;
  }
}

function whyDecision({ sensor, events }: DecisionRecord): string | undefined {
  if (sensor.kind === "Application") return `app why ${shownName(sensor)}`;
  const [first] = Object.values(events);
  return first === undefined ? undefined : `why ${shellWord(first.id)} ${ofSensor(sensor)}`;
}

function ofSensor({ namespace, name }: SensorHead): string {
  return `--sensor ${namespace}/${name}`;
}

function shownName({ namespace, name }: ResourceName): string {
  return namespace === "argocd" ? name : `${namespace}/${name}`;
}
