import { createHmac, timingSafeEqual } from "node:crypto";

export type HmacAlgorithm = "sha1" | "sha256" | "sha512";

/** Whether `given` is the HMAC of `payload` under `secret`, in the same time whatever differs. */
export function isHmac(
  given: Uint8Array,
  algorithm: HmacAlgorithm,
  secret: string | Uint8Array,
  payload: string | Uint8Array,
): boolean {
  const wanted = createHmac(algorithm, secret).update(payload).digest();
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** `sha256=<hex>`, as GitHub and Bitbucket write it. Undefined for anything else. */
export function parseHubSignature(text: string): { algorithm: HmacAlgorithm; digest: Buffer } | undefined {
  const match = /^(sha1|sha256|sha512)=((?:[0-9a-f]{2})+)$/i.exec(text);
  if (!match?.[1] || !match[2]) return undefined;
  return { algorithm: match[1].toLowerCase() as HmacAlgorithm, digest: Buffer.from(match[2], "hex") };
}
