import { Command } from "commander";
import * as repocreds from "./repo/repocreds.ts";
import * as repositories from "./repo/repositories.ts";

/** `tiphys repo …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.5). */
export function repoCommand(): Command {
  const command = new Command("repo").description("Repositories and their credentials").helpCommand(false);
  const all = [
    repositories.addCommand(),
    repositories.listCommand(),
    repositories.getCommand(),
    repositories.removeCommand(),
  ];
  for (const sub of all) command.addCommand(sub);
  return command;
}

/** `tiphys repocreds …` */
export function repocredsCommand(): Command {
  const command = new Command("repocreds")
    .description("Credentials for all repositories below a URL")
    .helpCommand(false);
  for (const sub of [repocreds.addCommand(), repocreds.listCommand(), repocreds.removeCommand()])
    command.addCommand(sub);
  return command;
}
