import { pino } from "pino";

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * A constant message and fields, never a built sentence. error: someone must act; warn: the system coped;
 * info: lifecycle; debug: the rest.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

type LogLevel = "error" | "warn" | "info" | "debug" | "silent";

/** A logger that writes JSON lines to `file` descriptor (default 2: standard error). */
export function createLogger(level: LogLevel, file = 2): Logger {
  return wrap(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination({ fd: file, sync: true }),
    ),
  );
}

export const silentLogger: Logger = {
  error: ignore,
  warn: ignore,
  info: ignore,
  debug: ignore,
  child: () => silentLogger,
};

function ignore(): void {
  // A logger that says nothing.
}

function wrap(inner: ReturnType<typeof pino>): Logger {
  const at =
    (level: "error" | "warn" | "info" | "debug") =>
    (message: string, fields?: LogFields): void => {
      if (fields === undefined) inner[level](message);
      else inner[level](withPlainErrors(fields), message);
    };
  return {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    child: (fields) => wrap(inner.child(fields)),
  };
}

/** Errors are logged as their message and code: stacks of expected failures are noise, and causes may hold bodies. */
function withPlainErrors(fields: LogFields): LogFields {
  const error = fields.error;
  if (!(error instanceof Error)) return fields;
  const code = "code" in error ? { code: error.code } : {};
  return { ...fields, error: error.message, ...code };
}
