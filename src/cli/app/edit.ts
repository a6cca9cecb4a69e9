import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { formatYaml, parseYaml } from "../../base/yaml.ts";
import { globalFlags } from "../engine-client.ts";
import { specOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";

/** `tiphys app edit APPNAME` */
export function editCommand(): Command {
  return new Command("edit")
    .description("Opens the spec in $EDITOR; nothing is sent when it is unchanged")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly appNamespace?: string }, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      const found = await client.get(parseAppName(text, flags.appNamespace));
      const { name = "", namespace = "" } = found.metadata;
      await editObject(specOf(found), async (spec) => {
        await client.updateSpec({ name, namespace }, spec, true);
      });
    });
}

/** So often an input that is refused is opened again. */
const maxTurns = 20;

/** Opens it as YAML, and hands on what became of it; what is refused is opened again with the reason on top. */
export async function editObject(object: JsonObject, send: (object: JsonObject) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tiphys-edit-"));
  try {
    const before = formatYaml(object);
    let text = before;
    for (let turn = 1; turn <= maxTurns; turn++) {
      const after = edited(join(folder, "edit.yaml"), text);
      if (withoutComments(after) === withoutComments(before)) {
        process.stderr.write("Edit cancelled, no changes made.\n");
        return;
      }
      if (turn > 1 && after === text)
        throw new EngineError("MANIFEST_INVALID", "the edit was given up: it is not valid");
      try {
        await send(objectIn(after));
        return;
      } catch (error) {
        const reason = messageOf(error).replaceAll("\n", "\n# ");
        text = `# ${reason}\n${withoutComments(after)}`;
      }
    }
    throw new EngineError("MANIFEST_INVALID", `the edit was given up after ${maxTurns} turns`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function edited(file: string, text: string): string {
  writeFileSync(file, text, { mode: 0o600 });
  const [program = "vi", ...args] = (process.env.EDITOR ?? "vi").split(/\s+/).filter((word) => word !== "");
  const { error, status } = spawnSync(program, [...args, file], { stdio: "inherit" });
  if (error) throw new EngineError("TOOL_MISSING", `the editor "${program}" cannot be run: ${error.message}`, error);
  if (status !== 0) throw new EngineError("CONFIG_INVALID", `the editor "${program}" ended with ${status}`);
  return readFileSync(file, "utf8");
}

function withoutComments(text: string): string {
  return text.replaceAll(/^#.*\n/gm, "");
}

function objectIn(text: string): JsonObject {
  const [object, ...more] = parseYaml(text);
  if (more.length === 0 && isJsonObject(object)) return object;
  throw new EngineError("MANIFEST_INVALID", "this must be one object");
}
