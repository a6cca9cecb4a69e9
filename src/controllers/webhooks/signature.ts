import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HookRequest } from "./webhook.ts";

/** Whether both texts are the same; takes the same time wherever they differ. */
export function isSameText(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/**
 * Whether `given` is the HMAC of the body, in hexadecimal, behind `algorithm=` where `isPrefixed`. Upper case counts, too.
 */
export function isSigned(
  { body }: HookRequest,
  given: string,
  secret: string,
  {
    algorithm = "sha256",
    isPrefixed = true,
  }: { readonly algorithm?: "sha1" | "sha256"; readonly isPrefixed?: boolean },
): boolean {
  const hex = createHmac(algorithm, secret).update(body).digest("hex");
  return isSameText(given.toLowerCase(), isPrefixed ? `${algorithm}=${hex}` : hex);
}
