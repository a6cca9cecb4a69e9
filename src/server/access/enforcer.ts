import { EngineError } from "../../base/errors.ts";
import { memoize } from "../../base/memo.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { compileRegex } from "../../base/regex.ts";
import { type Permission, type Policy, tryPolicy } from "./policy.ts";

export type MatchMode = "glob" | "regex";

/** Whether a subject may do something, by one policy. */
export type Enforcer = (subject: string, resource: string, action: string, object: string) => boolean;

type Effect = "allow" | "deny";

/** Kept per subject, resource and action: lists ask for one object after the other. */
const maxKept = 1_000;

/** Allowed if some line allows and none denies (spec argo-cd-surface 3.1). Groupings lead on from one to the next. */
export function createEnforcer({ permissions, groupings }: Policy, mode: MatchMode): Enforcer {
  const isMatch = mode === "regex" ? matchesRegex : matchesGlob;
  const bySubject = Map.groupBy(permissions, ({ subject }) => subject);
  const roles = Map.groupBy(groupings, ([member]) => member);
  const kept = new Map<string, readonly Permission[]>();

  function linesFor(subject: string, resource: string, action: string): readonly Permission[] {
    const key = JSON.stringify([subject, resource, action]);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const subjects = new Set([subject]);
    for (const member of subjects) for (const [, role] of roles.get(member) ?? []) subjects.add(role);
    const lines = [...subjects]
      .flatMap((one) => bySubject.get(one) ?? [])
      .filter((line) => isMatch(line.resource, resource) && isMatch(line.action, action));
    if (kept.size >= maxKept) kept.clear();
    kept.set(key, lines);
    return lines;
  }
  return (subject, resource, action, object) => {
    const effects = new Set<string>();
    for (const line of linesFor(subject, resource, action)) {
      if (!effects.has(line.effect) && isMatch(line.object, object)) effects.add(line.effect);
    }
    return effects.has("allow" satisfies Effect) && !effects.has("deny" satisfies Effect);
  };
}

/** `*` goes over slashes; one that is malformed fits nothing. */
const globOf = memoize((pattern) => compilePathGlob(pattern, { dialect: "gobwas" }), 10_000);

function matchesGlob(pattern: string, text: string): boolean {
  return pattern === "*" || pattern === text || globOf(pattern)(text);
}

/** Found anywhere in the text, as in the original. */
function matchesRegex(pattern: string, text: string): boolean {
  try {
    return compileRegex(pattern).matches(text);
  } catch (error) {
    if (error instanceof EngineError) return false; // `faultsOf` told
    throw error;
  }
}

/** Expressions that cannot be read: a denial that fits nothing would be a door that nobody sees. */
export function faultsOf({ permissions }: Policy, mode: MatchMode): readonly string[] {
  if (mode !== "regex") return [];
  return permissions.flatMap(({ resource, action, object }) =>
    [resource, action, object].flatMap((pattern) => {
      try {
        compileRegex(pattern);
        return [];
      } catch (error) {
        if (error instanceof EngineError) return [error.message];
        throw error;
      }
    }),
  );
}

/** Resources whose objects begin with their project. */
const scoped = new Set(["applications", "applicationsets", "repositories", "clusters", "logs", "exec"]);

/** Of an object `PROJECT/…`, or of a project itself. Undefined: no project has a say. */
export function projectOfObject(resource: string, object: string): string | undefined {
  if (resource === "projects") return object;
  const [project, ...rest] = object.split("/");
  return scoped.has(resource) && rest.length > 0 ? project : undefined;
}

export interface Rules {
  /** The built-in policy and the users'. */
  readonly policy: Policy;
  readonly mode: MatchMode;
  /** Empty: none. */
  readonly defaultRole: string;
  /** The policy of a project, as text; undefined for one that is not there. */
  readonly projectPolicy: (project: string) => Policy | undefined;
}

/**
 * The order of the original (spec argo-cd-surface 3.2): the default role, which no line takes back; the subject, with the
 * policy of the project concerned; nobody in particular. A token of a project's role is judged by that project alone.
 */
export function createJudge({ policy, mode, defaultRole, projectPolicy }: Rules): Enforcer {
  const plain = createEnforcer(policy, mode);
  const alone = new Map<string, Enforcer | undefined>();
  const merged = new Map<string, Enforcer>();
  const of = (project: string): Enforcer | undefined => {
    if (!alone.has(project)) {
      const own = projectPolicy(project);
      alone.set(project, own && createEnforcer(own, mode));
    }
    return alone.get(project);
  };
  const withProject = (project: string): Enforcer => {
    const known = merged.get(project);
    if (known !== undefined) return known;
    const own = projectPolicy(project);
    if (own === undefined) return plain;
    const made = createEnforcer(
      {
        permissions: [...policy.permissions, ...own.permissions],
        groupings: [...policy.groupings, ...own.groupings],
      },
      mode,
    );
    merged.set(project, made);
    return made;
  };
  return (subject, resource, action, object) => {
    if (defaultRole !== "" && plain(defaultRole, resource, action, object)) return true;
    const [isProject, own = ""] = subject.split(":");
    const project = projectOfObject(resource, object);
    // Whatever its lines name: a role has no say over what is another project's.
    if (isProject === "proj") return project === own && (of(own)?.(subject, resource, action, object) ?? false);
    const enforce = project === undefined ? plain : withProject(project);
    return enforce(subject, resource, action, object) || enforce("", resource, action, object);
  };
}

/** Of a project: who has a role may see it; its roles' lines; its groups (spec argo-cd-surface 2.6). Broken: undefined. */
export function projectPolicyOf(
  project: string,
  roles: readonly { readonly name: string; readonly policies: readonly string[]; readonly groups: readonly string[] }[],
): Policy | undefined {
  const lines = tryPolicy(roles.flatMap(({ policies }) => policies).join("\n"), `AppProject ${project}`);
  if ("fault" in lines) return undefined;
  const seen = roles.map(({ name }): Permission => {
    const subject = `proj:${project}:${name}`;
    return { subject, resource: "projects", action: "get", object: project, effect: "allow" };
  });
  const groupings = roles.flatMap(({ name, groups }) =>
    groups.map((group) => [unquoted(group), `proj:${project}:${name}`] as const),
  );
  return { permissions: [...seen, ...lines.permissions], groupings: [...lines.groupings, ...groupings] };
}

/** A group with a comma is written in quotes. */
function unquoted(group: string): string {
  return /^".*"$/.test(group) ? group.slice(1, -1).replaceAll('""', '"') : group;
}
