import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { AdapterConfig } from "../engine/adapters.ts";

/** What commands take that have to know the kinds of third parties. */
export interface AdapterFlags {
  readonly adapter: readonly AdapterConfig[];
}

export function withAdapterFlags(command: Command): Command {
  const what = "a source or trigger of a third party: an ES module, for the key NAME of a manifest (repeatable)";
  return command.option("--adapter <name=path>", what, addAdapter, []);
}

function addAdapter(text: string, earlier: readonly AdapterConfig[]): readonly AdapterConfig[] {
  const [, name, path] = /^([a-zA-Z][a-zA-Z0-9]*)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw new InvalidArgumentError(`"${text}" must be NAME=PATH, with letters and digits as NAME.`);
  }
  if (earlier.some((one) => one.name === name)) throw new InvalidArgumentError(`"${name}" is named twice.`);
  return [...earlier, { name, path: resolve(path) }];
}
