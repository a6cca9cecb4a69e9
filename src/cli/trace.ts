import { Command } from "commander";
import type { HistoryEntry } from "../ledger/history.ts";
import type { EventHead, LedgerRecord } from "../record/records.ts";
import { globalFlags } from "./engine-client.ts";
import { colored, print, shownDelta, shownTime } from "./output.ts";
import { type Trace, withHistory } from "./source-of-history.ts";

/** `tiphys trace ID`: event → decision → effect as a tree, with the time of each hop. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("What an event or a record caused, and what caused it")
    .argument("<id>", "the id of an event or of a record")
    .action(async (id: string, _flags: object, self: Command) => {
      const trace = await withHistory(globalFlags(self), (history) => history.trace(id));
      print(globalFlags(self), trace, { text: traceText });
    });
}

interface Node {
  readonly id: string;
  readonly at: number;
  readonly causes: readonly string[];
  readonly text: string;
}

/** The whole chain as a tree: each entry under the first of its causes that is in the trace. */
export function traceText({ self, causes, effects }: Trace): string {
  const nodes = new Map<string, Node>();
  for (const entry of [...causes, self, ...effects]) nodes.set(nodeOf(entry).id, nodeOf(entry));
  const children = new Map<string, Node[]>();
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.causes.find((cause) => nodes.has(cause) && cause !== node.id);
    if (parent === undefined) roots.push(node);
    else children.set(parent, [...(children.get(parent) ?? []), node]);
  }
  const start = Math.min(...roots.map((root) => root.at));
  const lines: string[] = [];
  const seen = new Set<string>();
  const draw = (node: Node, depth: number): void => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    const delta = shownDelta(node.at - start).padStart(9);
    lines.push(`${shownTime(node.at)}  ${colored("dim", delta)}  ${"  ".repeat(depth)}${node.text}`);
    for (const child of children.get(node.id) ?? []) draw(child, depth + 1);
  };
  for (const root of roots) draw(root, 0);
  if (effects.length === 0) lines.push(`nothing followed; \`tiphys why ${nodeOf(self).id}\` says why`);
  return lines.join("\n");
}

function nodeOf(entry: HistoryEntry): Node {
  return entry.kind === "event" ? eventNode(entry.event) : recordNode(entry.record);
}

function eventNode({ id, namespace, eventSource, event, type, time, storedAt }: EventHead): Node {
  const received = Date.parse(time);
  const at = Number.isNaN(received) ? storedAt : received;
  const stored = `stored ${shownDelta(storedAt - at)}`;
  return { id, at, causes: [], text: `event ${id}: ${namespace}/${eventSource} ${event} (${type}), ${stored}` };
}

function recordNode(record: LedgerRecord): Node {
  const { id, causes } = record;
  switch (record.kind) {
    case "decision": {
      const { namespace, name } = record.sensor;
      const what = record.verdict === "fired" ? colored("green", "fired") : colored("red", "error");
      const on = record.trigger ?? `dependency ${record.dependency}`;
      const reason = record.reason === undefined ? "" : `: ${record.reason}`;
      return { id, at: record.at, causes, text: `decision ${id}: Sensor ${namespace}/${name} ${what} ${on}${reason}` };
    }
    case "effect": {
      const style = record.outcome === "succeeded" ? "green" : record.outcome === "failed" ? "yellow" : "red";
      const took = `${Math.round(record.at - record.startedAt)} ms`;
      const attempt = record.attempt > 1 ? `, attempt ${record.attempt}` : "";
      const text = `effect ${id}: ${record.triggerKind} ${colored(style, record.outcome)} in ${took}${attempt}: ${record.message}`;
      return { id, at: record.startedAt, causes, text };
    }
    case "lost":
      return { id, at: record.at, causes, text: `lost: ${record.bus} ${record.from} to ${record.to}` };
    case "invalid":
      return { id, at: record.at, causes, text: `invalid: ${record.bus} ${record.sequence}: ${record.message}` };
  }
}
