import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openKubeconfig, type RemoteCluster } from "../../src/kube/kubeconfig.ts";
import type { Audit } from "../../src/local/audit.ts";
import { type Certificate, ensureCertificate } from "../../src/local/certificate.ts";
import { serveControlPlane } from "../../src/local/serve.ts";
import { openTestPlane, type TestPlane } from "./control-plane.ts";

export interface TestCluster extends AsyncDisposable {
  readonly directory: string;
  readonly plane: TestPlane;
  readonly url: string;
  readonly certificate: Certificate;
  /** Writes a kubeconfig of one context, `test`, and opens it; the cluster's CA is given unless `cluster` is. */
  open(config: {
    user?: object;
    cluster?: object;
    clock?: Clock;
    env?: Record<string, string>;
  }): Promise<RemoteCluster>;
}

/** The embedded control plane over HTTPS, and kubeconfigs for it. Disposal closes what was opened. */
export async function openTestCluster(options: { simulate?: boolean; audit?: Audit } = {}): Promise<TestCluster> {
  const stack = new AsyncDisposableStack();
  const plane = stack.use(await openTestPlane(options));
  const { directory } = plane;
  const certificate = await ensureCertificate(directory, systemClock);
  const serving = { plane: plane.plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const server = stack.use(await serveControlPlane(serving));
  return {
    directory,
    plane,
    url: server.url,
    certificate,
    async open({ user = {}, cluster = authority(certificate.cert), clock = systemClock, env = {} }) {
      const path = join(directory, "kubeconfig");
      await writeFile(path, kubeconfigOf({ server: server.url, ...cluster }, user));
      return stack.use(await openKubeconfig({ path, clock, env, log: silentLogger }));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export function authority(pem: string): object {
  return { "certificate-authority-data": base64(pem) };
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export function kubeconfigOf(cluster: object, user: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
    "current-context": "test",
  });
}
