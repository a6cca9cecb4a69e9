import { Failure, type Work } from "../work.ts";
import { comparePrereleases, compareVersions, parseVersion, type Version } from "./version.ts";

/** One comparison of a constraint: `>=1.2`, `~1.2.x`. */
interface Constraint {
  readonly operator: string;
  readonly version: Version;
  /** From which part on it is open (`x`, `*` or absent). */
  readonly open: "none" | "major" | "minor" | "patch";
}

const maxLength = 500;

/** Two versions with a dash between them. */
const between =
  /\s*(v?[0-9xX*|][^\s,]*)\s+-\s+(v?[0-9xX*|]+(?:\.[0-9xX*|]+){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)\s*/g;

/** Whether a version is what a constraint asks for: `>=1.2 <2 || ~3.1`. @throws Failure */
export function satisfies(constraint: string, version: string, work: Work): boolean {
  work.spend(constraint.length);
  if (constraint.length > maxLength) throw improper(constraint);
  const alternatives = constraint
    .replace(between, (_all, from: string, to: string) => `>= ${from}, <= ${to} `)
    .split("||")
    .map((alternative) => constraintsOf(alternative, work));
  const wanted = parseVersion(version, work);
  return alternatives.some((all) => all.every((one) => holds(one, wanted)));
}

function improper(constraint: string): Failure {
  return new Failure(`improper constraint: ${constraint}`);
}

const one =
  /\s*(=>|=<|!=|>=|<=|~>|[=<>~^])?\s*v?([0-9xX*|]+)(?:\.([0-9xX*|]+))?(?:\.([0-9xX*|]+))?(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?/y;
const separator = /\s*,\s*|\s+/y;

/** All of them have to hold: they stand beside each other, or with commas between them. */
function constraintsOf(alternative: string, work: Work): Constraint[] {
  const constraints: Constraint[] = [];
  const end = alternative.trimEnd().length;
  for (let at = 0; ; ) {
    one.lastIndex = at;
    const found = one.exec(alternative);
    if (!found) throw improper(alternative);
    constraints.push(parseConstraint(found, work));
    at += found[0].length;
    if (at >= end) return constraints;
    separator.lastIndex = at;
    const separated = separator.exec(alternative)?.[0];
    if (separated === undefined) throw improper(alternative);
    at += separated.length;
  }
}

function isOpen(part: string | undefined): boolean {
  return part === undefined || ["x", "X", "*"].includes(part);
}

function parseConstraint(
  [, operator = "", major, minor, patch, prerelease = ""]: RegExpExecArray,
  work: Work,
): Constraint {
  const open = isOpen(major) ? "major" : isOpen(minor) ? "minor" : isOpen(patch) ? "patch" : "none";
  const numbers = {
    major: "0.0.0",
    minor: `${major}.0.0`,
    patch: `${major}.${minor}.0`,
    none: `${major}.${minor}.${patch}`,
  };
  try {
    return { operator, open, version: parseVersion(numbers[open] + prerelease, work) };
  } catch {
    throw new Failure("constraint Parser Error");
  }
}

/** Versions before a release are taken only by a constraint that names one. */
function holds(constraint: Constraint, version: Version): boolean {
  const { operator, open, version: wanted } = constraint;
  const isBeforeRelease = version.parts.prerelease !== "" && wanted.parts.prerelease === "";
  if (isBeforeRelease && (operator !== "!=" || open !== "none")) return false;
  switch (operator) {
    case "!=":
      return isOther(constraint, version);
    case ">":
      return isGreater(constraint, version);
    case "<":
      return compareVersions(version, wanted) < 0;
    case ">=":
    case "=>":
      return compareVersions(version, wanted) >= 0;
    case "<=":
    case "=<":
      return isAtMost(constraint, version);
    case "~":
    case "~>":
      return isLike(constraint, version);
    case "^":
      return isCompatible(constraint, version);
    default:
      return open === "none" ? compareVersions(version, wanted) === 0 : isLike(constraint, version);
  }
}

function isOther({ version: wanted, open }: Constraint, version: Version): boolean {
  const [a, b] = [version.parts, wanted.parts];
  if (open === "none") return compareVersions(version, wanted) !== 0;
  if (a.major !== b.major) return true;
  if (open === "minor") return false;
  if (a.minor !== b.minor) return true;
  if (open === "major") return compareVersions(version, wanted) !== 0;
  const hasPrerelease = a.prerelease !== "" || b.prerelease !== "";
  return hasPrerelease && comparePrereleases(a.prerelease, b.prerelease) !== 0;
}

function isGreater({ version: wanted, open }: Constraint, version: Version): boolean {
  const [a, b] = [version.parts, wanted.parts];
  if (open === "none") return compareVersions(version, wanted) > 0;
  if (a.major !== b.major) return a.major > b.major;
  if (open === "minor") return false;
  return open === "patch" ? a.minor > b.minor : compareVersions(version, wanted) > 0;
}

function isAtMost({ version: wanted, open }: Constraint, version: Version): boolean {
  const [a, b] = [version.parts, wanted.parts];
  if (open === "none") return compareVersions(version, wanted) <= 0;
  if (a.major !== b.major) return a.major < b.major;
  return open === "minor" || a.minor <= b.minor;
}

/** `~1.2`: the same minor version, or major one where that is all it names. */
function isLike({ version: wanted, open }: Constraint, version: Version): boolean {
  const [a, b] = [version.parts, wanted.parts];
  if (compareVersions(version, wanted) < 0) return false;
  const isZero = b.major === 0n && b.minor === 0n && b.patch === 0n;
  if (isZero && (open === "none" || open === "major")) return true;
  return a.major === b.major && (open === "minor" || a.minor === b.minor);
}

/** `^1.2`: nothing changes left of the first number that is not 0. */
function isCompatible({ version: wanted, open }: Constraint, version: Version): boolean {
  const [a, b] = [version.parts, wanted.parts];
  if (compareVersions(version, wanted) < 0 || a.major !== b.major) return false;
  if (b.major > 0n || open === "minor") return true;
  if (a.minor !== b.minor) return false;
  return b.minor > 0n || open === "patch" || a.patch === b.patch;
}
