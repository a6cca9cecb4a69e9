import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { type Clock, instant, isoTime } from "../base/clock.ts";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
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

async function makeCertificate(clock: Clock): Promise<Certificate> {
  const now = clock.now();
  const { cert, private: key } = await generate([{ name: "commonName", value: "tiphys-kube" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: dateOf(now - dayMs),
    notAfterDate: dateOf(now + validMs),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  return { cert: withNewline(cert), key: withNewline(key) };
}

function dateOf(ms: number): Date {
  return new Date(isoTime(instant(ms)));
}

function withNewline(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}
