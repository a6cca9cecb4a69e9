import { Command } from "commander";
import { addCommand } from "./cluster/add.ts";
import { getCommand, listCommand, rotateCommand, setCommand } from "./cluster/clusters.ts";
import { removeCommand } from "./cluster/remove.ts";

/** `tiphys cluster …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.4). */
export function clusterCommand(): Command {
  const command = new Command("cluster").description("Clusters that Applications may name").helpCommand(false);
  const all = [addCommand(), listCommand(), getCommand(), setCommand(), removeCommand(), rotateCommand()];
  for (const sub of all) command.addCommand(sub);
  return command;
}
