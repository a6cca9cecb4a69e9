import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ReconcileStream } from "../applications/reconcile-stream.ts";
import { everyApplication, hookEvent } from "./hook-event.ts";
import type { HookSettings } from "./hook-settings.ts";
import { readHook } from "./read-hook.ts";
import type { HookRequest } from "./webhook.ts";

export interface HookAnswer {
  readonly status: number;
  readonly text: string;
}

/** What takes the requests of Git providers; every engine can, also one that has no Applications. */
export interface HookReceiver {
  /** The largest body that is read. @throws EngineError API_* while the cluster does not answer */
  maxBytes(): Promise<number>;
  /** 200 once the push is stored; nothing is done about it before. */
  take(request: HookRequest): Promise<HookAnswer>;
}

export interface HookReceiverDeps {
  readonly settings: () => Promise<HookSettings>;
  readonly requests: Pick<ReconcileStream, "store">;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createHookReceiver({ settings, requests, clock, log }: HookReceiverDeps): HookReceiver {
  return {
    maxBytes: async () => (await settings()).maxBytes,
    async take(request) {
      const { secret } = await settings();
      const verdict = readHook(request, secret);
      if ("refused" in verdict) {
        log.warn("a webhook was refused", { reason: verdict.refused });
        return { status: verdict.status ?? 400, text: verdict.refused };
      }
      const { seen } = verdict;
      if (seen === undefined || seen.refs.length + (seen.tags?.length ?? 0) === 0) return { status: 200, text: "" };
      try {
        await requests.store(everyApplication, hookEvent(seen, randomUUID(), clock.now()));
      } catch (error) {
        log.error("a push could not be stored", { provider: seen.provider, error: messageOf(error) });
        return { status: 503, text: "the push could not be stored: send it again" };
      }
      return { status: 200, text: "" };
    },
  };
}
