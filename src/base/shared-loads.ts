/**
 * Loads once for each key, also for those that ask meanwhile, and remembers what came of it. A load that fails is
 * forgotten, so that the next one who asks tries again; of more than `max` the oldest goes.
 */
export function createSharedLoads<Value>(max: number): (key: string, load: () => Promise<Value>) => Promise<Value> {
  const loads = new Map<string, Promise<Value>>();
  return (key, load) => {
    const known = loads.get(key);
    if (known !== undefined) return known;
    const loading = load();
    loads.set(key, loading);
    loading.catch(() => loads.get(key) === loading && loads.delete(key));
    const [oldest] = loads.keys();
    if (loads.size > max && oldest !== undefined) loads.delete(oldest);
    return loading;
  };
}
