/** One line of a Pod's log. */
export interface LogLine {
  readonly content: string;
  /** RFC 3339 with nanoseconds; "" where the server knows none. */
  readonly time: string;
  readonly pod: string;
}

/** What a text of `--timestamps` holds: the time goes before the line. */
export function logLineOf(text: string, pod: string): LogLine {
  const [, time = "", content = text] = /^(\d{4}-\d\d-\d\dT\S+Z) ?(.*)$/s.exec(text) ?? [];
  return { content, time, pod };
}

/**
 * Whether a line has the text: all have "", a `!` before the text turns it round, and capitals count where asked
 * (spec argo-cd-surface 6.2).
 */
export function logFilter(text: string, matchCase: boolean): (content: string) => boolean {
  const isInverted = text.startsWith("!");
  const wanted = isInverted ? text.slice(1) : text;
  if (wanted === "") return () => true;
  const folded = (one: string): string => (matchCase ? one : one.toLowerCase());
  return (content) => folded(content).includes(folded(wanted)) !== isInverted;
}

/** Lines of several Pods in the order of their times; each Pod's own order is kept. Holds one line of each. */
export async function* mergeLogs(sources: readonly AsyncIterable<LogLine>[]): AsyncGenerator<LogLine> {
  const heads: { readonly rest: AsyncIterator<LogLine>; line: LogLine }[] = [];
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    for (const rest of iterators) {
      const first = await rest.next();
      if (!first.done) heads.push({ rest, line: first.value });
    }
    while (heads.length > 0) {
      const [next] = heads.toSorted((a, b) => compare(a.line.time, b.line.time));
      if (next === undefined) return;
      yield next.line;
      const following = await next.rest.next();
      if (following.done) heads.splice(heads.indexOf(next), 1);
      else next.line = following.value;
    }
  } finally {
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}

/** Times have more or fewer digits behind the second: as texts they do not compare. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((time) => time.replace(/Z$/, "").replace(/(?<=:\d\d)$/, "."));
  return left === right ? 0 : (left ?? "") < (right ?? "") ? -1 : 1;
}
