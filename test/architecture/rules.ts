import { posix } from "node:path";
import { functionsOf, type Problem, type SourceFile, withoutComments } from "./scan.ts";

const maxFileLines = 500;
const maxFunctionLines = 80;
const maxReadmeLines = 30;
/** The map of src is one screen. */
const maxMapLines = 60;

export function sizeProblems(files: readonly SourceFile[]): Problem[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines < maxFileLines ? [] : [{ path, message: `has ${lines} lines, ${maxFileLines - 1} are allowed` }];
  });
}

export function functionProblems(files: readonly SourceFile[]): Problem[] {
  return files.flatMap((file) =>
    functionsOf(file)
      .filter(({ length }) => length >= maxFunctionLines)
      .map(({ line, head, length }) => ({ path: `${file.path}:${line}`, message: `${length} lines: ${head}` })),
  );
}

interface ForbiddenText {
  readonly what: string;
  readonly pattern: RegExp;
  readonly allowedIn: (path: string) => boolean;
}

const forbidden: readonly ForbiddenText[] = [
  {
    what: "reads the time: take the Clock",
    pattern: /\bDate\.now\(\)|\bnew Date\(\)|\bnew Date(?![\w(])/,
    allowedIn: (path) => path === "src/base/clock.ts",
  },
  {
    what: "builds a RegExp: users' patterns go to base/regex.ts",
    pattern: /\bnew RegExp\(|(?<![\w.])RegExp\(/,
    allowedIn: (path) => path.startsWith("src/base/"),
  },
  {
    what: "reads the environment: only cli does",
    pattern: /\bprocess\.(?:env|argv)\b/,
    allowedIn: (path) => path.startsWith("src/cli/"),
  },
  { what: "exports a default", pattern: /^export default\b|^export \{[^}]*\bas default\b/m, allowedIn: () => false },
  {
    what: "re-exports: import from where it stands",
    pattern: /^export (?:type )?(?:\*|\{[^}]*\} from)/m,
    allowedIn: () => false,
  },
];

export function textProblems(files: readonly SourceFile[]): Problem[] {
  return files.flatMap(({ path, text }) => {
    const code = withoutComments(text);
    return forbidden
      .filter(({ pattern, allowedIn }) => !allowedIn(path) && pattern.test(code))
      .map(({ what }) => ({ path, message: what }));
  });
}

export function nameProblems(files: readonly SourceFile[]): Problem[] {
  return files.flatMap(({ path }) => {
    const name = posix.basename(path);
    if (name === "index.ts") return [{ path, message: "index.ts hides where things are" }];
    return /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(name) ? [] : [{ path, message: "is not kebab-case" }];
  });
}

/** `files` are all TypeScript files and READMEs of src. */
export function readmeProblems(files: readonly SourceFile[]): Problem[] {
  const folders = new Set(files.filter(({ path }) => path.endsWith(".ts")).map(({ path }) => posix.dirname(path)));
  return [...folders].flatMap((folder) => {
    const path = `${folder}/README.md`;
    const readme = files.find((file) => file.path === path);
    if (readme === undefined) return [{ path, message: "is missing" }];
    const lines = readme.text.trimEnd().split("\n").length;
    const limit = folder === "src" ? maxMapLines : maxReadmeLines;
    return lines <= limit ? [] : [{ path, message: `has ${lines} lines, ${limit} are allowed` }];
  });
}

/** Tests of these folders stand for no single file of src. */
const freeTestFolders = ["architecture", "bench", "chaos", "contract", "e2e", "harness", "oracle", "tools"];

/** `test/a/b.test.ts` is about `src/a/b.ts`; `b-crash.test.ts` may hold a part of it. */
export function mirrorProblems(tests: readonly SourceFile[], sources: readonly SourceFile[]): Problem[] {
  const known = new Set(sources.map(({ path }) => path.replace(/\.ts$/, "")));
  return tests.flatMap(({ path }) => {
    if (!path.endsWith(".test.ts") || freeTestFolders.includes(path.split("/")[1] ?? "")) return [];
    const stem = path.replace(/^test\//, "src/").replace(/\.test\.ts$/, "");
    const words = posix.basename(stem).split("-");
    const names = words.map((_, index) => posix.join(posix.dirname(stem), words.slice(0, index + 1).join("-")));
    return names.some((name) => known.has(name)) ? [] : [{ path, message: `there is no ${stem}.ts` }];
  });
}
