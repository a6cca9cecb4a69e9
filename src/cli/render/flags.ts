import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import type { ApplicationSource } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import { plainVersion } from "../../gitops/render/helm-arguments.ts";
import type { RenderingFlags } from "../rendering-flags.ts";
import type { DeclaredFlags } from "./declared.ts";

export interface RenderFlags extends RenderingFlags, DeclaredFlags {
  readonly helmValues: readonly string[];
  readonly helmSet: readonly NamedText[];
  readonly releaseName?: string;
  readonly namespace?: string;
  readonly kustomizeImage: readonly string[];
  readonly jsonnetTla: readonly NamedText[];
  readonly revision?: string;
  readonly repo?: string;
  readonly project: string;
  readonly kubeVersion?: string;
  readonly apiVersion: readonly string[];
  readonly explain: boolean;
}

export interface NamedText {
  readonly name: string;
  readonly value: string;
}

/** For an option of `name=value`s. */
export function collectNamed(text: string, earlier: readonly NamedText[]): readonly NamedText[] {
  const at = text.indexOf("=");
  if (at > 0) return [...earlier, { name: text.slice(0, at), value: text.slice(at + 1) }];
  throw new InvalidArgumentError(`"${text}" must be NAME=VALUE.`);
}

/** The source with what the flags say, as an Application would say it. `root`: where its tree lies on disk, if it does. */
export function withFlags(source: ApplicationSource, flags: RenderFlags, root: string | undefined): ApplicationSource {
  const { helmValues, helmSet, releaseName, kustomizeImage, jsonnetTla, revision } = flags;
  const { helm = {}, kustomize = {}, directory = {} } = source;
  const hasHelm = helmValues.length > 0 || helmSet.length > 0 || releaseName !== undefined;
  const files = helmValues.map((file) => fromRoot(file, root));
  return {
    ...source,
    ...(revision === undefined ? {} : { targetRevision: revision }),
    ...(hasHelm
      ? {
          helm: {
            ...helm,
            ...(releaseName === undefined ? {} : { releaseName }),
            valueFiles: [...(helm.valueFiles ?? []), ...files],
            parameters: [...(helm.parameters ?? []), ...helmSet],
          },
        }
      : {}),
    ...(kustomizeImage.length > 0
      ? { kustomize: { ...kustomize, images: [...(kustomize.images ?? []), ...kustomizeImage] } }
      : {}),
    ...(jsonnetTla.length > 0
      ? {
          directory: {
            ...directory,
            jsonnet: { ...directory.jsonnet, tlas: [...(directory.jsonnet?.tlas ?? []), ...jsonnetTla] },
          },
        }
      : {}),
  };
}

/**
 * A file that is there for whoever types its name goes before one that the source would find under that name.
 * @throws EngineError USAGE for one that tools are not given
 */
function fromRoot(file: string, root: string | undefined): string {
  const path = resolve(file);
  if (root === undefined || !existsSync(path)) return file;
  const below = relative(root, path);
  if (!below.startsWith("..")) return `/${below}`;
  if (existsSync(join(root, file))) return file;
  const how = `copy it below "${root}", or name single values with --helm-set`;
  throw new EngineError(
    "USAGE",
    `--helm-values: "${file}" is outside of the repository, where tools read nothing: ${how}`,
  );
}

/** For an option. */
export function parseKubeVersion(text: string): string {
  if (plainVersion(text) !== undefined) return text;
  throw new InvalidArgumentError(`"${text}" must be a version such as 1.32.3.`);
}
