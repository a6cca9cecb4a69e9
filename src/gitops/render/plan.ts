import type { ApplicationSource } from "../../api/application-types.ts";
import { defaultRenderingSettings, type RenderingSettings } from "../../api/rendering-settings.ts";
import type { JsonObject } from "../../base/json.ts";
import type { FindAccess, GitSources } from "../source/source.ts";
import type { Inputs } from "./inputs.ts";
import type { Recorder } from "./recorder.ts";
import type { RenderContext, RenderLog, SourceType } from "./render.ts";
import type { Tool, ToolName, Tools } from "./tools.ts";

/** What is to be rendered, and what it may be rendered with. */
export interface Job {
  /** With what files of its folder say. */
  readonly source: ApplicationSource;
  /** The folder, normalised, from its tree's root. */
  readonly path: string;
  readonly inputs: Inputs;
  readonly recorder: Recorder;
  readonly context: RenderContext;
  readonly settings: RenderSettings;
  /** Those of `settings`, as they were when this rendering began. */
  readonly rendering: RenderingSettings;
  /** A variable of the build environment; asking for it is recorded. */
  readonly variable: (name: string) => string | undefined;
  /** All of them; recorded as such. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** Whether the whole tree is handed over, since a run with its inputs alone failed. */
  readonly isWhole: boolean;
  readonly log: RenderLog;
}

export interface RenderSettings {
  readonly tools: Tools;
  /** Where tools run. */
  readonly workDirectory: string;
  /** What users' ConfigMaps say, as they are now; absent: they say nothing. */
  readonly rendering?: () => RenderingSettings;
  readonly plugins: readonly Plugin[];
  /** How tools reach repositories of charts and of Git that sources name; absent: without credentials. */
  readonly access?: FindAccess;
  readonly git?: Pick<GitSources, "ofProject">;
}

/** A `ConfigManagementPlugin` of the engine's configuration (spec argo-cd-engine 7.7). */
export interface Plugin {
  readonly name: string;
  readonly init?: PluginCommand;
  readonly generate: PluginCommand;
  readonly discover: PluginDiscovery | undefined;
  /** Those with a value of their own. */
  readonly parameters: readonly JsonObject[];
  /** Whether Git in its commands reads the source's repository as the engine does. */
  readonly getsCredentials: boolean;
}

export interface PluginCommand {
  readonly command: readonly string[];
  readonly args: readonly string[];
}

export type PluginDiscovery =
  | { readonly kind: "fileName"; readonly glob: string }
  | { readonly kind: "glob"; readonly glob: string }
  | ({ readonly kind: "command" } & PluginCommand);

export interface Produced {
  readonly manifests: readonly JsonObject[];
  /** Of the text that they were read from. */
  readonly bytes: number;
}

/** A rendering that is ready to run. Everything that decides its result is in `key` and in the inputs. */
export interface Plan {
  readonly type: SourceType;
  /** What is run, and how, beside the inputs' content. */
  readonly key: readonly unknown[];
  /** Whether it has to be run again for each commit: it reads more than its inputs. */
  readonly isVolatile: boolean;
  /** Whether a tool is run: its result is worth keeping on disk, and a failure worth a try with the whole tree. */
  readonly usesTool: boolean;
  produce(signal: AbortSignal): Promise<Produced>;
}

/** The name of the fact that says what users' ConfigMaps say. */
export const renderingFact = "rendering";

const texts = new WeakMap<RenderingSettings, string>();

/** What the fact says: one text for the same settings. */
export function renderingText(settings: RenderSettings): string {
  const rendering = renderingOf(settings);
  const text = texts.get(rendering) ?? JSON.stringify(rendering);
  texts.set(rendering, text);
  return text;
}

export function renderingOf({ rendering }: RenderSettings): RenderingSettings {
  return rendering?.() ?? defaultRenderingSettings;
}

/** The tool, and a note that the result depends on it. @throws TerminalError TOOL_MISSING */
export async function useTool(
  name: ToolName,
  { settings, recorder }: Pick<Job, "settings" | "recorder">,
  signal: AbortSignal,
  version = "",
): Promise<Tool> {
  const tool = await findTool(settings, name, version, signal);
  recorder.fact(`tool ${name} ${version}`, tool.identity);
  return tool;
}

/** What such a note would say now. @throws TerminalError TOOL_MISSING */
export async function readToolFact(fact: string, settings: RenderSettings, signal: AbortSignal): Promise<string> {
  const [, name, version = ""] = fact.split(" ");
  return (await findTool(settings, name as ToolName, version, signal)).identity;
}

function findTool(settings: RenderSettings, name: ToolName, version: string, signal: AbortSignal): Promise<Tool> {
  const { path } = renderingOf(settings).kustomizeVersions[version.replace(/^v/, "")] ?? {};
  return settings.tools.find(name, signal, version || undefined, name === "kustomize" ? path : undefined);
}

/** Begins the name of the fact that says whether a repository is permitted. */
export const permittedFact = "permitted ";

export function isPermittedIn({ isPermitted }: RenderContext, repository: string): boolean {
  return isPermitted?.(repository) ?? true;
}
