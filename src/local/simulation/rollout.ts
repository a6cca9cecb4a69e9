import type { JsonValue } from "../../base/json.ts";

/** One ReplicaSet of a Deployment, as a rollout sees it. */
export interface RolloutSet {
  readonly name: string;
  readonly wanted: number;
  /** Pods that are there. */
  readonly replicas: number;
  readonly available: number;
}

export interface RolloutRules {
  readonly replicas: number;
  readonly strategy: "RollingUpdate" | "Recreate";
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** A count, or a per cent of the replicas: up for what may be more, down for what may be missing. */
export function countOrPercent(value: JsonValue | undefined, replicas: number, round: "up" | "down"): number {
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(String(value ?? ""))?.[1];
  const exact = (Number(percent ?? 0) * replicas) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

/** The next step of a rollout: how many replicas each ReplicaSet is to have, by name; only those that change. */
export function planRollout(
  rules: RolloutRules,
  current: RolloutSet,
  old: readonly RolloutSet[],
): ReadonlyMap<string, number> {
  if (rules.strategy === "Recreate") return planRecreate(rules, current, old);
  const steps = new Map<string, number>();
  const all = [current, ...old];
  const wanted = all.reduce((sum, set) => sum + set.wanted, 0);
  const room = Math.max(0, rules.replicas + rules.maxSurge - wanted);
  const next = current.wanted > rules.replicas ? rules.replicas : Math.min(rules.replicas, current.wanted + room);
  if (next !== current.wanted) steps.set(current.name, next);
  for (const [name, count] of planOld(rules, current, old)) steps.set(name, count);
  return steps;
}

function planRecreate(rules: RolloutRules, current: RolloutSet, old: readonly RolloutSet[]): Map<string, number> {
  const running = old.filter((set) => set.wanted > 0);
  if (running.length > 0) return new Map(running.map((set) => [set.name, 0]));
  const isEmpty = old.every((set) => set.replicas === 0);
  return new Map(isEmpty && current.wanted !== rules.replicas ? [[current.name, rules.replicas]] : []);
}

/** Replicas that are not available go first, then as many as may be missing. */
function planOld(rules: RolloutRules, current: RolloutSet, old: readonly RolloutSet[]): Map<string, number> {
  const steps = new Map<string, number>();
  const minAvailable = rules.replicas - rules.maxUnavailable;
  const wanted = [current, ...old].reduce((sum, set) => sum + set.wanted, 0);
  let spare = Math.max(0, wanted - minAvailable - Math.max(0, current.wanted - current.available));
  for (const set of old) {
    const broken = Math.min(spare, Math.max(0, set.wanted - set.available));
    if (broken > 0) steps.set(set.name, set.wanted - broken);
    spare -= broken;
  }
  let surplus = [current, ...old].reduce((sum, set) => sum + set.available, 0) - minAvailable;
  for (const set of old) {
    const left = steps.get(set.name) ?? set.wanted;
    const down = Math.min(left, Math.max(0, surplus), spare);
    if (down > 0) steps.set(set.name, left - down);
    surplus -= down;
    spare -= down;
  }
  return steps;
}
