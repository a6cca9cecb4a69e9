import { Command } from "commander";
import { otlpOf } from "../ledger/export/otlp.ts";
import { spansOfChain } from "../ledger/export/spans.ts";
import { type HistoryEntry, idOf } from "../ledger/history.ts";
import type { ObservationRecord } from "../record/records.ts";
import { globalFlags } from "./engine-client.ts";
import { colored, print, shownDelta, shownTime } from "./output.ts";
import { eventText, observationText, recordText } from "./record-text.ts";
import { type Trace, withHistory } from "./source-of-history.ts";
import { originOf } from "./trace-export.ts";
import { remediesOf, whereToAsk } from "./trace-remedies.ts";

/** `tiphys trace REFERENCE`: event → decision → effect → sync → observation as a tree, with the time of each hop. */
export function traceCommand(): Command {
  return new Command("trace")
    .description(
      "What an event, a record, a commit or a live object caused, and what caused it; " +
        "-o otlp: as a line of an OpenTelemetry file",
    )
    .argument(
      "<reference>",
      "the id of an event or of a record; a commit (7 to 40 digits): its newest sync; " +
        "the id of a W3C trace; NAMESPACE/NAME or KIND/NAMESPACE/NAME: that live object",
    )
    .action(async (reference: string, _flags: object, self: Command) => {
      const trace = await withHistory(globalFlags(self), (history) => history.trace(reference));
      const text = (found: Trace) => [traceText(found), ...remediesOf(found)].join("\n");
      const otlp = (found: Trace) => JSON.stringify(otlpOf(spansOfChain(entriesOf(found)), originOf(process.env)));
      print(globalFlags(self), trace, { text, own: { otlp } });
    });
}

function entriesOf({ causes, self, effects }: Trace): readonly HistoryEntry[] {
  return [...causes, self, ...effects];
}

/** Objects observed after one sync that are shown; the others are counted. */
const maxObjects = 20;
/** Entries that an answer has at most in one direction (`History`). */
const maxEntries = 1_000;

/** One line: an event or a record, or all observations of one object after one sync. */
interface Node {
  readonly id: string;
  readonly at: number;
  /** The node that it stands under. */
  readonly parent: string | undefined;
  readonly entry: HistoryEntry;
  /** Of one object, in their order; none for other nodes. */
  readonly states: ObservationRecord[];
}

/** The whole chain as a tree: each entry under the first of its causes that is in the trace. */
export function traceText(trace: Trace): string {
  const { self, effects } = trace;
  const { roots, children } = treeOf(entriesOf(trace));
  const start = Math.min(...roots.map((root) => root.at));
  const lines: string[] = [];
  const seen = new Set<string>();
  const draw = (node: Node, depth: number): void => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    const delta = shownDelta(node.at - start).padStart(9);
    lines.push(`${shownTime(node.at)}  ${colored("dim", delta)}  ${"  ".repeat(depth)}${textOf(node)}`);
    const below = children.get(node.id) ?? [];
    const objects = below.filter(({ states }) => states.length > 0);
    const hidden = new Set(objects.slice(maxObjects));
    for (const child of below) if (!hidden.has(child)) draw(child, depth + 1);
    if (hidden.size > 0) lines.push(`${" ".repeat(37 + 2 * (depth + 1))}and ${hidden.size} more`);
  };
  for (const root of roots) draw(root, 0);
  return [...lines, ...lastLines(self, effects)].join("\n");
}

function lastLines(self: HistoryEntry, effects: readonly HistoryEntry[]): readonly string[] {
  if (effects.length >= maxEntries) return [`only the first ${effects.length} that followed are shown`];
  if (effects.length > 0 || isObservation(self)) return [];
  const isSync = self.kind === "record" && self.record.kind === "sync";
  return [isSync ? "nothing was observed after it" : `nothing followed${whereToAsk(self)}`];
}

interface Tree {
  readonly roots: readonly Node[];
  readonly children: ReadonlyMap<string, readonly Node[]>;
}

function treeOf(entries: readonly HistoryEntry[]): Tree {
  const ids = new Map(entries.flatMap((entry) => namesOf(entry).map((name): [string, string] => [name, idOf(entry)])));
  const nodes = new Map<string, Node>();
  for (const entry of new Map(entries.map((one) => [idOf(one), one])).values()) {
    const id = idOf(entry);
    const parent = causesOf(entry)
      .map((cause) => ids.get(cause))
      .find((cause) => cause !== undefined && cause !== id);
    const states = isObservation(entry) ? [entry.record] : [];
    const key = isObservation(entry) ? `${parent} ${entry.record.object}` : id;
    const same = nodes.get(key);
    if (same) same.states.push(...states);
    else nodes.set(key, { id, at: timeOf(entry), parent, entry, states });
  }
  const all = [...nodes.values()];
  const children = Map.groupBy(
    all.filter(({ parent }) => parent !== undefined),
    ({ parent }) => parent ?? "",
  );
  return { roots: all.filter(({ parent }) => parent === undefined), children };
}

/** What causes call it by. Of effects with one key the last counts: it is the one that was done. */
function namesOf(entry: HistoryEntry): readonly string[] {
  if (entry.kind === "event") return [idOf(entry)];
  const { record } = entry;
  const isNamedByKey = record.kind === "sync" || (record.kind === "effect" && record.triggerKind === "gitOps");
  return isNamedByKey ? [record.id, record.key] : [record.id];
}

function causesOf(entry: HistoryEntry): readonly string[] {
  return entry.kind === "event" ? (entry.causes ?? []) : entry.record.causes;
}

/** When it began. */
function timeOf(entry: HistoryEntry): number {
  if (entry.kind === "record") return "startedAt" in entry.record ? entry.record.startedAt : entry.record.at;
  const received = Date.parse(entry.event.time);
  return Number.isNaN(received) ? entry.event.storedAt : received;
}

function textOf({ entry, at, states }: Node): string {
  const [first, ...later] = states;
  if (first) return observationText([first, ...later]);
  return entry.kind === "event" ? eventText(entry.event, at) : recordText(entry.record);
}

function isObservation(
  entry: HistoryEntry,
): entry is HistoryEntry & { readonly kind: "record"; readonly record: ObservationRecord } {
  return entry.kind === "record" && entry.record.kind === "observation";
}
