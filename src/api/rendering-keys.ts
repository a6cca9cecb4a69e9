/** A key of the original's repo-server in `argocd-cmd-params-cm` (spec argo-cd-engine 0.4, argo-cd-surface 9.4). */
interface RepoServerKey {
  /** The original's, where it does not count. */
  readonly default: string;
  /** Why it has no effect here; absent: it is read. */
  readonly without?: string;
}

const noServer = "rendering is no server of its own here";
const noCache = "results are kept by what they were made of, not for a time";
const noStream = "no files are sent: plugins run where the files are, and --local renders where it is typed";

/** All of them: those that have no effect are told of, not passed over. */
export const repoServerKeys: Readonly<Record<string, RepoServerKey>> = {
  "reposerver.parallelism.limit": { default: "0" },
  "reposerver.max.combined.directory.manifests.size": { default: "10M" },
  "reposerver.enable.git.submodule": { default: "true" },
  "reposerver.allow.oob.symlinks": { default: "false" },
  "reposerver.git.request.timeout": { default: "15s" },
  "reposerver.git.lsremote.parallelism.limit": { default: "0" },
  "reposerver.oci.manifest.max.extracted.size": { default: "1G" },
  "reposerver.disable.oci.manifest.max.extracted.size": { default: "false" },
  "reposerver.oci.layer.media.types": { default: "" },
  "reposerver.include.hidden.directories": {
    default: "false",
    without: "it is about directories that ApplicationSets are generated from, which is not there yet",
  },
  "reposerver.enable.builtin.git.config": {
    default: "true",
    without: "Git never reads the machine's configuration here",
  },
  "reposerver.plugin.tar.exclusions": { default: "", without: noStream },
  "reposerver.plugin.use.manifest.generate.paths": { default: "false", without: noStream },
  "reposerver.streamed.manifest.max.tar.size": { default: "100M", without: noStream },
  "reposerver.streamed.manifest.max.extracted.size": { default: "1G", without: noStream },
  "reposerver.repo.cache.expiration": { default: "24h", without: noCache },
  "reposerver.default.cache.expiration": { default: "24h", without: noCache },
  "reposerver.log.format": { default: "json", without: noServer },
  "reposerver.log.level": { default: "info", without: noServer },
  "reposerver.profile.enabled": { default: "false", without: noServer },
  "reposerver.listen.address": { default: "0.0.0.0", without: noServer },
  "reposerver.metrics.listen.address": { default: "0.0.0.0", without: noServer },
  "reposerver.disable.tls": { default: "false", without: noServer },
  "reposerver.client.ca.path": { default: "", without: noServer },
  "reposerver.tls.minversion": { default: "1.2", without: noServer },
  "reposerver.tls.maxversion": { default: "1.3", without: noServer },
  "reposerver.tls.ciphers": { default: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", without: noServer },
  "reposerver.grpc.enable.txt.service.config": { default: "false", without: noServer },
};

/** What is set and has no effect, with the reason; what is as the original's default says nothing. */
export function withoutEffect(parameters: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(parameters).flatMap(([key, value]) => {
    if (!key.startsWith("reposerver.")) return [];
    const shown = `argocd-cmd-params-cm: ${key}: ${JSON.stringify(value)?.slice(0, 100)}`;
    if (!Object.hasOwn(repoServerKeys, key)) return [`${shown} has no effect: no such key is known`];
    const known = repoServerKeys[key];
    if (known?.without === undefined || String(value).trim() === known.default) return [];
    return [`${shown} has no effect: ${known.without}`];
  });
}
