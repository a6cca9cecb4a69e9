import type { Command } from "commander";
import { objectOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";

export function specOf(project: JsonObject): JsonObject {
  return objectOf(project.spec);
}

/** @throws EngineError USAGE for what no key of GPG is called */
export function signatureKeyOf(keyID: string): JsonObject {
  if (/^(?:[0-9A-F]{16}|[0-9A-F]{40})$/.test(keyID)) return { keyID };
  const message = `"${keyID}" is not a valid GnuPG key ID: it must have 16 or 40 hexadecimal digits in capitals`;
  throw new EngineError("USAGE", message);
}

export function readProject(name: string, self: Command): Promise<JsonObject> {
  return openControlClient(globalFlags(self)).get(at("/projects", name));
}

/** Reads the project, and writes the spec that `change` makes of its own if that is another. */
export async function changeProject(
  name: string,
  self: Command,
  change: (spec: JsonObject) => JsonObject,
): Promise<void> {
  const client = openControlClient(globalFlags(self));
  const project = await client.get(at("/projects", name));
  const spec = change(specOf(project));
  if (JSON.stringify(spec) !== JSON.stringify(project.spec)) {
    await client.put(at("/projects", name), { project: { ...project, spec } });
  }
}
