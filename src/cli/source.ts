import { Command } from "commander";
import { testCommand } from "./source/test.ts";

/** `tiphys source test` */
export function sourceCommand(): Command {
  return new Command("source")
    .description("Try EventSources before an engine runs them")
    .helpCommand(false)
    .addCommand(testCommand());
}
