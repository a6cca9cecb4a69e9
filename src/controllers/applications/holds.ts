import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import {
  checkScope,
  type Hold,
  type HoldScope,
  holdLabel,
  holdManifest,
  holdName,
  holdOf,
  isHoldOver,
  ownHold,
} from "../../gitops/reconcile/holds.ts";
import type { KubeClient, WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Holds of many Applications are ConfigMaps of the controller's namespace: every engine sees them, kubectl does, too. */
export interface Holds {
  /** Those that are not over; undefined while they are not read: then nobody knows. */
  active(): readonly Hold[] | undefined;
  /** All that are not over, those that stand on Applications among them. */
  list(applications: readonly KubeObject[]): readonly Hold[];
  /** In place of one of the same scope; what is over goes. @throws EngineError USAGE, API_* */
  place(hold: Omit<Hold, "name">): Promise<Hold>;
  /** @throws EngineError NOT_FOUND, API_* */
  end(scope: HoldScope): Promise<Hold>;
}

export interface HoldsDeps {
  /** ConfigMaps of `namespace`. */
  readonly cache: Pick<WatchCache, "items" | "onChange" | "synced">;
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly clock: Clock;
  /** A hold came, was changed or went: `what` is one line for people. */
  readonly onChange: (holds: readonly Hold[], what: string) => void;
}

const writeTimeoutMs = 30_000;

export function createHolds({ cache, kube, namespace, clock, onChange }: HoldsDeps): Holds {
  let isRead = false;
  void cache.synced.then(
    () => {
      isRead = true;
    },
    () => undefined, // it was never read: whoever asks is told so
  );
  cache.onChange(({ type, object, previous, isInitial }) => {
    const holds = [object, ...(previous === undefined ? [] : [previous])].filter(isHold).map(holdOf);
    const what = type === "deleted" ? "has ended" : "was placed or changed";
    if (holds.length > 0 && !isInitial) onChange(holds, `hold ${object.metadata.name} ${what}`);
  });

  const all = (): readonly Hold[] => [...cache.items()].filter(isHold).map(holdOf);
  const isActive = (hold: Hold): boolean => !isHoldOver(hold, clock.now());
  const refTo = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace, name });

  return {
    active: () => (isRead ? all().filter(isActive) : undefined),
    list: (applications) => [...all(), ...applications.flatMap((one) => ownHold(one) ?? [])].filter(isActive),
    async place(hold) {
      checkScope(hold.scope);
      const signal = AbortSignal.timeout(writeTimeoutMs);
      const manifest = holdManifest(hold, namespace);
      const name = holdName(hold.scope);
      const known = await kube.get(refTo(name), signal);
      if (known === undefined) await kube.create(manifest, { fieldManager: "tiphys" }, signal);
      else await kube.update(manifest, { fieldManager: "tiphys" }, signal);
      const over = all().filter((one) => !isActive(one) && one.name !== name);
      for (const one of over) await kube.delete(refTo(one.name), {}, signal);
      return { ...hold, name };
    },
    async end(scope) {
      const signal = AbortSignal.timeout(writeTimeoutMs);
      const name = holdName(scope);
      const object = await kube.get(refTo(name), signal);
      if (object === undefined || !isHold(object)) throw new EngineError("NOT_FOUND", "there is no such hold");
      await kube.delete(refTo(name), {}, signal);
      return holdOf(object);
    },
  };
}

function isHold({ metadata: { labels = {} } }: KubeObject): boolean {
  return labels[holdLabel] === "true";
}
