import { stat } from "node:fs/promises";
import { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import type { Comparison } from "../gitops/diff/compare.ts";
import { unappliedRules } from "../gitops/reconcile/unapplied-rules.ts";
import { compareWithLive } from "./diff/against-live.ts";
import { compareWithFolder, compareWithRevision } from "./diff/against-manifests.ts";
import { changedObjects, diffText } from "./diff/changes.ts";
import { readApplicationFile } from "./diff/desired.ts";
import { globalFlags } from "./engine-client.ts";
import { exitingWith } from "./exit.ts";
import { print } from "./output.ts";
import { clusterSettings, type DeclaredFlags, readDeclared, withDeclaredFlags } from "./render/declared.ts";
import { type RenderingFlags, withRenderingFlags } from "./rendering-flags.ts";

interface Flags extends RenderingFlags, DeclaredFlags {
  readonly against: string;
  readonly kubeconfig?: string;
}

/** As `argocd app diff`. */
const exitCodes = { same: 0, differs: 1, failed: 20 } as const;

/** `tiphys diff APP.yaml --against live|REVISION|DIR`: needs no engine; against live, a cluster. */
export function diffCommand(): Command {
  const command = new Command("diff")
    .description(
      "What an Application says (+) against what is (-), object by object.\n" +
        "Exit code: 0 the same, 1 differs, 2 wrong arguments, 20 an error.",
    )
    .argument("<app.yaml>", "a file with one Application")
    .option("--against <base>", "live, a revision of its repositories, or a folder of manifests", "live")
    .option("--kubeconfig <file>", "the cluster: default KUBECONFIG, else that of the engine on the data directory");
  return withDeclaredFlags(withRenderingFlags(command), clusterSettings).action(
    async (file: string, flags: Flags, self: Command) => {
      const comparison = await compare(file, flags, globalFlags(self).dataDir).catch((error: unknown) => {
        const isOurs = error instanceof Error && !(error instanceof EngineError && error.code === "USAGE");
        throw isOurs ? exitingWith(exitCodes.failed, error) : error;
      });
      for (const { message } of unappliedRules(comparison)) process.stderr.write(`warning: ${message}\n`);
      const changes = changedObjects(comparison);
      print(globalFlags(self), changes, {
        text: diffText,
        name: (all) => all.map(({ kind, name }) => `${kind}/${name}`).join("\n"),
      });
      process.exitCode = changes.length > 0 ? exitCodes.differs : exitCodes.same;
    },
  );
}

async function compare(file: string, flags: Flags, dataDir: string): Promise<Comparison> {
  const { against } = flags;
  const declared = await readDeclared(flags);
  const application = await readApplicationFile(file);
  if (against === "live") {
    const { kubeconfig = process.env.KUBECONFIG } = flags;
    return compareWithLive(application, { kubeconfig, dataDir, declared, flags });
  }
  const isFolder = (await stat(against).catch(() => undefined))?.isDirectory() === true;
  return (isFolder ? compareWithFolder : compareWithRevision)(application, against, { declared, flags, dataDir });
}
