/**
 * The JSONPath of printer columns, as far as they use it: `.a.b`, `[0]`, `['x.y']`, `[*]`, `.a\.b` and
 * `[?(@.type=="Ready")]`. Compiled once; gives all values found. Undefined for a path outside of that.
 */
export function compileJsonPath(path: string): ((value: unknown) => unknown[]) | undefined {
  const steps: Step[] = [];
  let rest = path
    .trim()
    .replace(/^\{(.*)\}$/, "$1")
    .replace(/^\$/, "");
  while (rest !== "") {
    const parsed = parseStep(rest);
    if (!parsed) return undefined;
    steps.push(parsed.step);
    rest = rest.slice(parsed.length);
  }
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap(step), [value]);
}

type Step = (value: unknown) => unknown[];

function parseStep(text: string): { readonly step: Step; readonly length: number } | undefined {
  const field = /^\.((?:\\.|[^.[\]\\])+)/.exec(text) ?? /^\[['"]([^'"]+)['"]\]/.exec(text);
  if (field) return { step: fieldStep((field[1] ?? "").replace(/\\(.)/g, "$1")), length: field[0].length };
  const index = /^\[(-?\d{1,6})\]/.exec(text);
  if (index) return { step: indexStep(Number(index[1])), length: index[0].length };
  const all = /^\.?\[\*\]/.exec(text);
  if (all) return { step: (value) => childrenOf(value), length: all[0].length };
  const filter = /^\[\?\(\s*@((?:\.[\w-]+)+)\s*==\s*['"]?([^'")]*?)['"]?\s*\)\]/.exec(text);
  if (!filter) return undefined;
  const path = (filter[1] ?? "").split(".").slice(1);
  return { step: filterStep(path, filter[2] ?? ""), length: filter[0].length };
}

function fieldStep(name: string): Step {
  return (value) => {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return [];
    return [Reflect.get(value, name)];
  };
}

function indexStep(index: number): Step {
  return (value) => (Array.isArray(value) ? [value.at(index)].filter((item) => item !== undefined) : []);
}

function filterStep(path: readonly string[], expected: string): Step {
  const steps = path.map(fieldStep);
  return (value) =>
    childrenOf(value).filter((item) =>
      steps.reduce<unknown[]>((found, step) => found.flatMap(step), [item]).some((one) => String(one) === expected),
    );
}

function childrenOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}
