import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../harness/seeded.ts";
import type { Stage, Verdict } from "./stage.ts";

/** One kind of fault, injected again and again at random moments while events come in. */
export interface Scenario {
  readonly name: string;
  /** Its part of the time that all have. */
  readonly weight: number;
  /** Why it cannot run here. */
  missing?(): string | undefined;
  /** Opens its stage, runs `chaos` on it, and disposes of all that it made. */
  run(chaos: Chaos): Promise<Verdict>;
}

/** What a scenario gets: the time it has, chance, and a book of faults. */
export interface Chaos {
  readonly random: () => number;
  /** Injects one fault after the other, under load, until the time is up; then waits for the verdict. */
  inject(stage: Stage, fault: () => Promise<void>): Promise<Verdict>;
  /** How long faults come, in milliseconds. */
  readonly forMs: number;
  /** Waits for a random time between the two. */
  pause(fromMs: number, toMs: number): Promise<void>;
  /** The same, and in a run that has the time at times for longer than a lease. */
  outage(fromMs: number, toMs: number): Promise<void>;
  /** Counts a fault that was injected. */
  note(fault: string): void;
}

export interface Report extends Verdict {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: ReadonlyMap<string, number>;
}

/** A run of this length has the time for faults that last. */
const longMs = 30_000;
/** A lease is 15 s long: past it another engine acts. */
export const pastLeaseMs = [16_000, 22_000] as const;

/** Runs a scenario with `forMs` of load. */
export async function runScenario(scenario: Scenario, forMs: number, seed: number): Promise<Report> {
  const started = performance.now();
  const random = seeded(seed);
  const faults = new Map<string, number>();
  const pause: Chaos["pause"] = (fromMs, toMs) => sleep(fromMs + random() * (toMs - fromMs));
  const verdict = await scenario.run({
    random,
    forMs,
    inject: (stage, fault) => inject(stage, fault, forMs),
    pause,
    outage: (fromMs, toMs) => (forMs >= longMs && random() < 0.2 ? pause(...pastLeaseMs) : pause(fromMs, toMs)),
    note: (fault) => void faults.set(fault, (faults.get(fault) ?? 0) + 1),
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  return { ...verdict, name: scenario.name, seed, seconds, faults };
}

async function inject(stage: Stage, fault: () => Promise<void>, forMs: number): Promise<Verdict> {
  const end = performance.now() + forMs;
  await stage.underLoad(async () => {
    do await fault();
    while (performance.now() < end);
  });
  return await stage.settle();
}

/** Whether nothing was lost, doubled or owned twice, and no engine ended by itself. */
export function isClean({ lost, underTwoKeys, twoOwners, exits }: Verdict): boolean {
  const problems = [...lost, ...underTwoKeys, ...(twoOwners ?? [])];
  return problems.length === 0 && exits.every((code) => code === 0);
}
