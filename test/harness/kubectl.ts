import { execFile, execFileSync } from "node:child_process";
import { dirname, join } from "node:path";

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real `kubectl`, with cache and home beside the kubeconfig. */
export function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<KubectlResult> {
  const home = dirname(kubeconfig);
  const all = ["--kubeconfig", kubeconfig, "--cache-dir", join(home, "kube-cache"), ...args];
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? "", HOME: home, ...options.env };
    const child = execFile("kubectl", all, { env, timeout: 30_000 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") return reject(error);
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
    child.stdin?.end(options.input ?? "");
  });
}

/** Why tests with `kubectl` are skipped: undefined when it is there. In CI a missing tool is an error. */
export function kubectlMissing(): string | undefined {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return "kubectl is not on PATH";
  }
}
