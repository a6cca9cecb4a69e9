import { Command } from "commander";
import { planCommand } from "./sync/plan.ts";

/** `tiphys sync …`: what a sync would do; needs no engine. */
export function syncCommand(): Command {
  return new Command("sync")
    .description("What a sync would do, before it does it")
    .helpCommand(false)
    .addCommand(planCommand());
}
