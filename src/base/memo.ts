/** Longer texts are not remembered. */
const maxTextLength = 1_000;

/**
 * `compute` with its last results remembered by text: manifests of one team say the same things again and again. The
 * results are shared, so they must not change. At `max` results it forgets all and starts anew; what throws is not
 * remembered.
 */
export function memoize<Result>(compute: (text: string) => Result, max: number): (text: string) => Result {
  const results = new Map<string, Result>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = compute(text);
    if (text.length > maxTextLength) return result;
    if (results.size >= max) results.clear();
    results.set(text, result);
    return result;
  };
}
