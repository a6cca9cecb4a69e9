import { compare, hash as hashOf } from "bcryptjs";

/** As new passwords are stored: 2^10 rounds, some 60 ms. */
const defaultCost = 10;
/** A hash that somebody made with more is not tried: it would take seconds. */
const maxCost = 14;
/** What bcrypt reads of a password; the end of a longer one would not count. */
export const maxPasswordBytes = 72;

const form = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** `$2b$10$…` of a password of at most 72 bytes; other work goes on meanwhile. */
export function hashPassword(password: string, cost = defaultCost): Promise<string> {
  return hashOf(password, cost);
}

/** Whether `hash` was made of the password. Anything that is no bcrypt hash, or costs too much, is that of no password. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const cost = Number(form.exec(hash)?.[1]);
  if (!(cost >= 4 && cost <= maxCost) || Buffer.byteLength(password) > maxPasswordBytes) return false;
  return compare(password, hash);
}
