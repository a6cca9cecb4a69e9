/** Requests that one sync makes at the same time. */
const maxParallel = 20;

/** Runs for every item, at most 20 at once; all settle before the first failure is thrown. */
export async function inPool<Item>(items: readonly Item[], run: (item: Item) => Promise<unknown>): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await run(item);
  }
  const workers = Array.from({ length: Math.min(maxParallel, items.length) }, work);
  const failed = (await Promise.allSettled(workers)).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
