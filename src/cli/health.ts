import { Command } from "commander";
import { assessCommand } from "./health/assess.ts";
import { testCommand } from "./health/test.ts";

/** `tiphys health test|assess` */
export function healthCommand(): Command {
  return new Command("health")
    .description("Checks of health, tried before they count")
    .helpCommand(false)
    .addCommand(testCommand())
    .addCommand(assessCommand());
}
