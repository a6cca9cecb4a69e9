// Makes `npx tiphys` find this checkout: npm links the programs of dependencies, not the package's own.
// Plain JavaScript without dependencies, since `npm ci` runs it with whatever Node.js there is.
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "node_modules", ".bin");

if (existsSync(join(root, "node_modules"))) {
  mkdirSync(folder, { recursive: true });
  if (process.platform === "win32") {
    writeFileSync(join(folder, "tiphys.cmd"), '@node "%~dp0\\..\\..\\bin\\tiphys.js" %*\r\n');
  } else {
    const link = join(folder, "tiphys");
    rmSync(link, { force: true });
    symlinkSync(join("..", "..", "bin", "tiphys.js"), link);
  }
}
