export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the machine could do at best, measured in the same run. */
  readonly limit: number;
  /** `value / limit`; of several rounds the median, which is not the ratio of both medians. */
  readonly ratio: number;
  /** The smallest and the largest ratio of several rounds. */
  readonly spread?: readonly [least: number, most: number];
  /** What the design allows, in the same unit. */
  readonly budget?: number;
  /** What the design asks of the ratio. */
  readonly leastRatio?: number;
}

export interface Bench {
  readonly name: string;
  run(options: { readonly quick: boolean }): Promise<readonly BenchRow[]>;
}

/**
 * The same rows measured several times, each as its medians: other work on the machine moves a single round by a third,
 * the value and its limit together.
 */
export async function inRounds(
  count: number,
  measure: (round: number) => Promise<readonly BenchRow[]>,
): Promise<readonly BenchRow[]> {
  const rounds: (readonly BenchRow[])[] = [];
  for (let round = 0; round < count; round++) rounds.push(await measure(round));
  return (rounds[0] ?? []).map((first, index) => {
    const rows = rounds.map((rows) => rows[index] ?? first);
    const ratios = rows.map(({ ratio }) => ratio);
    return {
      ...first,
      value: median(rows.map(({ value }) => value)),
      limit: median(rows.map(({ limit }) => limit)),
      ratio: median(ratios),
      spread: [Math.min(...ratios), Math.max(...ratios)],
    };
  });
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
