import { type Command, InvalidArgumentError } from "commander";
import { EngineError } from "../base/errors.ts";

/** How many of something, as a flag says it: 1 to 1000. */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError(`"${text}" must be 1 to 1000.`);
}

/** A port to listen on; 0: any free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError(`"${text}" is not a port (0 to 65535).`);
}

/**
 * For a command that changes what its flags name. `besides`: those that only say where, by their attributes.
 * @throws EngineError USAGE when none was given
 */
export function requireChange(command: Command, besides: readonly string[] = []): void {
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === "cli" && !besides.includes(name);
  if (command.options.some((option) => isGiven(option.attributeName()))) return;
  throw new EngineError("USAGE", "no flag says what to change");
}
