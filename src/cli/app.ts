import { Command } from "commander";
import { actionsCommand } from "./app/actions.ts";
import { approveCommand } from "./app/approve.ts";
import { createCommand } from "./app/create.ts";
import { deleteCommand } from "./app/delete.ts";
import { diffCommand } from "./app/diff.ts";
import { editCommand } from "./app/edit.ts";
import { getCommand } from "./app/get.ts";
import { historyCommand } from "./app/history.ts";
import { holdCommand } from "./app/hold.ts";
import { listCommand } from "./app/list.ts";
import { logsCommand } from "./app/logs.ts";
import { manifestsCommand } from "./app/manifests.ts";
import { confirmCommand, patchCommand } from "./app/patch.ts";
import { deleteResourceCommand, getResourceCommand, patchResourceCommand } from "./app/resource.ts";
import { resourcesCommand } from "./app/resources.ts";
import { rollbackCommand } from "./app/rollback.ts";
import { sensorCommand } from "./app/sensor.ts";
import { setCommand, unsetCommand } from "./app/set.ts";
import { addSourceCommand, removeSourceCommand } from "./app/sources.ts";
import { syncCommand } from "./app/sync.ts";
import { terminateCommand } from "./app/terminate.ts";
import { waitCommand } from "./app/wait.ts";
import { whyCommand } from "./app/why.ts";

/** `tiphys app …`: names, flags, columns and exit codes of Argo CD's (spec argo-cd-surface 5.2). */
export function appCommand(): Command {
  const command = new Command("app")
    .description("Make, list, show, sync, change and delete Applications")
    .helpCommand(false);
  const all = [
    ...[createCommand(), listCommand(), getCommand(), syncCommand(), waitCommand(), diffCommand(), historyCommand()],
    ...[rollbackCommand(), terminateCommand(), setCommand(), unsetCommand(), editCommand(), patchCommand()],
    ...[deleteCommand(), confirmCommand(), addSourceCommand(), removeSourceCommand(), manifestsCommand()],
    ...[resourcesCommand(), getResourceCommand(), patchResourceCommand(), deleteResourceCommand(), actionsCommand()],
    ...[logsCommand(), sensorCommand(), whyCommand(), holdCommand(), approveCommand()],
  ];
  for (const sub of all) command.addCommand(sub);
  return command;
}
