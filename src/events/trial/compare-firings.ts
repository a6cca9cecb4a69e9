/** A firing as it is compared: which trigger, for which events. */
export interface ComparedFiring {
  readonly trigger: string;
  /** Ids, by dependency. */
  readonly events: Readonly<Record<string, string>>;
  /** Milliseconds since 1970: when the bus stored the event that decided. */
  readonly storedAt: number;
}

export interface RecordedFiring extends ComparedFiring {
  /** The engine that wrote it: what another one wrote again after a crash is the same firing. */
  readonly writer: string;
}

/** Some of many. */
export interface Counted<T> {
  readonly count: number;
  /** The first of them. */
  readonly first: readonly T[];
}

export interface FiringComparison {
  /** Fired then, and would fire now. */
  readonly same: number;
  /** Would fire now, and did not. */
  readonly added: Counted<ComparedFiring>;
  /** Fired then, and would not now. */
  readonly removed: Counted<ComparedFiring>;
  /** false: more waited for their like than are kept, so that some may be told as both added and removed. */
  readonly isExact: boolean;
}

/** How many of a kind an answer names; the others are counted. */
export const maxNamed = 1_000;

/** Compares two streams of firings in about the same order; what has no counterpart waits for it, up to a bound. */
export interface FiringComparer {
  candidate(firing: ComparedFiring): void;
  recorded(firing: RecordedFiring): void;
  /** Recorded firings that wait for the candidate's. */
  readonly ahead: number;
  /** At the end of both: what still waits has no counterpart. */
  finish(): FiringComparison;
}

/** Firings of one side that wait for the other's. */
const maxWaiting = 500_000;
/** Matched firings whose repeats are recognised, at least. */
const maxMatched = 50_000;

export function createFiringComparer(limits: { readonly maxWaiting?: number } = {}): FiringComparer {
  const limit = limits.maxWaiting ?? maxWaiting;
  const added = createWaiting<ComparedFiring>(limit);
  const removed = createWaiting<RecordedFiring>(limit);
  /** By firing, who wrote it; in two generations, of which the older is dropped as a whole. */
  let matched = new Map<string, string>();
  let matchedBefore = new Map<string, string>();
  let same = 0;

  function match(key: string, writer: string): void {
    same += 1;
    matched.set(key, writer);
    if (matched.size < maxMatched) return;
    matchedBefore = matched;
    matched = new Map();
  }

  return {
    candidate(firing) {
      const key = keyOf(firing);
      const other = removed.take(key);
      if (other) match(key, other.writer);
      else added.put(key, firing);
    },
    recorded(firing) {
      const key = keyOf(firing);
      const writer = matched.get(key) ?? matchedBefore.get(key) ?? removed.peek(key)?.writer;
      if (writer !== undefined && writer !== firing.writer) return;
      if (added.take(key)) match(key, firing.writer);
      else removed.put(key, firing);
    },
    get ahead() {
      return removed.size;
    },
    finish() {
      const isExact = !added.hasOverflown() && !removed.hasOverflown();
      return { same, added: added.rest(), removed: removed.rest(), isExact };
    },
  };
}

/** Dependencies may have other names now, so that only the ids count. */
function keyOf({ trigger, events }: ComparedFiring): string {
  return `${trigger}/${Object.values(events).sort().join(",")}`;
}

interface Waiting<T> {
  readonly size: number;
  put(key: string, firing: T): void;
  peek(key: string): T | undefined;
  take(key: string): T | undefined;
  hasOverflown(): boolean;
  rest(): Counted<ComparedFiring>;
}

/** In the order of their arrival; the oldest give up when there are too many. */
function createWaiting<T extends ComparedFiring>(limit: number): Waiting<T> {
  const waiting = new Map<string, T[]>();
  /** Goes on where it stood: looking for the first key of a Map anew steps over all that were deleted. */
  const inOrder = waiting.keys();
  const first: ComparedFiring[] = [];
  let size = 0;
  let settled = 0;

  function settle({ trigger, events, storedAt }: T): void {
    settled += 1;
    if (first.length < maxNamed) first.push({ trigger, events, storedAt });
  }

  function take(key: string): T | undefined {
    const list = waiting.get(key);
    const firing = list?.shift();
    if (firing !== undefined) size -= 1;
    if (list?.length === 0) waiting.delete(key);
    return firing;
  }

  return {
    put(key, firing) {
      const list = waiting.get(key);
      if (list) list.push(firing);
      else waiting.set(key, [firing]);
      size += 1;
      if (size <= limit) return;
      const { value: oldest } = inOrder.next();
      for (const dropped of (oldest !== undefined && waiting.get(oldest)) || []) {
        settle(dropped);
        size -= 1;
      }
      if (oldest !== undefined) waiting.delete(oldest);
    },
    get size() {
      return size;
    },
    peek: (key) => waiting.get(key)?.[0],
    take,
    hasOverflown: () => settled > 0,
    rest() {
      const count = settled + size;
      for (const list of waiting.values()) {
        for (const { trigger, events, storedAt } of list) {
          if (first.length < maxNamed) first.push({ trigger, events, storedAt });
        }
        if (first.length >= maxNamed) break;
      }
      return { count, first };
    },
  };
}
