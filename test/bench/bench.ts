export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the machine could do at best, measured in the same run. */
  readonly limit: number;
  /** `value / limit` */
  readonly ratio: number;
  /** What the design allows, in the same unit. */
  readonly budget?: number;
}

export interface Bench {
  readonly name: string;
  run(options: { readonly quick: boolean }): Promise<readonly BenchRow[]>;
}
