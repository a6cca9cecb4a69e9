import type { CloudEvent } from "../../../record/cloud-event.ts";

/** What a filter says. `reason` is built when read: most rejections are only counted. */
export interface FilterOutcome {
  readonly verdict: "passed" | "rejected" | "error";
  /** Where the deciding filter stands, e.g. `filters.data[0]`; "" when passed. */
  readonly filter: string;
  readonly reason: string;
}

/** Never throws. */
export type Filter = (event: CloudEvent) => FilterOutcome;

export const passed: FilterOutcome = { verdict: "passed", filter: "", reason: "all filters pass" };

class LazyOutcome implements FilterOutcome {
  readonly verdict: "rejected" | "error";
  readonly filter: string;
  readonly #explain: () => string;
  constructor(verdict: "rejected" | "error", filter: string, explain: () => string) {
    this.verdict = verdict;
    this.filter = filter;
    this.#explain = explain;
  }
  get reason(): string {
    return this.#explain();
  }
}

export function rejected(filter: string, explain: () => string): FilterOutcome {
  return new LazyOutcome("rejected", filter, explain);
}

export function failed(filter: string, explain: () => string): FilterOutcome {
  return new LazyOutcome("error", filter, explain);
}

/** The first that does not pass decides. */
export function everyEntry(entries: readonly Filter[]): Filter {
  const [only] = entries;
  if (entries.length === 1 && only) return only;
  return (event) => {
    for (const entry of entries) {
      const outcome = entry(event);
      if (outcome.verdict !== "passed") return outcome;
    }
    return passed;
  };
}

/** The first that passes ends it; errors count only when none passes (spec argo-events 5.2). */
export function someEntry(entries: readonly Filter[], field: string): Filter {
  return (event) => {
    const others: FilterOutcome[] = [];
    for (const entry of entries) {
      const outcome = entry(event);
      if (outcome.verdict === "passed") return passed;
      others.push(outcome);
    }
    const errors = others.filter((outcome) => outcome.verdict === "error");
    if (errors.length > 0) return failed(field, () => reasonsOf(errors, " / "));
    return rejected(field, () => reasonsOf(others, " and ") || `${field}: has no entry that could pass`);
  };
}

export function reasonsOf(outcomes: readonly FilterOutcome[], separator: string): string {
  return outcomes.map((outcome) => outcome.reason).join(separator);
}
