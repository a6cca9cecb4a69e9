import { ChurnMap } from "../../base/churn-map.ts";
import type { Effect } from "./effect.ts";

/** Effects that wait for another of their lane, over all lanes; at so many the Sensor stops reading. */
const maxBlocked = 1_000;

interface Lane {
  /** Keys in the order of their decisions; the first may run. */
  readonly keys: string[];
  /** Those that would run, were they the first. */
  readonly blocked: Map<string, Effect>;
}

/**
 * Effects of one lane follow each other in the order of their decisions: the next begins when the one before has its
 * outcome, for good or bad. One that waits for another attempt holds up its lane only.
 */
export class EffectOrders {
  readonly #lanes = new ChurnMap<string, Lane>();
  #blocked = 0;
  #order = 0;

  get hasRoom(): boolean {
    return this.#blocked < maxBlocked;
  }

  /** Gives an effect its place, at once when it is decided; what was stored keeps its own. */
  enter(effect: Effect): Effect {
    if (effect.lane === undefined) return effect;
    const lane: Lane = this.#lanes.get(effect.lane) ?? { keys: [], blocked: new Map() };
    this.#lanes.set(effect.lane, lane);
    lane.keys.push(effect.key);
    this.#order = Math.max(this.#order + 1, effect.order ?? 0);
    return effect.order === undefined ? { ...effect, order: this.#order } : effect;
  }

  /** Whether it may begin; if not, `leave` gives it when it may. */
  mayBegin(effect: Effect): boolean {
    const lane = effect.lane === undefined ? undefined : this.#lanes.get(effect.lane);
    if (!lane || lane.keys[0] === effect.key) return true;
    if (!lane.blocked.has(effect.key)) this.#blocked += 1;
    lane.blocked.set(effect.key, effect);
    return false;
  }

  /** Whether it waits for another of its lane. */
  isBlocked({ key, lane }: Effect): boolean {
    return lane !== undefined && this.#lanes.get(lane)?.blocked.has(key) === true;
  }

  /** The effect has its outcome. @returns the next of its lane, when that has waited for this */
  leave({ key, lane: name }: Effect): Effect | undefined {
    const lane = name === undefined ? undefined : this.#lanes.get(name);
    if (name === undefined || !lane || lane.keys[0] !== key) return undefined;
    lane.keys.shift();
    const [first] = lane.keys;
    if (first === undefined) this.#lanes.delete(name);
    const next = first === undefined ? undefined : lane.blocked.get(first);
    if (!next) return undefined;
    lane.blocked.delete(next.key);
    this.#blocked -= 1;
    return next;
  }
}

/** As they were decided; those of no lane keep their places between them. */
export function byOrder(a: { readonly order?: number }, b: { readonly order?: number }): number {
  return (a.order ?? 0) - (b.order ?? 0);
}
