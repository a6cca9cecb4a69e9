import { type Instant, instant } from "../base/clock.ts";
import { parseCron } from "../base/cron.ts";
import { parseDuration } from "../base/duration.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { findTimeZone } from "../base/time-zone.ts";
import { errorAt, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import type { ResourceMeta } from "./resources.ts";

const maxDescription = 255;

/**
 * What the original refuses when an AppProject is saved through its API (spec argo-cd-surface 2.11): warnings, since
 * `kubectl` passes that by. Its CRD refuses a description that is too long, so that this one is an error.
 */
export function projectProblems(metadata: ResourceMeta, spec: JsonObject): Problem[] {
  const problems: Problem[] = [];
  if (isTooLong(spec.description)) {
    problems.push(errorAt("spec.description", `must have at most ${maxDescription} characters`));
  }
  problems.push(...patternProblems(spec));
  for (const [index, role] of listOf(spec.roles).map(objectOf).entries()) {
    problems.push(...roleProblems(role, metadata.name, `spec.roles[${index}]`));
  }
  const roles = listOf(spec.roles).map((role) => textOf(objectOf(role).name));
  problems.push(...duplicates(roles, "spec.roles"));
  const windows = listOf(spec.syncWindows).map(objectOf);
  problems.push(...windows.flatMap((window, index) => windowProblems(window, `spec.syncWindows[${index}]`)));
  problems.push(...duplicates(windows.map(windowKey), "spec.syncWindows", "the same window"));
  return [...problems, ...accountProblems(spec), ...integrityProblems(spec)];
}

/** Kubernetes counts characters, of which one may be two for JavaScript. */
function isTooLong(description: JsonValue | undefined): boolean {
  const text = textOf(description);
  return text.length > maxDescription && Array.from(text).length > maxDescription;
}

function patternProblems(spec: JsonObject): Problem[] {
  const problems: Problem[] = [];
  problems.push(...duplicates(textsOf(spec.sourceRepos), "spec.sourceRepos"));
  problems.push(...duplicates(textsOf(spec.sourceNamespaces), "spec.sourceNamespaces"));
  for (const [index, repo] of textsOf(spec.sourceRepos).entries()) {
    if (repo === "!*") problems.push(warningAt(`spec.sourceRepos[${index}]`, '"!*" denies everything'));
  }
  const destinations = listOf(spec.destinations).map(objectOf);
  problems.push(...duplicates(destinations.map(destinationKey), "spec.destinations"));
  for (const [index, destination] of destinations.entries()) {
    for (const field of ["server", "name", "namespace"]) {
      if (destination[field] !== "!*") continue;
      problems.push(warningAt(`spec.destinations[${index}].${field}`, '"!*" denies everything'));
    }
    if (textOf(destination.server) === "" && textOf(destination.name) === "") {
      problems.push(warningAt(`spec.destinations[${index}]`, "names neither `server` nor `name`: it allows nothing"));
    }
  }
  return problems;
}

function destinationKey({ server, name, namespace }: JsonObject): string {
  return `${textOf(server) || textOf(name)}/${textOf(namespace)}`;
}

const roleName = /^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$/;

function roleProblems(role: JsonObject, project: string, path: string): Problem[] {
  const problems: Problem[] = [];
  const name = textOf(role.name);
  if (!roleName.test(name)) {
    const message = `${JSON.stringify(name)} must be letters and digits, with - and _ between them`;
    problems.push(warningAt(`${path}.name`, message));
  }
  const policies = textsOf(role.policies);
  for (const [index, line] of policies.entries()) {
    const fault = policyFault(line, project, name);
    if (fault) problems.push(warningAt(`${path}.policies[${index}]`, `${JSON.stringify(line)}: ${fault}`));
  }
  problems.push(...duplicates(policies, `${path}.policies`));
  const groups = textsOf(role.groups);
  for (const [index, group] of groups.entries()) {
    const isOdd = group.trim() !== group || group === "" || /[\n\r\t]/.test(group);
    const isQuoted = group.includes('"') && !group.includes(",");
    if (!isOdd && !isQuoted) continue;
    const message = `${JSON.stringify(group)} must be a name without blanks around it, line breaks, tabs or quotes`;
    problems.push(warningAt(`${path}.groups[${index}]`, message));
  }
  const tokens = listOf(role.jwtTokens).map((token) => textOf(objectOf(token).id));
  problems.push(...duplicates(tokens, `${path}.jwtTokens`));
  return [...problems, ...duplicates(groups, `${path}.groups`)];
}

const policyResources = ["applications", "applicationsets", "repositories", "exec", "logs", "clusters"];
const policyActions = ["get", "create", "update", "delete", "sync", "override", "rollback", "*"];

/** What is wrong with a line of a role's policy (2.6). */
function policyFault(line: string, project: string, role: string): string | undefined {
  const fields = line.split(",").map((field) => field.trim());
  const [letter, subject, resource = "", action = "", object = "", effect] = fields;
  if (fields.length !== 6 || letter !== "p") {
    return "must be p, <subject>, <resource>, <action>, <object>, <allow or deny>";
  }
  // An object that is not named yet gets its name later.
  const owner = project === "" ? subject?.split(":")[1] : project;
  if (subject !== `proj:${owner}:${role}`) return `the subject must be proj:${owner}:${role}`;
  if (!policyResources.includes(resource)) return `the resource must be one of ${policyResources.join(", ")}`;
  if (!policyActions.includes(action) && !/^(action|update|delete)\/./.test(action)) {
    return `the action must be one of ${policyActions.join(", ")}, action/…, update/… or delete/…`;
  }
  const [first, ...names] = object.split("/");
  const isNamed = (names.length === 1 || names.length === 2) && names.every((name) => /^[*\w.-]+$/.test(name));
  if (first !== owner || !isNamed) return `the object must be ${owner}/<name> or ${owner}/<namespace>/<name>`;
  return effect === "allow" || effect === "deny" ? undefined : "the effect must be allow or deny";
}

function windowProblems(window: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  if (window.kind !== "allow" && window.kind !== "deny") {
    const value = JSON.stringify(window.kind ?? "");
    problems.push(warningAt(`${path}.kind`, `kind ${value} mismatch: can only be allow or deny`));
  }
  problems.push(...scheduleProblems(textOf(window.schedule), `${path}.schedule`));
  problems.push(...attempt(`${path}.duration`, () => parseDuration(textOf(window.duration))));
  const zone = textOf(window.timeZone);
  problems.push(...attempt(`${path}.timeZone`, () => findTimeZone(zone, `${path}.timeZone`), "; UTC is used"));
  if (isTooLong(window.description)) {
    problems.push(warningAt(`${path}.description`, `must have at most ${maxDescription} characters`));
  }
  const lists = [window.applications, window.clusters, window.namespaces];
  if (lists.every((list) => listOf(list).length === 0)) {
    problems.push(warningAt(path, "must name applications, clusters or namespaces"));
  }
  return problems;
}

/** Any Monday will do: a schedule that is not due within five years from then never is. */
const someTime = instant(Date.UTC(2024, 0, 1));

function scheduleProblems(schedule: string, path: string): Problem[] {
  let next: Instant | undefined;
  const problems = attempt(path, () => {
    next = parseCron(schedule, path).next(someTime, findTimeZone("UTC", path));
  });
  if (problems.length > 0 || next !== undefined) return problems;
  return [warningAt(path, `${JSON.stringify(schedule)} never opens`)];
}

/** Two windows with the same key are one (2.7): what only says how they act does not count. */
function windowKey(window: JsonObject): string {
  const { kind, schedule, duration, timeZone, applications, clusters, namespaces, andOperator } = window;
  const lists = [applications, clusters, namespaces].map((list) => listOf(list));
  return JSON.stringify([kind, schedule, duration, textOf(timeZone) || "UTC", ...lists, andOperator === true]);
}

function accountProblems(spec: JsonObject): Problem[] {
  const rules = listOf(spec.destinationServiceAccounts).map(objectOf);
  const problems = rules.flatMap((rule, index) => {
    const path = `spec.destinationServiceAccounts[${index}]`;
    const denials = ["server", "namespace"].filter((field) => textOf(rule[field]).includes("!"));
    const account = textOf(rule.defaultServiceAccount);
    const isName = account.trim() !== "" && !/[!*[\]{}\\/]/.test(account);
    return [
      ...denials.map((field) => warningAt(`${path}.${field}`, 'must not have "!" in it: there is no denial here')),
      ...(isName ? [] : [warningAt(`${path}.defaultServiceAccount`, `${JSON.stringify(account)} must be a name`)]),
    ];
  });
  const keys = rules.map(({ server, namespace }) => `${textOf(server)}/${textOf(namespace)}`);
  return [...problems, ...duplicates(keys, "spec.destinationServiceAccounts")];
}

const integrityModes = ["none", "head", "strict"];

function integrityProblems(spec: JsonObject): Problem[] {
  const path = "spec.sourceIntegrity.git.policies";
  const policies = listOf(objectOf(objectOf(spec.sourceIntegrity).git).policies).map(objectOf);
  return policies.flatMap((policy, index) => {
    const gpg = objectOf(policy.gpg);
    const mode = textOf(gpg.mode);
    const problems: Problem[] = [];
    if (gpg.mode !== undefined && !integrityModes.includes(mode)) {
      const message = `${JSON.stringify(mode)} must be one of ${integrityModes.join(", ")}`;
      problems.push(warningAt(`${path}[${index}].gpg.mode`, message));
    }
    if ((mode === "head" || mode === "strict") && listOf(gpg.keys).length === 0) {
      problems.push(warningAt(`${path}[${index}].gpg.keys`, "is empty: no commit is trusted"));
    }
    return problems;
  });
}

function attempt(path: string, parse: () => unknown, after = ""): Problem[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { message } = error;
    return [warningAt(path, (message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message) + after)];
  }
}

function duplicates(values: readonly string[], path: string, what?: string): Problem[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (value === "") return [];
    if (seen.has(value)) return [warningAt(`${path}[${index}]`, `${what ?? JSON.stringify(value)} is there twice`)];
    seen.add(value);
    return [];
  });
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}
