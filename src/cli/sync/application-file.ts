import { readFile } from "node:fs/promises";
import { parseAppProject } from "../../api/app-project.ts";
import { parseApplication } from "../../api/application.ts";
import type { Application, AppProject } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { parseManifests } from "../../api/manifest.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { whyUnreadable } from "../../base/unreadable.ts";

/** What a file says that a plan needs. */
export interface ApplicationFile {
  readonly application: Application;
  /** Those that stand beside it. */
  readonly projects: readonly AppProject[];
}

/**
 * The one Application of a file, with the operation that a sync by hand would be; `operation.sync` is what the flags ask.
 * @throws EngineError MANIFEST_UNREADABLE, MANIFEST_INVALID; USAGE when the file holds none or several
 */
export async function readApplicationFile(file: string, sync: JsonObject): Promise<ApplicationFile> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${whyUnreadable(error)}`, error);
  }
  const objects = parseManifests(text, file).map(({ object }) => object);
  const found = objects.filter(({ kind }) => kind === "Application");
  const [object] = found;
  if (object === undefined || found.length > 1) {
    throw new EngineError("USAGE", `"${file}" holds ${found.length} Applications: a plan is of one`);
  }
  const { namespace = "argocd", ...metadata } = objectOf(object.metadata);
  const { resource } = parseApplication({ ...object, metadata: { namespace, ...metadata }, operation: { sync } });
  const projects = objects.filter(({ kind }) => kind === "AppProject").map((one) => parseAppProject(one).resource);
  return { application: resource, projects };
}
