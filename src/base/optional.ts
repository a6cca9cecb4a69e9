import { TerminalError } from "./errors.ts";

/**
 * A package that few need, and that is installed beside this program by who does: `load` imports it.
 * @throws TerminalError PACKAGE_MISSING that says what to install
 */
export async function optionalPackage<T>(name: string, version: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new TerminalError(
      "PACKAGE_MISSING",
      `this needs the package "${name}": npm install ${name}@${version} where tiphys is installed`,
      error,
    );
  }
}

function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const codes: readonly unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];
  return codes.includes(error.code) && error.message.includes(name);
}
