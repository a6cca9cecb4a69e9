import { Command } from "commander";
import { testCommand } from "./sensor/test.ts";

/** `tiphys sensor test` */
export function sensorCommand(): Command {
  return new Command("sensor").description("Try Sensors before they act").helpCommand(false).addCommand(testCommand());
}
