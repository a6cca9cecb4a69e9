import { execFile, execFileSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/errors.ts";
import type { RenderSettings } from "../../src/gitops/render/plan.ts";
import { createTools, type ToolName } from "../../src/gitops/render/tools.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The command of each tool, and the module whose version `test/tools/<name>/go.mod` pins. */
const packages: Record<ToolName, { readonly command: string; readonly module: string }> = {
  helm: { command: "helm.sh/helm/v3/cmd/helm", module: "helm.sh/helm/v3" },
  kustomize: { command: "sigs.k8s.io/kustomize/kustomize/v5", module: "sigs.k8s.io/kustomize/kustomize/v5" },
  jsonnet: { command: "github.com/google/go-jsonnet/cmd/jsonnet", module: "github.com/google/go-jsonnet" },
};

/** Built once for each version; renamed into place, so that two test processes may build it at once. */
export function toolPath(name: ToolName): string {
  const module = join(root, "test/tools", name);
  const line = readFileSync(join(module, "go.mod"), "utf8")
    .split("\n")
    .map((one) =>
      one
        .trim()
        .replace(/^require /, "")
        .split(" "),
    )
    .find(([required]) => required === packages[name].module);
  if (line?.[1] === undefined) throw new Error(`test/tools/${name}/go.mod names no version of ${name}`);
  const path = join(root, ".tools/bin", `${name}-${line[1].replace(/^v/, "")}`);
  if (isExecutable(path)) return path;
  const half = `${path}.${process.pid}`;
  mkdirSync(join(root, ".tools/bin"), { recursive: true });
  execFileSync("go", ["build", "-trimpath", "-o", half, packages[name].command], {
    cwd: module,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 900_000,
  });
  renameSync(half, path);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why tests with these tools are skipped: undefined when they are there. In CI a missing one is an error. */
export function renderToolsMissing(...names: readonly ToolName[]): string | undefined {
  try {
    for (const name of names) toolPath(name);
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return `no ${names.join(", ")}: ${messageOf(error).slice(0, 200)}`;
  }
}

/** The tool run by hand: what users would see. */
export function runTool(name: ToolName, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? "", HOME: cwd };
    execFile(toolPath(name), [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${name} ${args.join(" ")}: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}

/** What a renderer needs, with the pinned tools that are built already; work goes below `directory`. */
export function renderSettings(
  directory: string,
  options: { readonly tools?: readonly ToolName[]; readonly clock?: Clock } & Partial<
    Omit<RenderSettings, "tools">
  > = {},
): RenderSettings {
  const { tools = [], clock = systemClock, ...settings } = options;
  return {
    tools: createTools({
      paths: new Map(tools.map((name) => [name, toolPath(name)])),
      directory: join(directory, "tools"),
      env: { PATH: "/usr/bin:/bin" },
      clock,
    }),
    workDirectory: join(directory, "work"),
    plugins: [],
    ...settings,
  };
}
