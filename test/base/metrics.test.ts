import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../../src/base/metrics.ts";

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
