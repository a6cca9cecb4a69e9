import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { kubeconfigText } from "../../src/local/kubeconfig.ts";
import { serveControlPlane } from "../../src/local/serve.ts";
import { adminToken, openTestPlane } from "./control-plane.ts";

/** The embedded API over HTTPS, with a kubeconfig, as `up` serves it to people. */
export async function openServedPlane(options: Parameters<typeof openTestPlane>[0] = {}) {
  await using stack = new AsyncDisposableStack();
  const { directory, plane, client } = stack.use(await openTestPlane(options));
  const certificate = await ensureCertificate(directory, systemClock);
  const served = { plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const { url } = stack.use(await serveControlPlane(served));
  const kubeconfig = join(directory, "kubeconfig");
  const access = { url, caPem: certificate.cert, token: adminToken, name: "tiphys" };
  await writeFile(kubeconfig, kubeconfigText(access), { mode: 0o600 });
  const owned = stack.move();
  return { kubeconfig, directory, client, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
