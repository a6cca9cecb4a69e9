import { join } from "node:path";
import { TerminalError } from "../base/errors.ts";
import type { KubeconfigContext } from "./kubeconfig-file.ts";
import { readProblem, readSmallFile } from "./small-file.ts";

/** Where a Pod finds the token and the authority of its cluster. */
export const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";
/** What `--kubeconfig` says instead of a file to use these. */
export const inClusterName = "in-cluster";

/**
 * The cluster that this process runs in, as its service account; the token's file is read again as it is renewed.
 * @throws TerminalError CONFIG_INVALID outside of a Pod
 */
export async function readInCluster(
  env: Readonly<Record<string, string | undefined>>,
  directory = serviceAccountDir,
): Promise<KubeconfigContext> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (host === undefined || host === "") {
    throw new TerminalError(
      "CONFIG_INVALID",
      `--kubeconfig ${inClusterName}: KUBERNETES_SERVICE_HOST is not set: this is no Pod of a cluster; give the file of a kubeconfig`,
    );
  }
  const file = join(directory, "ca.crt");
  const ca = await readSmallFile(file).catch((error: unknown) => {
    throw new TerminalError("CONFIG_INVALID", `--kubeconfig ${inClusterName}: ${readProblem(file, error)}`, error);
  });
  return {
    contextName: inClusterName,
    cluster: { baseUrl: `https://${host.includes(":") ? `[${host}]` : host}:${port}`, ca, skipsVerification: false },
    user: { name: "service account", auth: { kind: "token", token: { path: join(directory, "token") } } },
  };
}
