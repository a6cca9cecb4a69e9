import { TerminalError } from "./errors.ts";

/**
 * A package that only some users need, and that they install themselves beside the program.
 * `wanted` is what `npm install` takes: a name and a range.
 * @throws TerminalError PACKAGE_MISSING, which says what to install
 */
export async function loadOptional<T>(wanted: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw error;
    throw new TerminalError("PACKAGE_MISSING", `an optional package is missing: run \`npm install ${wanted}\``, error);
  }
}
