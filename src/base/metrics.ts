import { setTimeout as sleep } from "node:timers/promises";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { PlainSummary } from "./plain-summary.ts";

/** Counters under the originals' names and labels (spec argo-events 7.7), and ours beside them. */
export interface Metrics {
  readonly eventSent: Count<"eventsource_name" | "event_name">;
  readonly eventSendFailed: Count<"eventsource_name" | "event_name">;
  readonly eventProcessingFailed: Count<"eventsource_name" | "event_name">;
  /** Ours: events for which `filter.expression` is false. */
  readonly eventFiltered: Count<"eventsource_name" | "event_name">;
  /** Ours: events that an upstream dropped before a source read them. */
  readonly sourceEventsLost: Count<"eventsource_name" | "event_name">;
  readonly eventProcessingDuration: Duration<"eventsource_name" | "event_name">;
  readonly sourcesRunning: Level<"eventsource_name">;
  readonly actionTriggered: Count<"sensor_name" | "trigger_name">;
  readonly actionFailed: Count<"sensor_name" | "trigger_name">;
  readonly actionRetriesFailed: Count<"sensor_name" | "trigger_name">;
  readonly actionDuration: Duration<"sensor_name" | "trigger_name">;
  /** Ours: events that a dependency's filters refused, by the filter. */
  readonly eventRejected: Count<"sensor_name" | "dependency">;
  /** Ours: filters, conditions or transforms that failed. */
  readonly decisionErrors: Count<"sensor_name">;
  /** Ours: events that waited at a trigger and were let go; `reason` is window, reset, bound or edit. */
  readonly eventsExpired: Count<"sensor_name" | "trigger_name" | "reason">;
  /** Ours: debounced firings and batches that fired before their time, since too many waited. */
  readonly firedEarly: Count<"sensor_name" | "trigger_name">;
  /** Ours: stored messages that were lost before they were read, or were no events. */
  readonly eventsLost: Count<"bus">;
  readonly eventsInvalid: Count<"bus">;
  /** Ours: positions behind the end of the bus, in messages. */
  readonly readerLag: Level<"bus">;
  /** Ours: effects waiting for another attempt, their turn, or the trigger's others. */
  readonly outboxSize: Level<"sensor_name">;
  /** Ours: what failed for good and is kept on `dead`. */
  readonly deadLetters: Count<"sensor_name">;
  /** Ours: how far Sensors are behind the end of their bus, by messages of the bus and by the age of what they are at. */
  readonly sensorLag: { set(lags: readonly Lag[]): void };
  /** Sensors and sources whose series end: what is gone is not told any more. */
  forgetSensor(namespace: string, name: string): void;
  /** Called before each answer, so that levels are of now. */
  onAsked(collect: () => Promise<void>): void;
  /** Of Argo CD: operations that ended. */
  readonly appSync: Count<"name" | "project" | "dest_server" | "phase" | "dry_run">;
  /** Of Argo CD: looks at Applications. */
  readonly appReconcile: Duration<"dest_server">;
  /** Requests to Git servers, under Argo CD's name and labels; `request_type` is fetch or ls-remote. */
  readonly gitRequests: Total<"repo" | "request_type">;
  /** Ours: folders of Git that were made manifests of, not found as made before. */
  readonly renders: Total<never>;
  /** Ours: objects that were compared with the live ones, not found as compared before. */
  readonly comparedObjects: Total<never>;
  /** Ours: of traces, taken by the server of OTLP, and not: late, refused, rejected, stopped. */
  readonly spansExported: Total<never>;
  readonly spansDropped: Total<"reason">;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
}

export interface Lag {
  readonly namespace: string;
  readonly sensor: string;
  readonly events: number;
  readonly ms: number;
}

type Labels<L extends string> = Readonly<Record<L | "namespace", string>>;
interface Count<L extends string> {
  add(labels: Labels<L>, count?: number): void;
}
/** Of the whole process. */
export interface Total<L extends string> {
  add(labels: Readonly<Record<L, string>>, count?: number): void;
}
interface Level<L extends string> {
  set(labels: Labels<L>, value: number): void;
}
interface Duration<L extends string> {
  observe(labels: Labels<L>, ms: number): void;
}

/** `version`: of the program. */
export function createMetrics(version = "unknown"): Metrics {
  const registry = new Registry();
  const collectors: (() => Promise<void>)[] = [];
  const series: Series[] = [];
  const { count, total, level, duration, seconds } = makersOf(registry, series);
  tellBuild(registry, version);
  const event = ["eventsource_name", "event_name"] as const;
  const action = ["sensor_name", "trigger_name"] as const;
  return {
    eventSent: count("argo_events_events_sent_total", "Events kept by the bus.", ...event),
    eventSendFailed: count("argo_events_events_sent_failed_total", "Events that the bus did not take.", ...event),
    eventProcessingFailed: count(
      "argo_events_events_processing_failed_total",
      "Events that a source could not handle.",
      ...event,
    ),
    eventFiltered: count("tiphys_events_filtered_total", "Events that a source's filter refused.", ...event),
    sourceEventsLost: count(
      "tiphys_source_events_lost_total",
      "Events that the upstream dropped before they were read.",
      ...event,
    ),
    eventProcessingDuration: duration(
      "argo_events_event_processing_duration_milliseconds",
      "Duration from an event's arrival until the bus kept it.",
      ...event,
    ),
    sourcesRunning: level(
      "argo_events_event_service_running_total",
      "Events of an EventSource that are being listened for.",
      "eventsource_name",
    ),
    actionTriggered: count("argo_events_action_triggered_total", "Triggers that succeeded.", ...action),
    actionFailed: count("argo_events_action_failed_total", "Attempts of triggers that failed.", ...action),
    actionRetriesFailed: count("argo_events_action_retries_failed_total", "Triggers that failed for good.", ...action),
    actionDuration: duration("argo_events_action_duration_milliseconds", "Duration of an attempt.", ...action),
    eventRejected: count("tiphys_events_rejected_total", "Events that filters refused.", "sensor_name", "dependency"),
    decisionErrors: count(
      "tiphys_decision_errors_total",
      "Filters, conditions or transforms that failed.",
      "sensor_name",
    ),
    eventsExpired: count("tiphys_events_expired_total", "Events that waited and were let go.", ...action, "reason"),
    firedEarly: count("tiphys_fired_early_total", "Firings before their time, since too many waited.", ...action),
    eventsLost: count("tiphys_events_lost_total", "Events that the bus dropped before they were read.", "bus"),
    eventsInvalid: count("tiphys_events_invalid_total", "Stored messages that are not events.", "bus"),
    readerLag: level("tiphys_reader_lag_messages", "Messages between the reader and the end of the bus.", "bus"),
    outboxSize: level("tiphys_outbox_effects", "Effects that are stored and not done yet.", "sensor_name"),
    deadLetters: count("tiphys_dead_letters_total", "What failed for good and is kept on dead.", "sensor_name"),
    sensorLag: lagsOf(registry),
    appSync: count(
      "argocd_app_sync_total",
      "Operations of Applications that ended.",
      "name",
      "project",
      "dest_server",
      "phase",
      "dry_run",
    ),
    appReconcile: seconds("argocd_app_reconcile", "Duration of a look at an Application.", "dest_server"),
    gitRequests: total("argocd_git_request_total", "Requests to Git servers.", "repo", "request_type"),
    renders: total("tiphys_renders_total", "Folders of Git that were made manifests of."),
    comparedObjects: total("tiphys_compared_objects_total", "Objects that were compared with the live ones."),
    spansExported: total("tiphys_spans_exported_total", "Spans that the server of OTLP took."),
    spansDropped: total("tiphys_spans_dropped_total", "Spans that no server of OTLP took.", "reason"),
    forgetSensor(namespace, name) {
      void removeSeries(series, { namespace, sensor_name: name });
    },
    onAsked: (collect) => void collectors.push(collect),
    async text() {
      const collected = Promise.all(collectors.map((collect) => collect().catch(() => undefined)));
      await Promise.race([collected, sleep(maxCollectMs, undefined, { ref: false })]); // levels stay as they were
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** What makes metrics of each kind; `series` gets those that end with a Sensor. */
function makersOf(registry: Registry, series: Series[]) {
  const count = <L extends string>(name: string, help: string, ...labels: readonly L[]): Count<L> => {
    const counter = new Counter({ name, help, labelNames: ["namespace", ...labels], registers: [registry] });
    series.push(counter);
    return { add: (values, by = 1) => counter.inc(values, by) };
  };
  const total = <L extends string>(name: string, help: string, ...labels: readonly L[]): Total<L> => {
    const counter = new Counter({ name, help, labelNames: labels, registers: [registry] });
    return { add: (values, by = 1) => counter.inc(values, by) };
  };
  const level = <L extends string>(name: string, help: string, ...labels: readonly L[]): Level<L> => {
    const gauge = new Gauge({ name, help, labelNames: ["namespace", ...labels], registers: [registry] });
    series.push(gauge);
    return { set: (values, value) => gauge.set(values, value) };
  };
  const duration = <L extends string>(name: string, help: string, ...labels: readonly L[]): Duration<L> => {
    const summary = new PlainSummary({ name, help, labelNames: ["namespace", ...labels] });
    registry.registerMetric(summary);
    series.push({ get: () => summary.get(), remove: (of) => summary.forget(of) });
    return { observe: (values, ms) => summary.add(values, Math.round(ms)) };
  };
  const seconds = <L extends string>(name: string, help: string, ...labels: readonly L[]): Duration<L> => {
    const labelNames = ["namespace", ...labels];
    const buckets = [0.25, 0.5, 1, 2, 4, 8, 16];
    const histogram = new Histogram({ name, help, buckets, labelNames, registers: [registry] });
    return { observe: (values, ms) => histogram.observe(values, ms / 1_000) };
  };
  return { count, total, level, duration, seconds };
}

function lagsOf(registry: Registry): Metrics["sensorLag"] {
  /** A level whose series are those of the last answer only. */
  const levels = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: lagLabels, registers: [registry] });
  const lagEvents = levels("tiphys_sensor_lag_events", "Messages of the bus that a Sensor has not looked at.");
  const lagSeconds = levels("tiphys_sensor_lag_seconds", "Age of the event that a Sensor is at; 0 when it waits.");
  return {
    set(lags) {
      lagEvents.reset();
      lagSeconds.reset();
      for (const { namespace, sensor, events, ms } of lags) {
        lagEvents.set({ namespace, sensor_name: sensor }, events);
        lagSeconds.set({ namespace, sensor_name: sensor }, ms / 1_000);
      }
    },
  };
}

function tellBuild(registry: Registry, version: string): void {
  const build = new Gauge({
    name: "build_info",
    help: "What runs; always 1.",
    labelNames: ["version", "nodeversion", "arch"],
    registers: [registry],
  });
  build.set({ version, nodeversion: process.version, arch: process.arch }, 1);
}

const lagLabels = ["namespace", "sensor_name"] as const;

/** A bus that is away must not hold up the answer. */
const maxCollectMs = 1_000;

type SeriesLabels = Readonly<Partial<Record<string, string | number>>>;

interface Series {
  get(): Promise<{ readonly values: readonly { readonly labels: SeriesLabels }[] }>;
  remove(labels: SeriesLabels): void;
}

/** Those with these labels, in every metric. */
async function removeSeries(metrics: readonly Series[], wanted: SeriesLabels): Promise<void> {
  for (const metric of metrics) {
    const { values } = await metric.get();
    for (const { labels } of values) {
      if (Object.entries(wanted).every(([name, value]) => labels[name] === value)) metric.remove(labels);
    }
  }
}
