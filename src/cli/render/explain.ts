import type { RenderFacts, RenderLog } from "../../gitops/render/render.ts";

/** Collects what renderings do, to be told at the end. */
export interface Explanation extends RenderLog {
  text(): string;
}

export function createExplanation(): Explanation {
  const lines: string[] = [];
  return {
    step: (name, ms) => void lines.push(`  ${ms.toFixed(1).padStart(8)} ms  ${name}`),
    found: (facts) => void lines.push(...factLines(facts)),
    text: () => lines.join("\n"),
  };
}

function factLines({ key, from, isWhole, reads, facts }: RenderFacts): readonly string[] {
  const origin = { made: "rendered now", memory: "known", disk: "kept from an earlier rendering" }[from];
  return [
    `key ${key.slice(0, 16)}: ${origin}${isWhole ? "; keyed by the whole tree: it may have read more than is named" : ""}`,
    ...reads.map(({ ref, path, id }) => `  read  ${ref === "" ? "" : `$${ref}/`}${path || "."}  ${shown(id)}`),
    ...facts.map(([name, value]) => `  used  ${name.trim()}  ${value.slice(0, 120)}`),
  ];
}

function shown(id: string | undefined): string {
  return id === undefined ? "not there" : id.slice(0, 12);
}
