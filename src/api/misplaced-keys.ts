import type { Problem } from "../base/schema.ts";

/** Keys that people write in a place of a kind where they are not known, and what to do with them. */
export interface Misplaced {
  /** Places of the user's object, with `[]` for any index: `spec.generators[]`; "" is the object itself. */
  readonly at: readonly string[];
  readonly keys: readonly string[];
  readonly suggest: (key: string) => string;
}

/** Says where such keys belong, in the warnings about unknown fields. */
export function suggestPlaces(problems: readonly Problem[], table: readonly Misplaced[]): Problem[] {
  return problems.map((problem) => {
    if (problem.severity !== "warning" || !problem.message.startsWith("unknown field")) return problem;
    const suggestion = suggestionFor(problem.path.replaceAll(/\[\d+\]/g, "[]"), table);
    return suggestion === undefined ? problem : { ...problem, suggestion };
  });
}

function suggestionFor(path: string, table: readonly Misplaced[]): string | undefined {
  // Keys such as `webhook.github.secret` have dots themselves.
  if (/(^|\.)webhook[^[\]]*$/i.test(path)) {
    return "the webhook secret belongs to Secret `argocd-secret`, key `webhook.<provider>.secret`";
  }
  for (const { at, keys, suggest } of table) {
    const key = at.map((place) => keyBelow(path, place)).find((name) => name !== undefined && keys.includes(name));
    if (key !== undefined) return suggest(key);
  }
  return undefined;
}

function keyBelow(path: string, place: string): string | undefined {
  if (place === "") return path;
  return path.startsWith(`${place}.`) ? path.slice(place.length + 1) : undefined;
}

export const belongsTo =
  (owner: string) =>
  (key: string): string =>
    `\`${key}\` belongs to ${owner}`;

/** `spec.syncPolicy` → "belongs at `spec.syncPolicy.automated`" */
export const writeAt =
  (place: string) =>
  (key: string): string =>
    `belongs at \`${place}.${key}\``;
