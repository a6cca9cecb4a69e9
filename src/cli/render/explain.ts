import type { RenderFacts, RenderLog } from "../../gitops/render/render.ts";
import { shownRepositoryUrl } from "../../gitops/source/repository-url.ts";

/** Collects what renderings do, to be told at the end: one source after the other, though they are rendered at once. */
export interface Explanation {
  /** `title`: which source; without credentials. */
  of(title: string): RenderLog;
  text(): string;
}

export function createExplanation(): Explanation {
  const told: string[][] = [];
  return {
    of(title) {
      const lines = [title];
      told.push(lines);
      return {
        step: (name, ms) => void lines.push(`  ${ms.toFixed(1).padStart(8)} ms  ${name}`),
        found: (facts) => void lines.push(...factLines(facts)),
      };
    },
    text: () => told.map((lines) => lines.join("\n")).join("\n"),
  };
}

const origins: Readonly<Record<RenderFacts["from"], string>> = {
  made: "rendered now",
  memory: "known",
  disk: "kept from an earlier rendering",
  failed: "could not be rendered",
};

function factLines({ key, from, isWhole, reads, facts }: RenderFacts): readonly string[] {
  const origin = origins[from];
  return [
    `key ${key.slice(0, 16)}: ${origin}${isWhole ? "; keyed by the whole tree: it may have read more than is named" : ""}`,
    ...reads.map(({ ref, path, id }) => `  read  ${ref === "" ? "" : `$${ref}/`}${path || "."}  ${shown(id)}`),
    // A variable may be the repository's URL, credentials and all.
    ...facts.map(([name, value]) => `  used  ${name.trim()}  ${shownRepositoryUrl(value).slice(0, 120)}`),
  ];
}

function shown(id: string | undefined): string {
  return id === undefined ? "not there" : id.slice(0, 12);
}
