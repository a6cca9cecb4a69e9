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
  return new PinoLogger(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination({ fd: file, sync: true }),
    ),
    {},
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

/** Keeps the fields of `child` itself: a child of pino takes over a KiB, and every Sensor and source has one. */
class PinoLogger implements Logger {
  readonly #pino: ReturnType<typeof pino>;
  readonly #fields: LogFields;

  constructor(inner: ReturnType<typeof pino>, fields: LogFields) {
    this.#pino = inner;
    this.#fields = fields;
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino, { ...this.#fields, ...fields });
  }

  #write(level: "error" | "warn" | "info" | "debug", message: string, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level]({ ...this.#fields, ...withPlainErrors(fields) }, message);
  }
}

/** Errors are logged as their message and code: stacks of expected failures are noise, and causes may hold bodies. */
function withPlainErrors(fields: LogFields): LogFields {
  const error = fields.error;
  if (!(error instanceof Error)) return fields;
  const code = "code" in error ? { code: error.code } : {};
  return { ...fields, error: error.message, ...code };
}
