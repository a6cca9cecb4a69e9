import { type BackoffPolicy, backoffMs } from "../../base/backoff.ts";
import { type Clock, sleepFor, unneeded } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { EventBus, ReadBatch } from "../../events/bus/bus.ts";
import type { LedgerRecord } from "../../record/records.ts";
import { subjectOf } from "../../record/subject.ts";
import type { History, HistoryEntry } from "../history.ts";
import { ledgerStream } from "../ledger.ts";
import type { FollowedPosition } from "../projection-protocol.ts";
import { decodeRecords } from "../stored-form.ts";
import { KnownEntries } from "./known-entries.ts";
import { otlpOf, type SpanOrigin } from "./otlp.ts";
import { type OtlpAnswer, type OtlpSender, type OtlpTarget, openOtlpSender } from "./otlp-sender.ts";
import type { Span } from "./span.ts";
import { spansOf } from "./spans.ts";

export interface SpanExport {
  readonly target: OtlpTarget;
  readonly origin: SpanOrigin;
  /** How long the first of a batch waits for others. */
  readonly delayMs: number;
  /** Spans in one request. */
  readonly batchSize: number;
}

export interface SpanExporterDeps {
  readonly bus: EventBus;
  readonly history: History;
  /** Of the ledger: an engine tells of what it did itself, so that several tell everything once. */
  readonly writer: string;
  /** From where on. */
  readonly from: FollowedPosition;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "spansExported" | "spansDropped">;
}

/** Messages of the ledger that are in memory at once, 64 KiB each at most. */
const maxMessages = 64;
/** A server that was away for longer gets what is newer only. */
const maxAgeMs = 60 * 60_000;
const maxFlushMs = 5_000;
const retryBackoff: BackoffPolicy = { firstMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.3 };

type DropReason = "late" | "refused" | "rejected" | "stopped";

/**
 * Sends what this engine's ledger records as spans, until `signal` aborts; then what is left, for 5 s at most. The queue is the
 * ledger itself: what writes to it waits for nothing here, and a server that is away costs no memory.
 */
export async function exportSpans(config: SpanExport, deps: SpanExporterDeps, signal: AbortSignal): Promise<void> {
  await using sender = await openOtlpSender(config.target);
  const exporter = new SpanExporter(config, deps, sender);
  await exporter.run(signal);
}

class SpanExporter {
  readonly #config: SpanExport;
  readonly #deps: SpanExporterDeps;
  readonly #sender: OtlpSender;
  readonly #known: KnownEntries;
  readonly #said = new Set<DropReason>();
  #position: FollowedPosition;
  #isAway = false;
  /** Of the batch at hand. */
  #unsent = 0;

  constructor(config: SpanExport, deps: SpanExporterDeps, sender: OtlpSender) {
    this.#config = config;
    this.#deps = deps;
    this.#sender = sender;
    this.#known = new KnownEntries(deps.history);
    this.#position = deps.from;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#read(true, signal);
      } catch (error) {
        if (signal.aborted) break;
        // What it tells is in the ledger all the same: an engine does not end for it.
        log.warn("spans cannot be exported, will retry", { attempt, error });
        await sleepFor(clock, backoffMs(retryBackoff, attempt), signal).catch(() => undefined);
      }
    }
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const over = new AbortController();
    const deadline = new AbortController();
    sleepFor(this.#deps.clock, maxFlushMs, over.signal).then(
      () => deadline.abort(),
      () => undefined, // all of it was sent before
    );
    try {
      await this.#read(false, deadline.signal);
    } catch (error) {
      const reason = deadline.signal.aborted ? `the engine ended, and waited ${maxFlushMs} ms` : messageOf(error);
      if (this.#unsent > 0) this.#drop(this.#unsent, "stopped", reason);
      else this.#deps.log.warn("the last spans were not exported", { reason });
    } finally {
      over.abort(unneeded);
    }
  }

  async #read(follow: boolean, signal: AbortSignal): Promise<void> {
    const { bus, writer, clock } = this.#deps;
    const subjects = [subjectOf(ledgerStream, writer)];
    for await (const batch of bus.read({ subjects, from: this.#position, follow, maxBatch: maxMessages }, signal)) {
      // What caused it may be stored a moment later, by another engine; and others go along.
      if (follow && batch.messages.length < maxMessages) await sleepFor(clock, this.#config.delayMs, signal);
      await this.#export(batch, signal);
      this.#position = { epoch: batch.epoch, after: batch.through };
    }
  }

  async #export({ messages }: ReadBatch, signal: AbortSignal): Promise<void> {
    const records = messages.flatMap(
      ({ data }) => decodeRecords(data) as readonly unknown[] as readonly LedgerRecord[],
    );
    if (records.length === 0) return;
    await this.#deps.history.caughtUp();
    const spans: Span[] = [];
    const events = new Set<string>();
    for (const record of records) spans.push(...(await this.#spansOf(record, events)));
    const { batchSize } = this.#config;
    for (let start = 0; start < spans.length; start += batchSize) {
      this.#unsent = spans.length - start;
      await this.#send(spans.slice(start, start + batchSize), signal);
    }
    this.#unsent = 0;
    this.#known.tell(events);
  }

  /** With the events behind it that were not told of yet: who receives events does not know what comes of them. */
  async #spansOf(record: LedgerRecord, told: Set<string>): Promise<readonly Span[]> {
    const known = this.#known;
    await known.learn(record);
    const events = known.eventsOf(record).filter(({ event: { id } }) => !told.has(id) && !known.isTold(id));
    for (const { event } of events) told.add(event.id);
    const entries: readonly HistoryEntry[] = [...events, { kind: "record", record }];
    const deps = { find: known.find, begunAt: known.begunAt };
    return entries.flatMap((entry) => spansOf(entry, deps)).filter(({ isSampled }) => isSampled);
  }

  /** Again and again while the server is away, until they are too old to be of use. */
  async #send(spans: readonly Span[], signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const body = JSON.stringify(otlpOf(spans, this.#config.origin));
    const newest = Math.max(...spans.map(({ endMs }) => endMs));
    for (let attempt = 1; ; attempt++) {
      if (clock.now() - newest > maxAgeMs) return this.#drop(spans.length, "late", "the server was away for an hour");
      const answer = await this.#sender.send(body, signal);
      if (answer.kind === "refused") return this.#drop(spans.length, "refused", answer.reason);
      if (answer.kind === "taken") return this.#taken(spans.length, answer);
      if (!this.#isAway) log.warn("spans wait for their server", { reason: answer.reason });
      this.#isAway = true;
      await sleepFor(clock, answer.afterMs ?? backoffMs(retryBackoff, attempt), signal);
    }
  }

  #taken(count: number, { rejected, reason }: OtlpAnswer & { readonly kind: "taken" }): void {
    const dropped = Math.min(rejected, count);
    this.#deps.metrics.spansExported.add({}, count - dropped);
    if (dropped > 0) this.#drop(dropped, "rejected", reason);
    if (this.#isAway) this.#deps.log.info("spans are exported again");
    this.#isAway = false;
  }

  /** Counted always, said once for each kind: what is wrong with one batch is wrong with the next. */
  #drop(count: number, reason: DropReason, why: string): void {
    this.#deps.metrics.spansDropped.add({ reason }, count);
    if (this.#said.has(reason)) return;
    this.#said.add(reason);
    this.#deps.log.warn("spans were dropped; tiphys_spans_dropped_total counts them", { reason, why, spans: count });
  }
}
