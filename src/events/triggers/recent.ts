/** What was last set, up to a number of keys; the oldest goes. */
export interface Recent<Value> {
  find(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

export function createRecent<Value>(max: number): Recent<Value> {
  const values = new Map<string, Value>();
  return {
    find: (key) => values.get(key),
    set(key, value) {
      values.delete(key);
      const [oldest] = values.keys();
      if (values.size >= max && oldest !== undefined) values.delete(oldest);
      values.set(key, value);
    },
  };
}
