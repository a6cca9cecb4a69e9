import { GoInt, GoStruct, type Value } from "../values.ts";
import { Failure, type Work } from "../work.ts";

const maxLength = 1_000;
const maxSegment = 2n ** 64n - 1n;

interface VersionParts {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;
}

/** A semantic version, as Masterminds semver 3 reads it: `v1.2` is 1.2.0. */
export class Version extends GoStruct {
  readonly type: string;
  readonly kind: "ptr" | "struct";
  readonly parts: VersionParts;

  constructor(parts: VersionParts, isPointer = true) {
    super();
    this.parts = parts;
    this.type = isPointer ? "*semver.Version" : "semver.Version";
    this.kind = isPointer ? "ptr" : "struct";
  }

  text(): string {
    const { major, minor, patch, prerelease, metadata } = this.parts;
    return `${major}.${minor}.${patch}${prerelease && `-${prerelease}`}${metadata && `+${metadata}`}`;
  }

  json(): string {
    return this.text();
  }

  get(name: string): Value | undefined {
    const { major, minor, patch, prerelease, metadata, original } = this.parts;
    switch (name) {
      case "Major":
        return new GoInt("uint64", major);
      case "Minor":
        return new GoInt("uint64", minor);
      case "Patch":
        return new GoInt("uint64", patch);
      case "Prerelease":
        return prerelease;
      case "Metadata":
        return metadata;
      case "Original":
        return this.kind === "ptr" ? original : undefined;
      case "String":
        return this.text();
      case "IncMajor":
        return this.#next(major + 1n, 0n, 0n);
      case "IncMinor":
        return this.#next(major, minor + 1n, 0n);
      case "IncPatch":
        return this.#next(major, minor, prerelease === "" ? patch + 1n : patch);
      default:
        return undefined;
    }
  }

  #next(major: bigint, minor: bigint, patch: bigint): Version {
    const prefix = this.parts.original.startsWith("v") ? "v" : "";
    const original = `${prefix}${major}.${minor}.${patch}`;
    return new Version({ major, minor, patch, prerelease: "", metadata: "", original }, false);
  }
}

const shape =
  /^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** @throws Failure */
export function parseVersion(source: string, work: Work): Version {
  work.spend();
  const found = source.length > maxLength ? null : shape.exec(source);
  if (!found) throw new Failure("Invalid Semantic Version");
  const [, major = "0", minor = "0", patch = "0", prerelease = "", metadata = ""] = found;
  if (prerelease.split(".").some((part) => /^0[0-9]+$/.test(part))) {
    throw new Failure("Version segment starts with 0");
  }
  const numbers = { major: segment(major), minor: segment(minor), patch: segment(patch) };
  return new Version({ ...numbers, prerelease, metadata, original: source });
}

function segment(digits: string): bigint {
  const value = BigInt(digits);
  if (value > maxSegment) throw new Failure(`Error parsing version segment: ${digits} is out of range`);
  return value;
}

/** Negative, zero or positive. Metadata does not count. */
export function compareVersions({ parts: a }: Version, { parts: b }: Version): number {
  for (const part of ["major", "minor", "patch"] as const) if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === "") return 1;
  return b.prerelease === "" ? -1 : comparePrereleases(a.prerelease, b.prerelease);
}

/** Numbers come before words, and a part that is missing before one that is there. */
export function comparePrereleases(a: string, b: string): number {
  const [partsA, partsB] = [a.split("."), b.split(".")];
  for (let index = 0; index < Math.max(partsA.length, partsB.length); index++) {
    const order = comparePart(partsA[index] ?? "", partsB[index] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? -1 : 1;
  const [isNumberA, isNumberB] = [isNumber(a), isNumber(b)];
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  if (isNumberA) return BigInt(a) > BigInt(b) ? 1 : -1;
  return a > b ? 1 : -1;
}

function isNumber(part: string): boolean {
  return /^[0-9]+$/.test(part) && BigInt(part) <= maxSegment;
}
