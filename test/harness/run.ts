import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export const projectRoot = join(import.meta.dirname, "..", "..");

/** The command line: CI names the bundle, since each start from the sources strips their types anew (1 s of the processor). */
export const mainFile = process.env.TIPHYS_MAIN ?? join(projectRoot, "src", "cli", "main.ts");

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, never through a shell; a non-zero exit is a result, not an error. 60 s at most. */
export function run(file: string, args: readonly string[], options: { cwd?: string; input?: string } = {}) {
  return new Promise<RunResult>((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1", NODE_TEST_CONTEXT: undefined };
    const child = execFile(
      file,
      [...args],
      { cwd: options.cwd ?? projectRoot, env, timeout: 60_000, maxBuffer: 32 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") reject(error);
        else resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      },
    );
    child.stdin?.on("error", () => undefined); // one that ends without reading its input is judged by its code
    child.stdin?.end(options.input ?? "");
  });
}

export function kubectlPath(): string | undefined {
  const folders = [join(projectRoot, ".tools", "bin"), ...(process.env.PATH ?? "").split(delimiter)];
  return folders.map((folder) => join(folder, "kubectl")).find(isExecutable);
}

/** Why tests that need kubectl are skipped; in CI it has to be there. */
export function kubectlMissing(): string | undefined {
  if (kubectlPath() !== undefined) return undefined;
  if (process.env.CI === "true") throw new Error("kubectl is not installed: CI needs it");
  return "kubectl is not installed";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
