import { parseApplication } from "../api/application.ts";
import type { Application } from "../api/application-types.ts";
import type { Manifest } from "../api/manifest.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";

/**
 * The Application that a manifest of a file is; `object` in place of what the file says, where more is known.
 * @throws EngineError MANIFEST_INVALID that names `file:line`
 */
export function applicationAt({ file, line, object: written }: Manifest, object: JsonObject = written): Application {
  try {
    return parseApplication(object).resource;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, `${file}:${line}: ${error.message}`, error);
  }
}
