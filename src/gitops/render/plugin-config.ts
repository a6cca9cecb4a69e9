import { TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { parseYamlDocuments } from "../../base/yaml.ts";
import type { Plugin, PluginCommand, PluginDiscovery } from "./plan.ts";

/**
 * The plugins that a file of the engine's configuration declares: documents of kind ConfigManagementPlugin (spec
 * argo-cd-engine 7.7). @throws TerminalError CONFIG_INVALID
 */
export function parsePlugins(text: string, file: string): readonly Plugin[] {
  return parseYamlDocuments(text).flatMap(({ value, line }) => {
    if (value === null) return [];
    const where = `${file}:${line}`;
    if (!isJsonObject(value) || value.kind !== "ConfigManagementPlugin") {
      throw invalid(where, "a document of kind ConfigManagementPlugin was expected");
    }
    return [parsePlugin(value, where)];
  });
}

function parsePlugin({ metadata, spec }: JsonObject, where: string): Plugin {
  const name = isJsonObject(metadata) ? metadata.name : undefined;
  if (typeof name !== "string" || name === "") throw invalid(where, "metadata.name: a name is missing");
  if (!isJsonObject(spec)) throw invalid(where, "spec: is missing");
  const { version, init, generate, discover, parameters, provideGitCreds } = spec;
  const announced = isJsonObject(parameters) && Array.isArray(parameters.static) ? parameters.static : [];
  return {
    name: typeof version === "string" && version !== "" ? `${name}-${version}` : name,
    generate: parseCommand(generate, `${where}: spec.generate`),
    ...(init === undefined ? {} : { init: parseCommand(init, `${where}: spec.init`) }),
    discover: parseDiscovery(discover, `${where}: spec.discover`),
    parameters: announced.filter(isJsonObject),
    getsCredentials: provideGitCreds === true,
  };
}

function parseCommand(value: unknown, where: string): PluginCommand {
  const { command, args = [] } = isJsonObject(value) ? value : {};
  if (!isTexts(command) || command.length === 0) throw invalid(where, "command: must be a list of texts, not empty");
  if (!isTexts(args)) throw invalid(where, "args: must be a list of texts");
  return { command, args };
}

function parseDiscovery(value: unknown, where: string): PluginDiscovery | undefined {
  if (!isJsonObject(value)) return undefined;
  if (typeof value.fileName === "string" && value.fileName !== "") return { kind: "fileName", glob: value.fileName };
  if (!isJsonObject(value.find)) return undefined;
  const { glob, command } = value.find;
  if (typeof glob === "string" && glob !== "") return { kind: "glob", glob };
  if (command === undefined) return undefined;
  return { kind: "command", ...parseCommand(value.find, `${where}.find`) };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function invalid(where: string, what: string): TerminalError {
  return new TerminalError("CONFIG_INVALID", `${where}: ${what}`);
}
