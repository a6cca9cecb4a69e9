import type { EventBus } from "../events/bus/bus.ts";
import type { History } from "../ledger/history.ts";
import { ledgerStream } from "../ledger/ledger.ts";
import type { Base } from "./parts.ts";

/** Sends spans to a server of OTLP, where one is configured; otherwise nothing of it is loaded. */
export async function startTraces(base: Base, bus: EventBus, history: History, writer: string): Promise<void> {
  const { stack, nursery, config, clock, log, metrics } = base;
  const { traces } = config;
  if (traces === undefined) return;
  const { exportSpans } = await import("../ledger/export/span-exporter.ts");
  const { epoch, after } = await bus.end(ledgerStream);
  const deps = { bus, history, writer, from: { epoch, after }, clock, log, metrics };
  stack.use(nursery.start("traces", (signal) => exportSpans(traces, deps, signal)));
}
