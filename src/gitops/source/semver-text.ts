// What text means to Masterminds' semver, which the original uses (spec argo-cd-engine 7.8): only what it is, not what it
// selects. A leading `x`, there the same as `*`, is a name here: `x-ray` is a branch.

const version = /^v?\d+(?:\.\d+){0,2}(?:-[\dA-Za-z.-]+)?(?:\+[\dA-Za-z.-]+)?$/;
const partial = /^v?(?:\d+|\*)(?:\.(?:\d+|[xX*])){0,2}(?:-[\dA-Za-z.-]+)?(?:\+[\dA-Za-z.-]+)?$/;
const operator = /^(?:[<>]=|=[<>]|[=<>]|!=|~>|~|\^)/;

/** One version, such as `v1.2` or `1.2.0-rc.1`: it names one tag. */
export function isSemverVersion(text: string): boolean {
  return version.test(text);
}

/** A range of versions, such as `1.*`, `>=1.0 <2`, `^1 || ~2.3`: the highest tag in it counts. */
export function isSemverConstraint(text: string): boolean {
  return !isSemverVersion(text) && text.split("||").every(isRange);
}

function isRange(text: string): boolean {
  // An operator may stand apart from its version.
  const words = text
    .replace(/([=<>~^])\s+/g, "$1")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  const [from = "", dash, to = ""] = words;
  if (words.length === 3 && dash === "-") return partial.test(from) && partial.test(to);
  return words.length > 0 && words.every((word) => partial.test(word.replace(operator, "")));
}
