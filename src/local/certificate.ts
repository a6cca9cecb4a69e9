import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import { workerUrl } from "../base/worker-url.ts";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** In milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const validMs = 3650 * dayMs;
/** Made anew when less is left. */
const renewMs = 30 * dayMs;

/**
 * The self-signed serving certificate for loopback, kept as `kube-cert.pem` in `directory` (mode 0600, with its key) and
 * used again while it is valid. It is also the CA that clients trust.
 */
export async function ensureCertificate(directory: string, clock: Clock): Promise<Certificate> {
  const path = join(directory, "kube-cert.pem");
  const stored = parseCertificate(await readFile(path, "utf8").catch(() => ""), clock);
  if (stored !== undefined) return stored;
  const made = await makeCertificate(clock);
  await writeFile(`${path}.new`, made.key + made.cert, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return made;
}

function parseCertificate(text: string, clock: Clock): Certificate | undefined {
  const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----\s*/.exec(text)?.[0];
  const cert = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\s*/.exec(text)?.[0];
  if (key === undefined || cert === undefined) return undefined;
  try {
    const parsed = new X509Certificate(cert);
    const isValid = Date.parse(parsed.validTo) - clock.now() > renewMs && parsed.checkPrivateKey(createPrivateKey(key));
    return isValid ? { cert, key } : undefined;
  } catch {
    // Damaged: a new one is made.
    return undefined;
  }
}

/** In a thread of its own: what makes one takes 5 MiB that nobody needs again. */
async function makeCertificate(clock: Clock): Promise<Certificate> {
  const now = clock.now();
  const validity: Validity = { notBefore: now - dayMs, notAfter: now + validMs };
  const worker = new Worker(workerUrl(import.meta.url, "certificate-worker"), { workerData: validity, execArgv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<Certificate>();
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.once("exit", (code) => reject(new Error(`what makes the certificate ended with code ${code}`)));
  return await promise;
}
