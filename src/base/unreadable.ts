import { resolve } from "node:path";
import { messageOf } from "./errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "a part of its path is no folder",
  EISDIR: "it is a folder, not a file",
  EACCES: "you may not read it",
  EPERM: "you may not read it",
  ELOOP: "its links lead in a circle",
};

/**
 * Why a file or folder cannot be read, in words: those of the system name calls that nobody made. `named`: what the message
 * names already; another file that is in the way is told.
 */
export function whyUnreadable(error: unknown, named?: string): string {
  const { code = "", path } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (!Object.hasOwn(reasons, code)) return messageOf(error);
  const other = named === undefined || path === undefined || resolve(path) === resolve(named) ? "" : ` (${path})`;
  return `${reasons[code]}${other}`;
}
