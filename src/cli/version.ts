import { readFileSync } from "node:fs";

/** From package.json, which stands two folders up in a checkout and one up in a bundle. */
export function version(): string {
  for (const up of ["../../package.json", "../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as Record<
        string,
        string
      >;
      if (name === "tiphys" && version !== undefined) return version;
    } catch {
      // not there: the next place
    }
  }
  return "unknown";
}
