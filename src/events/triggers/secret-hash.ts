import { createHash } from "node:crypto";

/** By which a change of a secret is seen, in plans and in keys of connections; 16 hexadecimal digits. */
export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex").slice(0, 16);
}
