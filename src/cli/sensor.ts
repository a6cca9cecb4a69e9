import { Command } from "commander";
import { getCommand, listCommand, statusCommand } from "./sensor/running.ts";
import { testCommand } from "./sensor/test.ts";

/** `tiphys sensor list|get|status|test` */
export function sensorCommand(): Command {
  const command = new Command("sensor")
    .description("Sensors: those that run, and tests before they do")
    .helpCommand(false);
  for (const sub of [listCommand(), getCommand(), statusCommand(), testCommand()]) command.addCommand(sub);
  return command;
}
