import { Summary } from "prom-client";

interface Sum<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  count: number;
  sum: number;
}

/**
 * Sum and count for each set of labels, as Go's summaries without objectives are. The library's keep a digest of the
 * values for quantiles that nobody asked for: up to a thousand nodes for each set, and most of the time of an observation.
 */
export class PlainSummary<Label extends string> extends Summary<Label> {
  readonly #labelNames: readonly Label[];
  readonly #sums = new Map<string, Sum<Label>>();

  constructor(configuration: { readonly name: string; readonly help: string; readonly labelNames: readonly Label[] }) {
    super({ ...configuration, registers: [] });
    this.#labelNames = configuration.labelNames;
  }

  /** Every label has to be there. */
  add(labels: Readonly<Record<Label, string>>, value: number): void {
    const key = this.#keyOf(labels);
    let sum = this.#sums.get(key);
    if (sum === undefined) {
      sum = { labels, count: 0, sum: 0 };
      this.#sums.set(key, sum);
    }
    sum.count += 1;
    sum.sum += value;
  }

  /** The library's own takes the values of the labels one by one as well. */
  forget(labels: Readonly<Partial<Record<string, string | number>>>): void {
    this.#sums.delete(this.#keyOf(labels));
  }

  #keyOf(labels: Readonly<Partial<Record<string, string | number>>>): string {
    let key = "";
    for (const name of this.#labelNames) key += `${labels[name]}\0`;
    return key;
  }

  override async get(): ReturnType<Summary<Label>["get"]> {
    const metric = await super.get();
    const values = [...this.#sums.values()].flatMap(({ labels, count, sum }) => [
      { metricName: `${metric.name}_sum`, labels, value: sum },
      { metricName: `${metric.name}_count`, labels, value: count },
    ]);
    return { ...metric, values };
  }
}
