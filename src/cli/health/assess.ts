import { Command } from "commander";
import { parseResourceSettings } from "../../api/resource-settings.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { listManifestFiles, readManifestFiles } from "../../controllers/manifest-files.ts";
import { toKubeObject } from "../../gitops/diff/tracking.ts";
import { assessObject } from "../../gitops/health/assess.ts";
import { createHealthChecks, type HealthChecks } from "../../gitops/health/checks.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";

interface Assessed {
  readonly file: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** Absent: objects of this kind have no health. */
  readonly status?: string;
  readonly message?: string;
}

/** `tiphys health assess FILE…`: needs no engine and no cluster. */
export function assessCommand(): Command {
  return new Command("assess")
    .description(
      "The health of objects in files, as a cluster holds them (`kubectl get … -o yaml`).\n" +
        "Exit code: 0 done, 2 a file cannot be read.",
    )
    .argument("<file|dir...>", "files, or directories with their folders")
    .option("--settings <file>", "a ConfigMap argocd-cm with resource.customizations")
    .action(async (names: string[], { settings }: { readonly settings?: string }, self: Command) => {
      const checks = await readChecks(settings);
      const assessed = (await objectsOf(names)).map(([file, object]) => assess(file, object, checks));
      print(globalFlags(self), assessed, {
        text: (all) =>
          table(
            ["KIND", "NAME", "STATUS", "MESSAGE"],
            all.map(({ kind, namespace, name, status = "-", message = "" }) => [
              kind,
              namespace === undefined ? name : `${namespace}/${name}`,
              status,
              message.replaceAll(/\p{Cc}+/gu, " "),
            ]),
          ),
        name: (all) => all.map(({ kind, name }) => `${kind}/${name}`).join("\n"),
      });
    });
}

function assess(file: string, object: KubeObject, checks: HealthChecks): Assessed {
  const { apiVersion, kind, metadata } = object;
  const { namespace, name = "" } = metadata;
  const { health } = assessObject(object, checks);
  return { file, apiVersion, kind, ...(namespace ? { namespace } : {}), name, ...health };
}

/** @throws EngineError CONFIG_INVALID */
async function readChecks(file: string | undefined): Promise<HealthChecks> {
  const nowMs = (): number => systemClock.now();
  if (file === undefined) return createHealthChecks(undefined, nowMs);
  const maps = (await objectsOf([file])).filter(([, { kind }]) => kind === "ConfigMap");
  const [map, ...more] = maps.map(([, object]) => object as unknown as JsonObject);
  if (map === undefined || more.length > 0)
    throw new EngineError("CONFIG_INVALID", `--settings: "${file}" must hold one ConfigMap, not ${maps.length}`);
  const settings = parseResourceSettings(isJsonObject(map.data) ? (map.data as Record<string, string>) : {});
  if (settings.problems.length > 0) throw new EngineError("CONFIG_INVALID", settings.problems.join("; "));
  return createHealthChecks(settings, nowMs);
}

async function objectsOf(names: readonly string[]): Promise<readonly (readonly [string, KubeObject])[]> {
  const found = await Promise.all(names.map(async (name) => readManifestFiles((await listManifestFiles(name)).keys())));
  return found
    .flatMap((files) => [...files])
    .flatMap(([file, manifests]) => {
      if (manifests instanceof EngineError) throw manifests;
      return manifests.map(({ object }) => [file, readObject(file, object)] as const);
    });
}

function readObject(file: string, object: JsonObject): KubeObject {
  const read = toKubeObject("metadata" in object ? object : { ...object, metadata: {} });
  if (read !== undefined) return read;
  throw new EngineError("MANIFEST_UNREADABLE", `${file}: an object needs apiVersion and kind`);
}
