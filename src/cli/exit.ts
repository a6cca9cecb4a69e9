import { type ErrorCode, errorCodes } from "../base/error-codes.ts";
import { EngineError, messageOf, remedyOf } from "../base/errors.ts";

/** INTERFACE: 0 done, 1 the answer is no, 2 usage or unreadable input, 3 engine unreachable or refused. */
const byCode: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 2,
  CONTENT_TYPE_REFUSED: 2,
  ENGINE_UNREACHABLE: 3,
  FORBIDDEN: 3,
  HOST_REFUSED: 3,
  LEASE_LOST: 3,
  MANIFEST_INVALID: 1,
  MANIFEST_UNREADABLE: 2,
  NOT_FOUND: 1,
  REPLAY_BUSY: 3,
  TOOL_MISSING: 2,
  TOO_MANY_LOGINS: 3,
  UNAUTHORIZED: 3,
  DATA_DIR_LOCKED: 3,
  DATA_DIR_UNUSABLE: 2,
  USAGE: 2,
};

/** `error` with the exit code that its command promises, where that is not the one of the table. */
export function exitingWith(exitCode: number, error: Error): Error {
  return Object.assign(error, { exitCode });
}

/** `error` with a second line of its own, where that of the catalogue would lead nowhere. */
export function withRemedy(remedy: string, error: Error): Error {
  return Object.assign(error, { remedy });
}

export function ownRemedyOf(error: unknown): string | undefined {
  return error instanceof Error && "remedy" in error && typeof error.remedy === "string" ? error.remedy : undefined;
}

/** Two lines: what, and what to do next. */
export function errorText(error: unknown): string {
  const remedy =
    ownRemedyOf(error) ?? remedyOf(error) ?? "This was not expected: look at the engine's log, and report it.";
  return `error: ${messageOf(error)}\n${remedy}\n`;
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") return error.exitCode;
  return error instanceof EngineError ? (byCode[error.code] ?? 1) : 1;
}

/** The code of an error that came over the API, where it is one of ours. */
export function knownCode(code: unknown): ErrorCode | undefined {
  return typeof code === "string" && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
}
