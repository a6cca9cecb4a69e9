import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { type ChildResult, runChild } from "../../base/child.ts";
import type { Clock } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import { createSlots } from "../../base/slots.ts";
import { decodeText } from "../../base/text-encoding.ts";
import { undecodable } from "./manifest-file.ts";
import { RenderError, ToolRefusal } from "./render.ts";
import type { WorkingFolder } from "./working-folder.ts";

export type ToolName = "helm" | "kustomize" | "jsonnet";

/** A tool as it lies on this machine. */
export interface Tool {
  readonly name: ToolName;
  readonly path: string;
  /** As the tool itself says it. */
  readonly version: string;
  /** Another one when the program was replaced. */
  readonly identity: string;
}

export interface ToolCall {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly folder: WorkingFolder;
  /** Standard input; empty by default. */
  readonly input?: string;
  /** Beside what every tool gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** How errors name the call; without values that users wrote. */
  readonly label: string;
}

export interface Tools {
  /** What every tool gets of ours. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * `version`: a registered one, `--tool kustomize@5.4.3=PATH`; `declared`: where users say that it is, if it is not
   * registered. @throws TerminalError TOOL_MISSING
   */
  find(name: ToolName, signal: AbortSignal, version?: string, declared?: string): Promise<Tool>;
  /** Standard output. @throws ToolRefusal when it says no; EngineError TOOL_* when it cannot be run to its end */
  run(tool: Tool, call: ToolCall, signal: AbortSignal): Promise<string>;
  /** The same for a program that is no tool of ours: a plugin's command. */
  runCommand(command: string, call: ToolCall, signal: AbortSignal): Promise<string>;
}

export interface ToolsOptions {
  /** By `name` or `name@version`. */
  readonly paths: ReadonlyMap<string, string>;
  /** `<data-dir>/tools`; looked into before PATH. */
  readonly directory: string;
  /** PATH, proxies, certificates: all that tools see of ours. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly maxOutputBytes?: number;
  readonly maxMemoryBytes?: number;
  readonly atOnce?: number;
}

const wanted: Record<ToolName, string> = {
  helm: "Helm 3.14 or newer; https://helm.sh/docs/intro/install/",
  kustomize: "kustomize 5; https://kubectl.docs.kubernetes.io/installation/kustomize/",
  jsonnet: "go-jsonnet 0.20 or newer; https://github.com/google/go-jsonnet",
};

const versionArgs: Record<ToolName, readonly string[]> = {
  helm: ["version", "--template", "{{.Version}}"],
  kustomize: ["version"],
  jsonnet: ["--version"],
};

/** The original's `ARGOCD_EXEC_TIMEOUT`. */
const defaultTimeoutMs = 90_000;
const defaultOutputBytes = 64 * 1024 * 1024;
/** Some times what the largest charts in use need. A template can ask for any amount within seconds. */
const defaultMemoryBytes = 2 * 1024 ** 3;
const versionTimeoutMs = 20_000;
/** More than there are processors: one that waits for the network must not hold up the others. */
const defaultAtOnce = Math.max(8, 2 * availableParallelism());

/** Looks for programs when they are asked for, again and again: one that is installed later is found. */
export function createTools(options: ToolsOptions): Tools {
  const { clock, env, timeoutMs = defaultTimeoutMs, maxOutputBytes = defaultOutputBytes } = options;
  const { maxMemoryBytes = defaultMemoryBytes } = options;
  const slots = createSlots(options.atOnce ?? defaultAtOnce);
  const versions = new Map<string, Promise<string>>();

  async function readVersion(name: ToolName, path: string): Promise<string> {
    const call = {
      command: path,
      args: versionArgs[name],
      env,
      timeoutMs: versionTimeoutMs,
      maxOutputBytes: 64 * 1024,
    };
    const { code, stdout, stderr } = await runChild({ ...call, label: `${name} version` }, clock, never);
    if (code === 0) return `${stdout.toString("utf8")}${stderr}`.trim().slice(0, 200);
    throw missing(name, `"${path}" does not tell its version: ${stderr.trim().slice(0, 300)}`);
  }

  async function execute(command: string, call: ToolCall, signal: AbortSignal): Promise<string> {
    using _place = await slots.take(signal);
    const { home } = call.folder;
    const own = { HOME: home, TMPDIR: join(home, "tmp"), XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, LC_ALL: "C" };
    const child = {
      command,
      args: call.args,
      cwd: call.cwd,
      env: { ...env, ...own, ...call.env },
      timeoutMs,
      maxOutputBytes,
      maxMemoryBytes,
      label: call.label,
      ...(call.input === undefined ? {} : { input: call.input }),
    };
    return outputOf(await runChild(child, clock, signal), call);
  }

  return {
    env,
    async find(name, signal, version, declared) {
      signal.throwIfAborted();
      const path = locate(name, version, options, declared);
      const { mtimeMs, size } = statSync(path);
      const identity = `${path} ${mtimeMs} ${size}`;
      const known = versions.get(identity) ?? readVersion(name, path);
      versions.set(identity, known);
      known.catch(() => versions.delete(identity));
      return { name, path, version: await known, identity };
    },
    run: ({ path }, call, signal) => execute(path, call, signal),
    runCommand: execute,
  };
}

const never = new AbortController().signal;

function outputOf({ code, stdout, stderr }: ChildResult, { label, folder }: ToolCall): string {
  if (code === 0) return checkedOutput(stdout, label);
  const said = withoutNoise(folder.clean(stderr)).trim();
  throw new ToolRefusal("Unknown", `\`${label}\` failed exit status ${code}: ${said}`);
}

/** @throws RenderError: what is no text must not become other text in silence */
function checkedOutput(stdout: Buffer, label: string): string {
  const decoded = decodeText(stdout);
  if (decoded.text !== undefined) return decoded.text;
  const where = undecodable(stdout, decoded.offset, decoded.before);
  throw new RenderError("FailedPrecondition", `the output of \`${label}\` is no text: ${where}`);
}

/** A list of hundreds of versions says nothing about what went wrong, nor does Helm's word for each link. */
function withoutNoise(text: string): string {
  return text
    .replaceAll(/(--api-versions \S+ ?)+/g, "")
    .replaceAll(/^.*(?:walk\.go:\d+: |included and used$).*\n/gm, "");
}

function locate(name: ToolName, version: string | undefined, options: ToolsOptions, declared?: string): string {
  const { paths, directory, env } = options;
  if (version !== undefined) return locateVersion(name, version, options, declared);
  const given = paths.get(name);
  if (given !== undefined) {
    if (isProgram(given)) return given;
    throw missing(name, `"${given}" is not a program that can be run`);
  }
  for (const folder of [directory, ...(env.PATH ?? "").split(delimiter)]) {
    if (folder !== "" && isProgram(join(folder, name))) return join(folder, name);
  }
  throw missing(name, `it is neither in "${directory}" nor on PATH`);
}

function locateVersion(name: ToolName, version: string, { paths, directory }: ToolsOptions, declared?: string): string {
  const plain = version.replace(/^v/, "");
  const given = paths.get(`${name}@${version}`) ?? paths.get(`${name}@${plain}`);
  // A version is a name here, never a path.
  const inFolder = namesIn(directory).find((one) => one === `${name}-${plain}`);
  const found = given ?? (inFolder === undefined ? declared : join(directory, inFolder));
  if (found !== undefined && isProgram(found)) return found;
  const how = `register it by --tool ${name}@${plain}=PATH, put it at "${join(directory, `${name}-${plain}`)}", or name it by ${name}.path.${plain} in argocd-cm`;
  throw new TerminalError("TOOL_MISSING", `${name} version ${version} is not registered: ${how}`);
}

function missing(name: ToolName, why: string): TerminalError {
  const how = `install ${wanted[name]}, or name it by --tool ${name}=PATH`;
  return new TerminalError("TOOL_MISSING", `${name} is missing: ${why}; ${how}`);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // There is none.
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
