import { satisfies } from "./go-template/sprig/constraints.ts";
import { compareVersions, parseVersion, type Version } from "./go-template/sprig/version.ts";
import { defaultLimits, Failure, Work } from "./go-template/work.ts";

// Versions and ranges as Masterminds' semver 3 reads them: `v1.2` is 1.2.0, and `>=1.2 <2 || ~3.1` is a range.

/** The highest of the versions within the range, as it is written; what is no version counts for nothing. */
export function highestInRange(range: string, versions: Iterable<string>): string | undefined {
  let highest: { readonly text: string; readonly version: Version } | undefined;
  for (const text of versions) {
    const version = versionOf(text);
    if (version === undefined || !isInRange(range, text)) continue;
    if (highest === undefined || compareVersions(version, highest.version) > 0) highest = { text, version };
  }
  return highest?.text;
}

/** Whether two texts are the same version: `v1.2` and `1.2.0`. Metadata does not count. */
export function isSameVersion(a: string, b: string): boolean {
  const [left, right] = [versionOf(a), versionOf(b)];
  return left !== undefined && right !== undefined && compareVersions(left, right) === 0;
}

/** False for what is no version, or no range. */
function isInRange(range: string, version: string): boolean {
  try {
    return satisfies(range, version, new Work(defaultLimits, new Map()));
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function versionOf(text: string): Version | undefined {
  try {
    return parseVersion(text, new Work(defaultLimits, new Map()));
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
