import { posix } from "node:path";
import { type Problem, type SourceFile, withoutComments } from "./scan.ts";

const start = "src/engine/engine.ts";
/** Large, and of no use to most engines: whoever needs one imports it then. Each takes some MiB of every engine otherwise. */
const late = /^(?:undici|selfsigned|@nats-io\/.+)$/;
const loading = /^[ \t]*(?:import|export)\s+(?!type\s)(?:[\w*\s{},$]+?\s+from\s+)?["']([^"']+)["']/gm;

/** What an engine loads before it does anything: type imports and `import()` do not count. */
export function startProblems(files: readonly SourceFile[]): Problem[] {
  const loadedBy = new Map(files.map(({ path, text }) => [path, loadsOf(text)]));
  const seen = new Set<string>();
  const problems: Problem[] = [];
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const target of loadedBy.get(path) ?? []) {
      if (target.startsWith(".")) visit(posix.join(posix.dirname(path), target));
      else if (late.test(target)) problems.push({ path, message: `every engine loads ${target} with it` });
    }
  };
  visit(start);
  return problems;
}

function loadsOf(text: string): readonly string[] {
  return [...withoutComments(text).matchAll(loading)].map(([, target = ""]) => target);
}
