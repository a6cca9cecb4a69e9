import { type Command, Option } from "commander";
import { addSwitch, collected, parseCount, refuseFlags } from "./options.ts";

/** The flags of `create` and `set`; what was not given is absent. */
export interface SourceFlags {
  readonly [name: string]: string | boolean | number | readonly string[] | undefined;
}

const texts: readonly (readonly [flag: string, description: string])[] = [
  ["--repo <url>", "the repository"],
  ["--path <path>", "the folder in the repository"],
  ["--helm-chart <name>", "the chart of a Helm repository"],
  ["--revision <revision>", "branch, tag, commit or version"],
  ["--ref <name>", "the name by which other sources refer to this one"],
  ["--source-name <name>", "the source's name"],
  ["--tag-prefix <prefix>", "of tags that are versions"],
  ["--dest-server <url>", "the cluster by URL"],
  ["--dest-name <name>", "the cluster by name"],
  ["--dest-namespace <namespace>", "for objects that name none"],
  ["--project <project>", "the project"],
  ["--sync-retry-backoff-duration <duration>", "the first pause of retries"],
  ["--sync-retry-backoff-max-duration <duration>", "the longest pause of retries"],
  ["--values-literal-file <file>", "a file whose text becomes values"],
  ["--release-name <name>", "of Helm"],
  ["--helm-version <version>", "of Helm"],
  ["--helm-namespace <namespace>", "that Helm renders for"],
  ["--helm-kube-version <version>", "that Helm renders for"],
  ["--nameprefix <prefix>", "of kustomize"],
  ["--namesuffix <suffix>", "of kustomize"],
  ["--kustomize-version <version>", "of kustomize"],
  ["--kustomize-namespace <namespace>", "of kustomize"],
  ["--kustomize-kube-version <version>", "that kustomize renders for"],
  ["--directory-include <glob>", "files that count"],
  ["--directory-exclude <glob>", "files that do not"],
  ["--config-management-plugin <name>", "a plugin of the engine"],
];

const lists: readonly (readonly [flag: string, description: string])[] = [
  ["--sync-option <option>", "Key=value; with ! before it the option is removed"],
  ["--values <file>", "a values file in the repository"],
  ["--helm-set <key=value>", "a parameter of Helm"],
  ["--helm-set-string <key=value>", "a parameter of Helm that is a text"],
  ["--helm-set-file <key=path>", "a parameter of Helm from a file"],
  ["-p, --parameter <key=value>", "a parameter of Helm"],
  ["--helm-api-versions <version>", "that Helm renders for"],
  ["--kustomize-image <image>", "NAME=IMAGE, IMAGE:TAG and so on"],
  ["--kustomize-replica <name=count>", "of kustomize"],
  ["--kustomize-common-label <key=value>", "of kustomize"],
  ["--kustomize-common-annotation <key=value>", "of kustomize"],
  ["--kustomize-api-versions <version>", "that kustomize renders for"],
  ["--jsonnet-tla-str <key=value>", "an argument of Jsonnet that is a text"],
  ["--jsonnet-tla-code <key=value>", "an argument of Jsonnet that is code"],
  ["--jsonnet-ext-var-str <key=value>", "a variable of Jsonnet that is a text"],
  ["--jsonnet-ext-var-code <key=value>", "a variable of Jsonnet that is code"],
  ["--jsonnet-libs <path>", "a folder of libraries"],
  ["--plugin-env <key=value>", "for the plugin"],
];

const switches: readonly (readonly [flag: string, description: string])[] = [
  ["auto-prune", "automated syncs delete what the source has no more"],
  ["self-heal", "automated syncs undo changes in the cluster"],
  ["allow-empty", "automated syncs may delete everything"],
  ["sync-retry-refresh", "retries take the newest revision"],
  ["ignore-missing-value-files", "values files may be missing"],
  ["helm-pass-credentials", "also to other hosts"],
  ["helm-skip-crds", "leave CRDs out"],
  ["helm-skip-schema-validation", "do not check values"],
  ["helm-skip-tests", "leave tests out"],
  ["kustomize-force-common-label", "replace labels that are there"],
  ["kustomize-force-common-annotation", "replace annotations that are there"],
  ["kustomize-label-without-selector", "leave selectors alone"],
  ["kustomize-label-include-templates", "labels go into templates, too"],
  ["ignore-missing-components", "components may be missing"],
  ["directory-recurse", "folders below, too"],
  ["directory-disable-extension-filter", "files of any extension"],
];

const hydrator = [
  ...["--dry-source-repo <url>", "--dry-source-path <path>", "--dry-source-revision <revision>"],
  ...["--sync-source-branch <branch>", "--sync-source-path <path>", "--hydrate-to-branch <branch>"],
];

/** Adds the flags that say what an Application's sources, destination and policy are (spec argo-cd-surface 5.2). */
export function addSourceFlags(command: Command): Command {
  for (const [flag, description] of texts) command.option(flag, description);
  for (const [flag, description] of lists) command.option(flag, `${description}; may be repeated`, collected, []);
  for (const [flag, description] of switches) {
    addSwitch(command, flag, description);
  }
  refuseFlags(command, hydrator, "sources are not hydrated here");
  refuseFlags(command, ["--env <name>"], "it was of ksonnet, which Argo CD knows no more");
  const policies = ["none", "manual", "automated", "automatic", "auto"];
  return addSwitch(command, "validate", "see whether it can work")
    .addOption(new Option("--sync-policy <policy>", "who starts syncs").choices(policies))
    .option("--revision-history-limit <n>", "how many syncs are remembered", parseCount)
    .option("--sync-retry-limit <n>", "how often a failed sync is tried again; -1: for ever", Number)
    .option("--sync-retry-backoff-factor <n>", "each pause is so many times the one before", parseCount);
}
