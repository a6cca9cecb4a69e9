import { Command } from "commander";
import { getCommand } from "./app/get.ts";
import { listCommand } from "./app/list.ts";
import { sensorCommand } from "./app/sensor.ts";
import { syncCommand } from "./app/sync.ts";

/** `tiphys app list|get|sync|sensor`: names, flags, columns and exit codes of Argo CD's (spec argo-cd-surface 5.2). */
export function appCommand(): Command {
  const command = new Command("app").description("List, show and sync Applications").helpCommand(false);
  for (const sub of [listCommand(), getCommand(), syncCommand(), sensorCommand()]) command.addCommand(sub);
  return command;
}
