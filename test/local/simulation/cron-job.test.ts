import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { planCronJob } from "../../../src/local/simulation/cron-job.ts";
import { waitFor } from "../../harness/wait.ts";
import { openSimulation, podTemplate } from "./rig.ts";

const at = (text: string) => instant(Date.parse(text));
const cronJob = (spec: object, status: object = {}) =>
  ({ metadata: { creationTimestamp: "2026-01-01T00:00:30Z" }, spec, status }) as never;

const plans: readonly (readonly [
  name: string,
  spec: object,
  status: object,
  now: string,
  due: string | undefined,
  next: string,
])[] = [
  ["nothing yet", { schedule: "*/5 * * * *" }, {}, "2026-01-01T00:04:00Z", undefined, "2026-01-01T00:05:00Z"],
  ["a time", { schedule: "*/5 * * * *" }, {}, "2026-01-01T00:05:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"],
  [
    "the last of several",
    { schedule: "* * * * *" },
    {},
    "2026-01-01T00:09:59Z",
    "2026-01-01T00:09:00Z",
    "2026-01-01T00:10:00Z",
  ],
  [
    "what was not run yet",
    { schedule: "* * * * *" },
    { lastScheduleTime: "2026-01-01T00:09:00Z" },
    "2026-01-01T00:09:30Z",
    undefined,
    "2026-01-01T00:10:00Z",
  ],
  [
    "nothing that is too late",
    { schedule: "0 * * * *", startingDeadlineSeconds: 60 },
    {},
    "2026-01-01T01:30:00Z",
    undefined,
    "2026-01-01T02:00:00Z",
  ],
  [
    "a zone",
    { schedule: "0 9 * * *", timeZone: "Asia/Tokyo" },
    {},
    "2026-01-01T12:00:00Z",
    undefined,
    "2026-01-02T00:00:00Z",
  ],
  ["a descriptor", { schedule: "@hourly" }, {}, "2026-01-01T00:30:00Z", undefined, "2026-01-01T01:00:00Z"],
];

for (const [name, spec, status, now, due, next] of plans) {
  test(`a CronJob plans ${name}`, () => {
    const plan = planCronJob(cronJob(spec, status), at(now));
    assert.deepEqual(plan, { due: due === undefined ? undefined : at(due), next: at(next) });
  });
}

test("a CronJob makes a Job each minute and keeps as many as it says", async () => {
  await using plane = await openSimulation();
  const path = "/apis/batch/v1/namespaces/default/cronjobs";
  const jobTemplate = {
    spec: {
      template: { ...podTemplate("c:1"), spec: { restartPolicy: "Never", containers: [{ name: "c", image: "c" }] } },
    },
  };
  const spec = { schedule: "* * * * *", successfulJobsHistoryLimit: 2, jobTemplate };
  const { status, body } = await plane.call("POST", path, { metadata: { name: "tick" }, spec });
  assert.equal(status, 201, JSON.stringify(body));
  const seen = new Set<string>();
  await waitFor(
    "five Jobs",
    async () => {
      await plane.clock.advance(5_000);
      const { body: list } = await plane.call("GET", "/apis/batch/v1/namespaces/default/jobs");
      for (const job of list.items) seen.add(job.metadata.name);
      assert.ok(list.items.length <= 4, `${list.items.length} Jobs are there`);
      return seen.size >= 5;
    },
    60_000,
  );
  const cron = (await plane.call("GET", `${path}/tick`)).body;
  assert.ok(cron.status.lastScheduleTime !== undefined && cron.status.lastSuccessfulTime !== undefined);
});
