import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { objectsOf, textOf } from "../../api/fields.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { formatYaml, parseYaml } from "../../base/yaml.ts";

/** Servers that somebody has logged in to, as the original's file has them (spec argo-cd-surface 5.1). */
export interface Contexts {
  readonly current: string;
  /** The one before, for `context -`. */
  readonly previous: string;
  readonly list: readonly Context[];
}

export interface Context {
  readonly name: string;
  /** The URL of its API. */
  readonly server: string;
  /** Absent: logged out. */
  readonly token?: string;
}

export const noContexts: Contexts = { current: "", previous: "", list: [] };

/** A file that is not there holds none. @throws EngineError CONFIG_INVALID, also for one that others may read */
export function readContexts(path: string): Contexts {
  let text: string;
  try {
    if ((statSync(path).mode & 0o077) !== 0) throw invalid(path, "may be read by others: chmod 0600");
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return noContexts;
    throw invalid(path, messageOf(error));
  }
  const [value] = parsed(text, path);
  const file: JsonObject = isJsonObject(value) ? value : {};
  const tokens = new Map(objectsOf(file.users).map((user) => [textOf(user.name), textOf(user["auth-token"])]));
  const list = objectsOf(file.contexts).map(({ name, server, user }): Context => {
    const token = tokens.get(textOf(user)) ?? "";
    return { name: textOf(name), server: textOf(server), ...(token === "" ? {} : { token }) };
  });
  return { current: textOf(file["current-context"]), previous: textOf(file["previous-context"]), list };
}

function parsed(text: string, path: string) {
  try {
    return parseYaml(text);
  } catch (error) {
    throw invalid(path, `is no YAML: ${messageOf(error)}`);
  }
}

/** Whole or not at all; only its owner may read it. */
export function writeContexts(path: string, { current, previous, list }: Contexts): void {
  const file = {
    "current-context": current,
    ...(previous === "" ? {} : { "previous-context": previous }),
    contexts: list.map(({ name, server }) => ({ name, server, user: name })),
    servers: [...new Set(list.map(({ server }) => server))].map((server) => ({ server })),
    users: list.map(({ name, token }) => ({ name, ...(token === undefined ? {} : { "auth-token": token }) })),
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(`${path}.new`, { force: true }); // one that was left keeps its mode
  writeFileSync(`${path}.new`, formatYaml(file), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** With `context` in place of that of its name, and current. */
export function withContext(contexts: Contexts, context: Context): Contexts {
  const list = [...contexts.list.filter(({ name }) => name !== context.name), context];
  return switched({ ...contexts, list }, context.name);
}

export function switched(contexts: Contexts, name: string): Contexts {
  const { current } = contexts;
  return { ...contexts, current: name, previous: current === name ? contexts.previous : current };
}

/** @throws EngineError NOT_FOUND */
export function findContext({ list }: Contexts, name: string): Context {
  const found = list.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new EngineError("NOT_FOUND", `Context '${name}' undefined: \`tiphys context\` lists those that there are`);
}

/** The one that `--context` names, or the current one; undefined: none. @throws EngineError NOT_FOUND, CONFIG_INVALID */
export function chosenContext({ config, context }: { readonly config: string; readonly context?: string }) {
  const contexts = readContexts(config);
  const name = context ?? contexts.current;
  return name === "" ? undefined : findContext(contexts, name);
}

function invalid(path: string, problem: string): EngineError {
  return new EngineError("CONFIG_INVALID", `${path}: ${problem}`);
}
