import { type Clock, sleepFor } from "../base/clock.ts";
import type { ApplicationController } from "../controllers/applications/application.ts";
import { localEvent } from "../controllers/applications/application-requests.ts";
import { refEvents } from "../controllers/applications/push-events.ts";
import { createRepositoryPoller, type RepositoryChange } from "../controllers/applications/repository-poller.ts";
import type { SyncSettings } from "../controllers/applications/sync-settings.ts";
import type { GitSources } from "../gitops/source/source.ts";
import type { Parts } from "./parts.ts";

/** How often it is looked whether charts are polled again. */
const pollOffMs = 60_000;

/** The safety net below pushes: repositories, and charts of which nobody tells. */
export function startPolling(
  { stack, nursery, clock, log }: Parts,
  sources: GitSources,
  controller: ApplicationController,
  pace: SyncSettings["pollPace"],
): void {
  const poller = createRepositoryPoller({
    sources,
    repositories: () => controller.repositories(),
    onMoved: ({ url, refs, defaultBranch }: RepositoryChange) => {
      const now = clock.now();
      const events = refEvents({ kind: "poll", repositoryUrl: url, refs, headRef: defaultBranch, id: () => "", now });
      for (const event of events) {
        const { head } = localEvent({ reason: "timer", application: "", id: event.id, what: "", level: 2 }, now);
        controller.offer({ event, head: { ...head, event: event.subject, type: event.type } });
      }
    },
    pace,
    random: Math.random,
    clock,
    log,
  });
  stack.use(nursery.start("repository poller", (signal) => poller.run(signal)));
  stack.use(nursery.start("chart poller", (signal) => pollCharts(clock, controller, pace, signal)));
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
