import { stat } from "node:fs/promises";
import { Command } from "commander";
import { TerminalError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { formatYaml } from "../base/yaml.ts";
import { collected } from "./app/options.ts";
import { globalFlags } from "./engine-client.ts";
import { print } from "./output.ts";
import { readDeclared, withDeclaredFlags } from "./render/declared.ts";
import { createExplanation } from "./render/explain.ts";
import { collectNamed, parseKubeVersion, type RenderFlags } from "./render/flags.ts";
import { renderApplications, renderFolder } from "./render/render-source.ts";
import { openRenderer } from "./render/renderer.ts";
import { withRenderingFlags } from "./rendering-flags.ts";

/** `tiphys render PATH|APP.yaml`: what a source says, without an engine and without a cluster. */
export function renderCommand(): Command {
  const command = new Command("render")
    .description(
      "The manifests of a folder (a chart, a kustomization, jsonnet or plain files), or of the Applications in a file.\n" +
        "Exit code: 0 rendered, 1 the source is wrong, 2 a tool is missing or the input cannot be read.",
    )
    .argument("<path|app.yaml>", "a folder, or a file with Applications; with --repo a folder of the repository")
    .option("--helm-values <file>", "a file with values, later ones win (repeatable)", collected, [])
    .option("--helm-set <name=value>", "a value that wins over all files (repeatable)", collectNamed, [])
    .option("--release-name <name>", "of the Helm release (default: the Application's or the folder's name)")
    .option("--namespace <namespace>", "the destination's")
    .option("--kustomize-image <image>", "[old=]new[:tag|@digest] (repeatable)", collected, [])
    .option("--jsonnet-tla <name=value>", "a top-level argument (repeatable)", collectNamed, [])
    .option("--revision <revision>", "branch, tag or commit instead of the working tree")
    .option("--repo <url>", "the repository that the path is in")
    .option("--project <name>", "whose credentials count with --repo", "default")
    .option("--kube-version <version>", "the cluster's version that charts see", parseKubeVersion)
    .option("--api-version <version>", "an API version of the cluster that charts see (repeatable)", collected, [])
    .option("--explain", "what was read, the key and the time of each step, on standard error", false);
  return withDeclaredFlags(withRenderingFlags(command)).action(
    async (path: string, flags: RenderFlags, self: Command) => {
      const { dataDir, output } = globalFlags(self);
      await using renderer = await openRenderer(flags, dataDir, await readDeclared(flags));
      const explanation = createExplanation();
      const isFile = flags.repo === undefined && (await isApplicationFile(path));
      const render = isFile ? renderApplications : renderFolder;
      try {
        const manifests = await render(path, flags, renderer, flags.explain ? explanation : undefined);
        print({ ...globalFlags(self), output: output === "yaml" ? "text" : output }, manifests, {
          text: (all) => all.map((one) => `---\n${formatYaml(one)}`).join(""),
          name: (all) => all.map(nameOf).join("\n"),
        });
      } finally {
        if (flags.explain) process.stderr.write(`${explanation.text()}\n`);
      }
    },
  );
}

async function isApplicationFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) return found.isFile();
  throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" is neither a folder nor a file`);
}

/** As `kubectl -o name`: `deployment.apps/web`. */
function nameOf({ apiVersion, kind, metadata }: JsonObject): string {
  const [version = "", plain] = String(apiVersion).split("/");
  const group = plain === undefined ? "" : `.${version}`;
  const { name = "", generateName = "" } = (metadata ?? {}) as {
    readonly name?: string;
    readonly generateName?: string;
  };
  return `${String(kind).toLowerCase()}${group}/${name || generateName}`;
}
