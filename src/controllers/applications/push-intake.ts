import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { RefChange } from "../../local/git-server.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { type BusHandle, publishEvent } from "../bus-directory.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { refEvents } from "./push-events.ts";
import type { ReconcileStream } from "./reconcile-stream.ts";

export interface SeenPush {
  /** As Applications name the repository. */
  readonly url: string;
  readonly refs: readonly RefChange[];
  /** The branch that HEAD names. */
  readonly headRef: string | undefined;
  /** Nobody knows which branch HEAD names: each may be it. */
  readonly mayBeHead?: true;
  /** Paths that changed; absent: not known. */
  readonly files?: readonly string[];
}

export interface PushIntakeDeps {
  readonly system: BusHandle;
  /** Events of pushes belong to this namespace. */
  readonly controllerNamespace: string;
  readonly index: ApplicationIndex;
  readonly requests: Pick<ReconcileStream, "store">;
  /** Whether the files concern an Application, by its key; the repository is normalised. Absent: all. */
  readonly concerned?: (repository: string, files: readonly string[]) => (key: string) => boolean;
  readonly clock: Clock;
}

/**
 * Turns a push into an event for each ref, and each of these into a request for every Application whose Sensor takes it.
 * Resolves once all of them are stored; nothing is done about them here. What can be stored is, also if it rejects.
 */
export function createPushIntake(deps: PushIntakeDeps): (push: SeenPush) => Promise<void> {
  const { system, controllerNamespace, index, requests, concerned, clock } = deps;

  async function take(event: CloudEvent, { url, files }: SeenPush): Promise<void> {
    const { sequence } = await publishEvent(system, controllerNamespace, event);
    const received = receivedAs(event, sequence);
    const isConcerned = files === undefined ? undefined : concerned?.(normaliseRepositoryUrl(url), files);
    const takers = new Set(
      index
        .match(received, clock.now(), isConcerned)
        .flatMap(({ key, decision }) => (decision.kind === "fire" ? [key] : [])),
    );
    await Promise.all([...takers].map((key) => requests.store(key, received)));
  }

  function receivedAs(event: CloudEvent, sequence: number): ReceivedEvent {
    const { id, source: eventSource, subject, type, time } = event;
    const head = { id, namespace: controllerNamespace, eventSource, event: subject, type, time };
    return { event, head: { ...head, bus: system.name, sequence, storedAt: clock.now() } };
  }

  return async (push) => {
    const { url, refs, headRef, mayBeHead = false } = push;
    const now = clock.now();
    const events = refEvents({ kind: "push", repositoryUrl: url, refs, headRef, mayBeHead, id: randomUUID, now });
    // One after the other: a push may have thousands of refs.
    const failures: unknown[] = [];
    for (const event of events) await take(event, push).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
}
