import { readFile } from "node:fs/promises";
import { parseAppProject } from "../../api/app-project.ts";
import type { Application, AppProject } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { manifestText, parseManifests } from "../../api/manifest.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { whyUnreadable } from "../../base/unreadable.ts";
import { applicationAt } from "../application-at.ts";

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
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${whyUnreadable(error)}`, error);
  }
  const all = parseManifests(manifestText(content, file), file);
  const found = all.filter(({ object: { kind } }) => kind === "Application");
  const [manifest] = found;
  if (manifest === undefined || found.length > 1) {
    throw new EngineError("USAGE", `"${file}" holds ${found.length} Applications: a plan is of one`);
  }
  const { object } = manifest;
  const { namespace = "argocd", ...metadata } = objectOf(object.metadata);
  const named = { ...object, metadata: { namespace, ...metadata }, operation: { sync } };
  const projects = all.filter((one) => one.object.kind === "AppProject");
  return {
    application: applicationAt(manifest, named),
    projects: projects.map((one) => parseAppProject(one.object).resource),
  };
}
