import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../../src/base/metrics.ts";
import { waitFor } from "../harness/wait.ts";

const of = (trigger: string) => ({ namespace: "shop", sensor_name: "s", trigger_name: trigger });

test("durations have a sum and a count for each trigger, in whole milliseconds, and no quantiles", async () => {
  const metrics = createMetrics();
  metrics.actionDuration.observe(of("a"), 1.4);
  metrics.actionDuration.observe(of("a"), 2.6);
  metrics.actionDuration.observe(of('b"'), 5);
  const lines = (await metrics.text()).split("\n").filter((line) => line.includes("action_duration"));
  assert.deepEqual(lines, [
    "# HELP argo_events_action_duration_milliseconds Duration of an attempt.",
    "# TYPE argo_events_action_duration_milliseconds summary",
    'argo_events_action_duration_milliseconds_sum{namespace="shop",sensor_name="s",trigger_name="a"} 4',
    'argo_events_action_duration_milliseconds_count{namespace="shop",sensor_name="s",trigger_name="a"} 2',
    'argo_events_action_duration_milliseconds_sum{namespace="shop",sensor_name="s",trigger_name="b\\""} 5',
    'argo_events_action_duration_milliseconds_count{namespace="shop",sensor_name="s",trigger_name="b\\""} 1',
  ]);
});

test("two processes' worth of metrics do not share anything", async () => {
  createMetrics().decisionErrors.add({ namespace: "shop", sensor_name: "s" });
  assert.doesNotMatch(await createMetrics().text(), /sensor_name="s"/);
});

const seriesOf = (text: string, name: string) => text.split("\n").filter((line) => line.startsWith(name));

/** spec argo-events 7.7; Go's own are not told. */
const names: [name: string, type: string][] = [
  ["argo_events_event_service_running_total", "gauge"],
  ["argo_events_events_sent_total", "counter"],
  ["argo_events_events_sent_failed_total", "counter"],
  ["argo_events_events_processing_failed_total", "counter"],
  ["argo_events_event_processing_duration_milliseconds", "summary"],
  ["argo_events_action_triggered_total", "counter"],
  ["argo_events_action_failed_total", "counter"],
  ["argo_events_action_retries_failed_total", "counter"],
  ["argo_events_action_duration_milliseconds", "summary"],
  ["build_info", "gauge"],
];

test("every metric of the original is there under its name and type", async () => {
  const text = await createMetrics("1.2.3").text();
  for (const [name, type] of names) assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name);
  assert.match(text, /^build_info\{version="1\.2\.3",.*\} 1$/m);
});

test("a Sensor that is gone leaves no series, of whatever metric", async () => {
  const metrics = createMetrics();
  for (const sensor of ["gone", "stays"]) {
    const labels = { namespace: "ns", sensor_name: sensor, trigger_name: "t" };
    metrics.actionTriggered.add(labels);
    metrics.actionDuration.observe(labels, 5);
    metrics.outboxSize.set({ namespace: "ns", sensor_name: sensor }, 1);
  }
  metrics.forgetSensor("ns", "gone");
  await waitFor("its series to be gone", async () => !(await metrics.text()).includes('"gone"'), 1_000);
  const text = await metrics.text();
  assert.equal(seriesOf(text, "argo_events_action_triggered_total{").length, 1);
});

test("lags are those of the last time; who cannot be asked in time is left as it was", async () => {
  const metrics = createMetrics();
  const lag = (sensor: string) => ({ namespace: "ns", sensor, events: 3, ms: 1_500 });
  let lags = [lag("a"), lag("b")];
  metrics.onAsked(async () => metrics.sensorLag.set(lags));
  assert.equal(seriesOf(await metrics.text(), "tiphys_sensor_lag_seconds{").length, 2);
  lags = [lag("b")];
  const text = await metrics.text();
  assert.deepEqual(seriesOf(text, "tiphys_sensor_lag_"), [
    'tiphys_sensor_lag_events{namespace="ns",sensor_name="b"} 3',
    'tiphys_sensor_lag_seconds{namespace="ns",sensor_name="b"} 1.5',
  ]);
  metrics.onAsked(() => Promise.reject(new Error("the bus is away")));
  metrics.onAsked(() => new Promise(() => undefined));
  assert.match(await metrics.text(), /tiphys_sensor_lag_events/);
});
