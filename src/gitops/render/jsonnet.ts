import { join } from "node:path";
import type { DirectoryOptions } from "../../api/application-types.ts";
import { substitute } from "./build-environment.ts";
import { addImports } from "./jsonnet-imports.ts";
import { type Job, useTool } from "./plan.ts";
import { RenderError, type SourceFile, ToolRefusal } from "./render.ts";
import type { Tool } from "./tools.ts";
import { normalPath } from "./tree-reader.ts";
import { openWorkingFolder } from "./working-folder.ts";

type JsonnetOptions = NonNullable<DirectoryOptions["jsonnet"]>;

/** The jsonnet files of a folder, ready to be evaluated (spec argo-cd-engine 7.6). */
export interface JsonnetPlan {
  readonly key: readonly unknown[];
  /** Each file's value as JSON, in the order of the files. */
  evaluate(signal: AbortSignal): Promise<readonly SourceFile[]>;
}

/** `files`: paths from the source's folder. Adds what they import to the inputs. */
export async function planJsonnet(job: Job, files: readonly string[], signal: AbortSignal): Promise<JsonnetPlan> {
  const { source, path, inputs } = job;
  const options = source.directory?.jsonnet ?? {};
  const tool = await useTool("jsonnet", job, signal);
  const libraries = (options.libs ?? []).map(libraryPath);
  const folders = [path, ...libraries];
  const code = [...(options.extVars ?? []), ...(options.tlas ?? [])].filter((one) => one.code === true);
  await addImports(
    files.map((file) => normalPath(`${path}/${file}`)),
    code.map(({ value }) => substitute(value, job.variable)),
    folders,
    inputs,
  );
  const variables = variableArgs(options, job.variable);
  return {
    key: [tool.version, folders, variables],
    evaluate: (stop) => evaluate(job, { tool, files, folders, variables }, stop),
  };
}

/** @throws RenderError for one out of the repository */
function libraryPath(written: string): string {
  try {
    return normalPath(written.replace(/^\/+/, ""));
  } catch (error) {
    throw new RenderError("Unknown", `directory.jsonnet.libs: "${written}" leads out of the repository`, error);
  }
}

/** Values with line feeds and the like are fine: each is an argument of its own. */
export function variableArgs(
  { extVars = [], tlas = [] }: JsonnetOptions,
  variable: (name: string) => string | undefined,
): readonly string[] {
  const args = (option: string, all: typeof extVars): readonly string[] =>
    all.flatMap(({ name, value, code = false }) => [
      `--${option}-${code ? "code" : "str"}`,
      `${name}=${substitute(value, variable)}`,
    ]);
  return [...args("ext", extVars), ...args("tla", tlas)];
}

interface Run {
  readonly tool: Tool;
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly variables: readonly string[];
}

async function evaluate(job: Job, run: Run, signal: AbortSignal): Promise<readonly SourceFile[]> {
  const { settings, inputs, path, log } = job;
  const began = performance.now();
  await using folder = await openWorkingFolder(settings.workDirectory, inputs);
  log.step("export", performance.now() - began);
  // Of several that hold a file, the last one that is named wins, as in the original.
  const search = run.folders.flatMap((one) => ["-J", join(folder.source, one)]);
  const evaluated: SourceFile[] = [];
  const started = performance.now();
  for (const file of run.files) {
    const args = [...search, ...run.variables, join(folder.source, path, file)];
    const call = { args, cwd: folder.source, folder, label: `jsonnet ${file}` };
    try {
      evaluated.push({ path: file, text: await settings.tools.run(run.tool, call, signal) });
    } catch (error) {
      if (!(error instanceof ToolRefusal)) throw error;
      throw new ToolRefusal("FailedPrecondition", `Failed to evaluate jsonnet "${file}": ${error.message}`, error);
    }
  }
  log.step("jsonnet", performance.now() - started);
  return evaluated;
}
