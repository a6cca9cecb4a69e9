import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { RenderingConfig } from "../engine/parts.ts";
import { parsePlugins } from "../gitops/render/plugin-config.ts";

/** What every command that renders takes. */
export interface RenderingFlags {
  readonly tool: ReadonlyMap<string, string>;
  readonly kustomizeBuildOptions: string;
  readonly plugin: readonly string[];
}

/** `otherwise`: what the help says after each. */
export function withRenderingFlags(command: Command, otherwise = ""): Command {
  return command
    .option(
      "--tool <name=path>",
      `helm, kustomize or jsonnet, kustomize@5.4.3 for one version (repeatable)${otherwise}`,
      addTool,
      none,
    )
    .option("--kustomize-build-options <options>", `for every \`kustomize build\`, e.g. --enable-helm${otherwise}`, "")
    .option(
      "--plugin <file>",
      `ConfigManagementPlugins; they run as this program (repeatable)${otherwise}`,
      collected,
      [],
    );
}

const none: ReadonlyMap<string, string> = new Map();

function addTool(text: string, earlier: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, path] = /^((?:helm|kustomize|jsonnet)(?:@[\w.+-]+)?)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && path !== undefined) return new Map([...earlier, [name, resolve(path)]]);
  throw new InvalidArgumentError(`"${text}" must be NAME=PATH, with helm, kustomize or jsonnet as NAME.`);
}

function collected(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** @throws TerminalError CONFIG_INVALID */
export async function renderingOf({ tool, kustomizeBuildOptions, plugin }: RenderingFlags): Promise<RenderingConfig> {
  const declared = await Promise.all(plugin.map(async (file) => parsePlugins(await readText(file), file)));
  return {
    toolPaths: tool,
    kustomizeBuildOptions: kustomizeBuildOptions.split(/\s+/).filter((one) => one !== ""),
    plugins: declared.flat(),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new TerminalError("CONFIG_INVALID", `--plugin: "${file}" cannot be read: ${messageOf(error)}`);
  }
}

/** What clouds say of this process: workload identities, and AWS' keys; no tool sees it. */
export function cloudIdentity(): Record<string, string> {
  return variables([
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ENDPOINT_URL_STS",
  ]);
}

/** What tools may see of ours: where programs are, and how the network is reached. */
export function toolEnvironment(): Record<string, string> {
  return variables([
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
  ]);
}

function variables(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
