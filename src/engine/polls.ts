import { randomUUID } from "node:crypto";
import { type Clock, sleepFor } from "../base/clock.ts";
import type { ApplicationController } from "../controllers/applications/application.ts";
import { localEvent } from "../controllers/applications/application-requests.ts";
import { refEvents } from "../controllers/applications/push-events.ts";
import { createRepositoryPoller, type RepositoryChange } from "../controllers/applications/repository-poller.ts";
import { tidyRepositories } from "../controllers/applications/repository-upkeep.ts";
import type { SyncSettings } from "../controllers/applications/sync-settings.ts";
import { missedEvent } from "../controllers/applications/told.ts";
import type { GitOps } from "./gitops.ts";
import type { Parts } from "./parts.ts";

/** How often it is looked whether charts are polled again. */
const pollOffMs = 60_000;
/** How soon a changed time of hard refreshes counts. */
const hardLookMs = 1_000;

/** The safety net below pushes: each repository is polled by one engine, which tells all. */
export function startPolling(
  { stack, nursery, system, clock, log }: Parts,
  { sources, requests }: GitOps,
  controller: ApplicationController,
  { pollPace: pace, hardRefreshMs }: SyncSettings,
): void {
  const digests = system.bus.state("polls");
  const poller = createRepositoryPoller({
    sources,
    repositories: () => controller.polled(),
    async onMoved({ url, refs, defaultBranch }: RepositoryChange) {
      const now = clock.now();
      const events = refEvents({ kind: "poll", repositoryUrl: url, refs, headRef: defaultBranch, id: () => "", now });
      for (const event of events) {
        const { head } = localEvent({ reason: "timer", application: "", id: event.id, what: "", level: 2 }, now);
        await requests.tell({ event, head: { ...head, event: event.subject, type: event.type } });
      }
    },
    async onMissed(url) {
      if (controller.isShared(url)) await requests.tell(missedEvent(url, randomUUID(), clock.now()));
    },
    told: {
      async find(key) {
        const entry = await digests.get(key);
        return entry && Buffer.from(entry.value).toString("utf8");
      },
      keep: async (key, digest) => void (await digests.put(key, Buffer.from(digest, "utf8"))),
    },
    pace,
    random: Math.random,
    clock,
    log,
  });
  stack.use(nursery.start("repository poller", (signal) => poller.run(signal)));
  const upkeep = { repositories: () => controller.repositories(), sources, told: digests, clock, log };
  stack.use(nursery.start("upkeep of repositories", (signal) => tidyRepositories(upkeep, signal)));
  stack.use(nursery.start("chart poller", (signal) => pollCharts(clock, controller, pace, signal)));
  stack.use(nursery.start("hard refreshes", (signal) => refreshAll(clock, controller, hardRefreshMs, signal)));
}

/** `timeout.hard.reconciliation` (spec argo-cd-engine 2.3): what a rendering reads may change unseen. */
async function refreshAll(
  clock: Clock,
  controller: ApplicationController,
  hardRefreshMs: SyncSettings["hardRefreshMs"],
  signal: AbortSignal,
): Promise<void> {
  let since = clock.monotonicMs();
  while (!signal.aborted) {
    await sleepFor(clock, hardLookMs, signal);
    const afterMs = hardRefreshMs();
    if (afterMs > 0 && clock.monotonicMs() - since < afterMs) continue;
    since = clock.monotonicMs();
    if (afterMs > 0) controller.lookAgain("all", "timeout.hard.reconciliation has passed");
  }
}

/** Nobody tells when a chart is published: what names a range of versions is looked at again. */
async function pollCharts(
  clock: Clock,
  controller: ApplicationController,
  pace: SyncSettings["pollPace"],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { intervalMs, jitterMs } = pace();
    await sleepFor(clock, (intervalMs || pollOffMs) + jitterMs * Math.random(), signal);
    if (intervalMs > 0) controller.lookAgain("charts", "charts are looked at from time to time");
  }
}
