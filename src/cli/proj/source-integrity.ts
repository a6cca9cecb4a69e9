import { Command } from "commander";
import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { collected, parseCount } from "../app/options.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { changeProject, readProject, specOf } from "./project.ts";

/** `tiphys proj source-integrity git policies …` (spec argo-cd-surface 2.9, 5.6): which commits are trusted. */
export function sourceIntegrityCommand(): Command {
  const policies = new Command("policies").description("Which signatures which repositories need").helpCommand(false);
  for (const sub of [listCommand(), addCommand(), updateCommand(), deleteCommand()]) policies.addCommand(sub);
  const git = new Command("git").description("Of Git repositories").helpCommand(false).addCommand(policies);
  return new Command("source-integrity").description("Which commits are trusted").helpCommand(false).addCommand(git);
}

function policiesOf(spec: JsonObject): readonly JsonObject[] {
  return objectsOf(objectOf(objectOf(spec.sourceIntegrity).git).policies);
}

function withPolicies(spec: JsonObject, policies: readonly JsonObject[]): JsonObject {
  const integrity = objectOf(spec.sourceIntegrity);
  return { ...spec, sourceIntegrity: { ...integrity, git: { ...objectOf(integrity.git), policies } } };
}

function listCommand(): Command {
  return new Command("list").argument("<project>").action(async (project: string, _flags: object, self: Command) => {
    const policies = policiesOf(specOf(await readProject(project, self)));
    print(globalFlags(self), policies, { text: policiesText });
  });
}

function policiesText(policies: readonly JsonObject[]): string {
  const rows = policies.map(({ repos, gpg }, id) => {
    const { mode, keys } = objectOf(gpg);
    const urls = objectsOf(repos).map(({ url }) => textOf(url));
    return [String(id), textOf(mode), listOf(keys).map(textOf).join(",") || "-", urls.join(",") || "-"];
  });
  return table(["ID", "GPG-MODE", "GPG-KEYS", "REPO-URLS"], rows);
}

interface AddFlags {
  readonly repoUrl: readonly string[];
  readonly gpgMode?: string;
  readonly gpgKey: readonly string[];
}

function checkedMode(mode: string): string {
  if (["none", "head", "strict"].includes(mode)) return mode;
  throw new EngineError("USAGE", `--gpg-mode: "${mode}" must be none, head or strict`);
}

function addCommand(): Command {
  return new Command("add")
    .argument("<project>")
    .option("--repo-url <glob>", "repositories; !glob excludes; may be repeated", collected, [])
    .requiredOption("--gpg-mode <mode>", "none, head or strict")
    .option("--gpg-key <id>", "a key that is trusted; may be repeated", collected, [])
    .action(async (project: string, flags: AddFlags, self: Command) => {
      const repos = flags.repoUrl.map((url) => ({ url }));
      const gpg = { mode: checkedMode(flags.gpgMode ?? ""), keys: flags.gpgKey };
      await changeProject(project, self, (spec) => withPolicies(spec, [...policiesOf(spec), { repos, gpg }]));
    });
}

interface UpdateFlags extends AddFlags {
  readonly addRepoUrl: readonly string[];
  readonly deleteRepoUrl: readonly string[];
  readonly addGpgKey: readonly string[];
  readonly deleteGpgKey: readonly string[];
}

function updateCommand(): Command {
  const command = new Command("update").argument("<project>").argument("<id>", "of `policies list`", parseCount);
  const lists = [
    ["--repo-url <glob>", "in place of those that are there"],
    ["--add-repo-url <glob>", "one more"],
    ["--delete-repo-url <glob>", "one less"],
    ["--gpg-key <id>", "in place of those that are there"],
    ["--add-gpg-key <id>", "one more"],
    ["--delete-gpg-key <id>", "one less"],
  ] as const;
  for (const [flag, text] of lists) command.option(flag, `${text}; may be repeated`, collected, []);
  return command
    .option("--gpg-mode <mode>", "none, head or strict")
    .action((project: string, id: number, flags: UpdateFlags, self: Command) =>
      changePolicy(project, id, self, ({ repos, gpg }) => {
        const { mode, keys } = objectOf(gpg);
        const urls = objectsOf(repos).map(({ url }) => textOf(url));
        const { repoUrl, addRepoUrl, deleteRepoUrl, gpgKey, addGpgKey, deleteGpgKey, gpgMode } = flags;
        const wanted = edited(urls, repoUrl, addRepoUrl, deleteRepoUrl);
        return {
          repos: wanted.map((url) => ({ url })),
          gpg: {
            mode: gpgMode === undefined ? textOf(mode) : checkedMode(gpgMode),
            keys: edited(listOf(keys).map(textOf), gpgKey, addGpgKey, deleteGpgKey),
          },
        };
      }),
    );
}

function edited(
  now: readonly string[],
  instead: readonly string[],
  more: readonly string[],
  less: readonly string[],
): readonly string[] {
  const base = instead.length > 0 ? instead : now;
  return [...new Set([...base, ...more])].filter((one) => !less.includes(one));
}

function deleteCommand(): Command {
  return new Command("delete")
    .argument("<project>")
    .argument("<id>", "of `policies list`", parseCount)
    .action((project: string, id: number, _flags: object, self: Command) =>
      changePolicy(project, id, self, () => undefined),
    );
}

async function changePolicy(
  project: string,
  id: number,
  self: Command,
  change: (policy: JsonObject) => JsonObject | undefined,
): Promise<void> {
  await changeProject(project, self, (spec) => {
    const policies = policiesOf(spec);
    if (policies[id] === undefined) throw exitingWith(20, new EngineError("NOT_FOUND", `there is no policy ${id}`));
    const changed = policies.flatMap((policy, at): readonly JsonObject[] => {
      const made = at === id ? change(policy) : policy;
      return made === undefined ? [] : [made];
    });
    return withPolicies(spec, changed);
  });
}
