import { createPrivateKey, X509Certificate } from "node:crypto";

/** PEM texts. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

const beginning = "-----BEGIN CERTIFICATE-----";
const end = "-----END CERTIFICATE-----";

/** Undefined when `pem` holds one readable certificate or more, else what is wrong, without the content. */
export function certificateProblem(pem: string): string | undefined {
  const blocks = pem.split(beginning).slice(1);
  if (blocks.length === 0) return "holds no PEM certificate";
  for (const block of blocks) {
    const at = block.indexOf(end);
    if (at < 0 || parseCertificate(beginning + block.slice(0, at) + end) === undefined) {
      return "holds a certificate that cannot be read";
    }
  }
  return undefined;
}

/** Undefined when the two belong together, else what is wrong, without the content. */
export function clientCertificateProblem({ cert, key }: ClientCertificate): string | undefined {
  const problem = certificateProblem(cert);
  if (problem !== undefined) return `the client certificate ${problem}`;
  try {
    const parsed = parseCertificate(cert);
    return parsed?.checkPrivateKey(createPrivateKey(key)) ? undefined : "the client key is not that of the certificate";
  } catch {
    // Its error may quote the key.
    return "the client key is no PEM key that can be read without a password";
  }
}

/** The first one of `pem`. */
function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
