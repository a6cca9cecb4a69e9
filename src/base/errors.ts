import { type ErrorCode, errorCodes } from "./error-codes.ts";

/**
 * The base of every error of ours. Thrown as it is, it is transient: whoever loops retries it with back-off.
 * `message` says what was wrong, the value in quotes and what was expected; never secrets or bodies.
 */
export class EngineError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** Retrying cannot help: the user has to change something. */
export class TerminalError extends EngineError {}

/** Not a failure: look again after `afterMs` milliseconds. */
export class NotYetError extends EngineError {
  readonly afterMs: number;
  constructor(code: ErrorCode, message: string, afterMs: number) {
    super(code, message);
    this.afterMs = afterMs;
  }
}

/** The remedy of the catalogue: the second line of an error on the command line. */
export function remedyOf(error: unknown): string | undefined {
  return error instanceof EngineError ? errorCodes[error.code].remedy : undefined;
}

/** Of anything that can be thrown; does not throw. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return "an error that cannot be shown"; // it has no text, or throws when asked for it
  }
}

/** For the end of a `switch` over a union: a case that was forgotten does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
