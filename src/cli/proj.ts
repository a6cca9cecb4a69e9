import { Command } from "commander";
import { listEditCommands } from "./proj/lists.ts";
import { createCommand, deleteCommand, editCommand, getCommand, listCommand, setCommand } from "./proj/projects.ts";
import { roleCommand } from "./proj/roles.ts";
import { sourceIntegrityCommand } from "./proj/source-integrity.ts";
import { windowsCommand } from "./proj/windows.ts";

/** `tiphys proj …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.6). */
export function projCommand(): Command {
  const command = new Command("proj").description("AppProjects: what Applications may do").helpCommand(false);
  const all = [createCommand(), listCommand(), getCommand(), setCommand(), editCommand(), deleteCommand()];
  for (const sub of [...all, ...listEditCommands(), roleCommand(), windowsCommand(), sourceIntegrityCommand()])
    command.addCommand(sub);
  return command;
}
