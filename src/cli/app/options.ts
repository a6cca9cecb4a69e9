import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";

/** For an option that may be repeated. */
export function collected(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** `--flag` and `--no-flag`; `--flag=true` and `--flag=false` are read as these. Undefined: not given. */
export function addSwitch(command: Command, flag: string, description: string): Command {
  return command.option(`--${flag}`, description).addOption(new Option(`--no-${flag}`).hideHelp());
}

export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" must be a whole number, 0 or more.`);
}

/** Milliseconds of a Go duration that is not negative. */
export function parsePause(text: string): number {
  const ms = durationOf(text);
  if (ms >= 0) return ms;
  throw new InvalidArgumentError(`"${text}" must not be negative.`);
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof EngineError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

/** Flags of the original that ask for what is not there: refused by name, whatever else is given. */
export function refuseFlags(command: Command, flags: readonly string[], reason: string): Command {
  for (const flag of flags) {
    const option = new Option(flag, "not supported").hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw new EngineError("USAGE", `${option.long} is not supported: ${reason}`);
    });
  }
  return command;
}
