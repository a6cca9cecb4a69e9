import { execFileSync } from "node:child_process";

/** Why tests that let a disk be full for one process are skipped: Linux has it; in CI it has to be there. */
export function prlimitMissing(): string | undefined {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return "prlimit is not installed";
  }
}

/** No file of the process may grow beyond `bytes`; what is there can be written over. */
export function limitFileSize(pid: number, bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
}
