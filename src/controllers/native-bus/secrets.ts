import { randomInt, X509Certificate } from "node:crypto";
import { type Clock, instant, isoTime } from "../../base/clock.ts";
import { commonJs } from "../../base/lazy.ts";
import type { KubeObject } from "../../objects/object.ts";
import { labelsOf, type NativeBus, namesOf, ownerOf } from "./native-bus.ts";
import { type KeyForm, readAuthConfig, renderAuthConfig, type ServerUsers } from "./server-config.ts";

type SecretData = Readonly<Record<string, string>>;

const dayMs = 24 * 60 * 60 * 1000;
const validMs = 3650 * dayMs;
/** Made anew when less is left; servers take them up when they load their configuration again. */
const renewMs = 30 * dayMs;

/**
 * The data of the server's Secret, in clear. Of `stored` everything is kept that is usable, above all the encryption
 * key, without which what a server has stored cannot be read; the original makes all anew when one thing is missing.
 */
export async function serverSecretData(bus: NativeBus, stored: SecretData, clock: Clock): Promise<SecretData> {
  const { host } = namesOf(bus);
  const users = readAuthConfig(stored.auth ?? "") ?? makeUsers();
  return {
    auth: stored.auth !== undefined && readAuthConfig(stored.auth) ? stored.auth : renderAuthConfig(users),
    ...encryption(stored),
    ...(await certificates(stored, { key: "private-key", cert: "cert", ca: "ca-cert" }, [host], clock)),
    ...(await certificates(
      stored,
      { key: "cluster-private-key", cert: "cluster-cert", ca: "cluster-ca-cert" },
      [`*.${host}`, host],
      clock,
    )),
  };
}

/** Beside the key; the original's Secret lacks it. */
const formKey = "encryption-form";

function encryption(stored: SecretData): SecretData {
  if (!stored.encryption) return { encryption: randomText(32), [formKey]: "variable" };
  const form = stored[formKey];
  return { encryption: stored.encryption, ...(form === undefined ? {} : { [formKey]: form }) };
}

export function keyFormOf(server: SecretData): KeyForm {
  return server[formKey] === "variable" ? "variable" : "literal";
}

/** What clients read, from what the server takes: the two cannot differ. */
export function clientSecretData(server: SecretData): SecretData {
  const { user = "", password = "" } = readAuthConfig(server.auth ?? "") ?? {};
  return { "client-auth": `username: ${user}\npassword: ${password}` };
}

export function secretObject(bus: NativeBus, name: string, data: SecretData): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: bus.namespace, labels: labelsOf(bus), ownerReferences: [ownerOf(bus)] },
    type: "Opaque",
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
  };
}

/** The data of a Secret in clear; {} for one that does not exist. */
export function readSecretData(secret: KubeObject | undefined): SecretData {
  const data = secret?.data;
  if (typeof data !== "object" || data === null) return {};
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, encoded]) =>
      typeof encoded === "string" ? [[key, Buffer.from(encoded, "base64").toString("utf8")]] : [],
    ),
  );
}

function makeUsers(): ServerUsers {
  return { user: randomText(8), password: randomText(16), systemPassword: randomText(24) };
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** The first is a letter: YAML and the server's configuration must not take it for a number. */
function randomText(length: number): string {
  const pick = (_: unknown, index: number): string => letters[randomInt(index === 0 ? 52 : letters.length)] ?? "";
  return Array.from({ length }, pick).join("");
}

interface CertificateKeys {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

async function certificates(
  stored: SecretData,
  keys: CertificateKeys,
  hosts: readonly string[],
  clock: Clock,
): Promise<SecretData> {
  const [key, cert, ca] = [stored[keys.key], stored[keys.cert], stored[keys.ca]];
  if (key && cert && ca && isGood(cert, clock)) return { [keys.key]: key, [keys.cert]: cert, [keys.ca]: ca };
  const made = await makeCertificate(hosts, clock);
  // The former one stays trusted: servers show it until they have loaded the new one.
  const former = ca && isReadable(ca) ? firstCertificate(ca) : "";
  return { [keys.key]: made.key, [keys.cert]: made.cert, [keys.ca]: made.cert + former };
}

function isGood(cert: string, clock: Clock): boolean {
  try {
    return Date.parse(new X509Certificate(cert).validTo) - clock.now() > renewMs;
  } catch {
    // Damaged: a new one is made.
    return false;
  }
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== "";
  } catch {
    return false; // what cannot be read would keep servers from starting
  }
}

function firstCertificate(pem: string): string {
  const end = "-----END CERTIFICATE-----";
  return `${pem.slice(0, pem.indexOf(end) + end.length)}\n`;
}

/** Self-signed, so that it is its own CA; servers are clients of each other, too. */
async function makeCertificate(hosts: readonly string[], clock: Clock): Promise<{ cert: string; key: string }> {
  const now = clock.now();
  const { generate } = commonJs(await import("selfsigned"));
  const { cert, private: key } = await generate([{ name: "commonName", value: "eventbus" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(isoTime(instant(now - dayMs))),
    notAfterDate: new Date(isoTime(instant(now + validMs))),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      {
        name: "subjectAltName",
        altNames: hosts.flatMap((host) => [
          { type: 2, value: host },
          { type: 2, value: `${host}.cluster.local` },
        ]),
      },
    ],
  });
  return { cert: `${cert.trimEnd()}\n`, key: `${key.trimEnd()}\n` };
}
