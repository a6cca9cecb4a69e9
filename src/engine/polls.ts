import { randomUUID } from "node:crypto";
import { type Clock, sleepFor } from "../base/clock.ts";
import type { ApplicationController } from "../controllers/applications/application.ts";
import { localEvent } from "../controllers/applications/application-requests.ts";
import { refEvents } from "../controllers/applications/push-events.ts";
import { createRepositoryPoller, type RepositoryChange } from "../controllers/applications/repository-poller.ts";
import { missedEvent } from "../controllers/applications/told.ts";
import type { GitOps } from "./gitops.ts";
import type { Parts } from "./parts.ts";

/** The original's `timeout.reconciliation` and its jitter (spec argo-cd-engine 0.3). */
const pollMs = 120_000;
const pollJitterMs = 60_000;

/** The safety net below pushes: each repository is polled by one engine, which tells all. */
export function startPolling(
  { stack, nursery, system, clock, log }: Parts,
  { sources, requests }: GitOps,
  controller: ApplicationController,
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
    intervalMs: pollMs,
    jitterMs: pollJitterMs,
    random: Math.random,
    clock,
    log,
  });
  stack.use(nursery.start("repository poller", (signal) => poller.run(signal)));
}

/** Nobody tells when a chart is published: what names a range of versions is looked at again. */
export async function pollCharts(clock: Clock, controller: ApplicationController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleepFor(clock, pollMs + pollJitterMs * Math.random(), signal);
    controller.lookAgain("charts", "charts are looked at from time to time");
  }
}
