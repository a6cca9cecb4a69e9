import { TerminalError } from "../../base/errors.ts";
import { parseRepositoryUrl, shownRepositoryUrl } from "./repository-url.ts";
import { parseSourcePath } from "./tree.ts";

export interface Submodule {
  /** Relative to the repository's root, with `/`. */
  readonly path: string;
  /** As `.gitmodules` has it; may be relative to the repository's own. */
  readonly url: string;
}

const maxSubmodules = 1_000;

/** What `.gitmodules` declares: sections `[submodule "name"]` with `path` and `url`; what has neither is left out. */
export function parseGitmodules(text: string): readonly Submodule[] {
  const found: Record<string, string>[] = [];
  for (const line of text.split("\n")) {
    if (/^\s*\[/.test(line)) {
      found.push({});
      if (!/^\s*\[\s*submodule\b/i.test(line)) found.push({ other: "" });
      continue;
    }
    const [, key = "", value = ""] = /^\s*([A-Za-z][\w-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    const section = found.at(-1);
    if (section !== undefined && key !== "") section[key.toLowerCase()] = plainValue(value);
  }
  const modules = found.flatMap(({ other, path, url }) =>
    other === undefined && path && url ? [{ path: parseSourcePath(path).join("/"), url }] : [],
  );
  if (modules.length > maxSubmodules) {
    throw new TerminalError("GIT_TOO_LARGE", `.gitmodules has more than the ${maxSubmodules} submodules allowed`);
  }
  return modules;
}

/** Without quotes, escapes and comments. */
function plainValue(value: string): string {
  let result = "";
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? "";
    if (char === '"') isQuoted = !isQuoted;
    else if (char === "\\") result += value[++at] ?? "";
    else if (!isQuoted && (char === "#" || char === ";")) break;
    else result += char;
  }
  return isQuoted ? result : result.trim();
}

/**
 * The address of a submodule. A repository of another machine cannot name one of this one's disk.
 * @throws TerminalError GIT_REFUSED
 */
export function submoduleUrl(parent: string, { url, path }: Submodule): string {
  const resolved = /^\.\.?\//.test(url) ? relativeTo(parent, url) : url;
  const isLocal = (text: string): boolean => parseRepositoryUrl(text).transport === "file";
  if (!isLocal(resolved) || isLocal(parent)) return resolved;
  const message = `the repository is refused: its submodule "${path}" is the local path "${shownRepositoryUrl(resolved)}"`;
  throw new TerminalError("GIT_REFUSED", message);
}

/** As Git does: each `../` takes the last part away, which may stand behind a colon (`git@host:team`). */
function relativeTo(parent: string, url: string): string {
  let base = parent.replace(/\/+$/, "");
  let rest = url;
  for (let match = /^(\.\.?)\/+/.exec(rest); match !== null; match = /^(\.\.?)\/+/.exec(rest)) {
    rest = rest.slice(match[0].length);
    if (match[1] === "..") base = base.replace(/(?:\/|(?<=:))[^/:]*$/, "");
  }
  return base.endsWith(":") ? base + rest : `${base}/${rest}`;
}
