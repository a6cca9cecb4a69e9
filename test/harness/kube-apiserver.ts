import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import { kubeconfigText } from "../../src/local/kubeconfig.ts";
import { freePort } from "./free-port.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

/** Why tests on a real API server are skipped: it is asked for by name, since few machines have one. */
export function apiServerMissing(): string | undefined {
  const missing = ["KUBE_APISERVER", "ETCD"].filter((name) => !process.env[name]);
  return missing.length === 0 ? undefined : `${missing.join(" and ")} name no binary`;
}

const token = "real-admin-token";

/** A real kube-apiserver on an etcd of its own, without controllers and nodes. Disposal ends both. */
export async function startApiServer() {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await tempDir());
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const etcd = `http://127.0.0.1:${client}`;
  const inside = (name: string): string => join(directory.path, name);
  stack.use(
    startProcess(process.env.ETCD ?? "", [
      `--data-dir=${inside("etcd")}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
    ]),
  );
  await writeFile(inside("tokens.csv"), `${token},admin,1,"system:masters"\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = privateKey.export({ type: "pkcs1", format: "pem" });
  await writeFile(inside("accounts.pem"), key, { mode: 0o600 });
  stack.use(
    startProcess(process.env.KUBE_APISERVER ?? "", [
      `--etcd-servers=${etcd}`,
      `--secure-port=${port}`,
      "--bind-address=127.0.0.1",
      `--cert-dir=${inside("certificates")}`,
      `--token-auth-file=${inside("tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${inside("accounts.pem")}`,
      `--service-account-signing-key-file=${inside("accounts.pem")}`,
      "--disable-admission-plugins=ServiceAccount",
    ]),
  );
  const url = `https://127.0.0.1:${port}`;
  await waitFor("the API server", () => isReady(`${url}/readyz`), 60_000);
  const caPem = await readFile(inside("certificates/apiserver.crt"), "utf8");
  const kubeconfig = inside("kubeconfig");
  await writeFile(kubeconfig, kubeconfigText({ url, caPem, token, name: "real" }), { mode: 0o600 });
  const owned = stack.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function startProcess(file: string, args: readonly string[]): AsyncDisposable {
  const child: ChildProcess = spawn(file, [...args], { stdio: "ignore" });
  const ended = once(child, "exit");
  ended.catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended.catch(() => undefined);
    },
  };
}

/** Its certificate is made by itself, and is not looked at before it is read. */
function isReady(url: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get(url, { rejectUnauthorized: false, headers: { authorization: `Bearer ${token}` } }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  }).on("error", () => resolve(false));
  return promise;
}
