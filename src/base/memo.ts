/** Characters of text that one result stands for, on average. */
const textPerResult = 100;

/**
 * `compute` with its last results remembered by text: manifests of one team say the same things again and again. The
 * results are shared, so they must not change. With `max` results, or a hundred characters of text for each of them
 * together, it forgets all and starts anew; what throws, and a text of more than a tenth of that, is not remembered.
 */
export function memoize<Result>(compute: (text: string) => Result, max: number): (text: string) => Result {
  const results = new Map<string, Result>();
  const maxText = max * textPerResult;
  let text = 0;
  return (asked) => {
    const known = results.get(asked);
    if (known !== undefined) return known;
    const result = compute(asked);
    if (asked.length > maxText / 10) return result;
    if (results.size >= max || text + asked.length > maxText) {
      results.clear();
      text = 0;
    }
    results.set(asked, result);
    text += asked.length;
    return result;
  };
}
