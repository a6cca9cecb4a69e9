import { Command, Option } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { parseYaml } from "../../base/yaml.ts";
import { type KubeconfigCluster, readKubeconfig } from "../../kube/kubeconfig-file.ts";
import { collected } from "../app/options.ts";
import { confirmCluster } from "../confirm.ts";
import { openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { pairsOf } from "./clusters.ts";
import { kubeconfigPath, openContextCluster } from "./context.ts";
import { installManager } from "./manager.ts";

interface AddFlags {
  readonly kubeconfig?: string;
  readonly name?: string;
  readonly project?: string;
  readonly label: readonly string[];
  readonly annotation: readonly string[];
  readonly inCluster?: true;
  readonly clusterEndpoint: string;
  readonly namespace: readonly string[];
  readonly clusterResources?: true;
  readonly systemNamespace: string;
  readonly serviceAccount?: string;
  readonly shard: string;
  readonly upsert?: true;
  readonly yes?: true;
  readonly awsClusterName?: string;
  readonly awsRoleArn?: string;
  readonly awsProfile?: string;
  readonly execCommand?: string;
  readonly execCommandArgs: readonly string[];
  readonly execCommandEnv: readonly string[];
  readonly execCommandApiVersion?: string;
  readonly execCommandInstallHint?: string;
  readonly serverProxyUrl?: string;
  readonly disableCompression?: true;
}

/** `tiphys cluster add CONTEXT` */
export function addCommand(): Command {
  return new Command("add")
    .description("Tells of a cluster that a kubeconfig names; makes a service account for it there, after it has asked")
    .argument("<context>", "of the kubeconfig")
    .option("--kubeconfig <file>", "default: KUBECONFIG, then ~/.kube/config")
    .option("--name <name>", "for Applications; default: the context")
    .option("--project <project>", "the only project that may use it")
    .option("--label <key=value>", "a label; may be repeated", collected, [])
    .option("--annotation <key=value>", "an annotation; may be repeated", collected, [])
    .option("--in-cluster", "it is the engine's own: reached from within")
    .addOption(
      new Option(
        "--cluster-endpoint <where>",
        "the address that the engine uses: that of the kubeconfig, what the cluster's kube-public says, or the one within",
      )
        .choices(["kubeconfig", "kube-public", "internal"])
        .default("kubeconfig"),
    )
    .option("--namespace <namespace>", "the only namespaces that are looked at; may be repeated", collected, [])
    .option("--cluster-resources", "with --namespace: kinds of the cluster, too")
    .option("--system-namespace <namespace>", "where the service account goes", "kube-system")
    .option("--service-account <name>", "one that is there, instead of a new one")
    .option("--shard <n>", "kept for the original", "-1")
    .option("--upsert", "change it when it is there")
    .option("-y, --yes", "do not ask")
    .option("--aws-cluster-name <name>", "authenticate by AWS")
    .option("--aws-role-arn <arn>", "as this role")
    .option("--aws-profile <profile>", "with this profile")
    .option("--exec-command <command>", "authenticate by a credential plugin of the engine")
    .option("--exec-command-args <arg>", "may be repeated", collected, [])
    .option("--exec-command-env <key=value>", "may be repeated", collected, [])
    .option("--exec-command-api-version <version>", "of the plugin")
    .option("--exec-command-install-hint <text>", "for people who lack it")
    .option("--server-proxy-url <url>", "through this proxy")
    .option("--disable-compression", "ask for plain answers")
    .action(add);
}

async function add(context: string, flags: AddFlags, self: Command): Promise<void> {
  const client = openControlClient(globalFlags(self));
  const path = kubeconfigPath(flags.kubeconfig);
  const found = await readKubeconfig(path, context);
  const { cluster } = found;
  const { server, caData } = await addressOf(cluster, path, context, flags);
  const tlsClientConfig: JsonObject = {
    insecure: cluster.skipsVerification,
    ...(cluster.serverName === undefined ? {} : { serverName: cluster.serverName }),
    ...(caData === undefined || cluster.skipsVerification ? {} : { caData }),
  };
  const auth = pluginOf(flags) ?? { bearerToken: await tokenOf(path, context, flags) };
  const config = {
    ...auth,
    tlsClientConfig,
    ...(flags.serverProxyUrl === undefined ? {} : { proxyUrl: flags.serverProxyUrl }),
    ...(flags.disableCompression ? { disableCompression: true } : {}),
  };
  await client.post(`/clusters?upsert=${flags.upsert === true}`, {
    server,
    name: flags.name ?? context,
    config,
    ...(flags.project === undefined ? {} : { project: flags.project }),
    ...(Number(flags.shard) >= 0 ? { shard: Number(flags.shard) } : {}),
    ...(flags.namespace.length === 0 ? {} : { namespaces: flags.namespace }),
    ...(flags.clusterResources ? { clusterResources: true } : {}),
    ...(flags.label.length === 0 ? {} : { labels: pairsOf(flags.label) }),
    ...(flags.annotation.length === 0 ? {} : { annotations: pairsOf(flags.annotation) }),
  });
  process.stdout.write(`Cluster '${server}' added\n`);
}

/** Where the engine finds it, and whom it trusts there. */
async function addressOf(
  cluster: KubeconfigCluster,
  path: string,
  context: string,
  { inCluster, clusterEndpoint }: AddFlags,
): Promise<{ server: string; caData?: string }> {
  if (clusterEndpoint === "kube-public") return publicEndpoint(path, context);
  const server = inCluster || clusterEndpoint === "internal" ? "https://kubernetes.default.svc" : cluster.baseUrl;
  return { server, ...(cluster.ca === undefined ? {} : { caData: base64(cluster.ca) }) };
}

/** What ConfigMap `kube-public/cluster-info` says of the cluster's address. @throws EngineError NOT_FOUND */
async function publicEndpoint(path: string, context: string): Promise<{ server: string; caData?: string }> {
  await using cluster = await openContextCluster(path, context);
  const found = await cluster.kube.get({
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: "kube-public",
    name: "cluster-info",
  });
  const text = textOf(objectOf(found?.data as JsonValue | undefined).kubeconfig);
  const [first] = listOf(
    objectOf(text === "" ? undefined : (parseYaml(text)[0] as JsonValue | undefined)).clusters,
  ).map(objectOf);
  const { server, "certificate-authority-data": caData } = objectOf(first?.cluster);
  if (textOf(server) !== "") return { server: textOf(server), ...(textOf(caData) && { caData: textOf(caData) }) };
  const message = "ConfigMap kube-public/cluster-info of the cluster names no server: use another --cluster-endpoint";
  throw exitingWith(20, new EngineError("NOT_FOUND", message));
}

/** Credentials that the engine gets for itself: nothing is made in the cluster. */
function pluginOf(flags: AddFlags): JsonObject | undefined {
  if (flags.awsClusterName !== undefined) {
    const { awsClusterName: clusterName, awsRoleArn: roleARN, awsProfile: profile } = flags;
    return { awsAuthConfig: present({ clusterName, roleARN, profile }) };
  }
  if (flags.execCommand === undefined) return undefined;
  const { execCommand: command, execCommandApiVersion: apiVersion, execCommandInstallHint: installHint } = flags;
  const env = pairsOf(flags.execCommandEnv);
  return { execProviderConfig: { ...present({ command, apiVersion, installHint }), args: flags.execCommandArgs, env } };
}

function present(fields: Readonly<Record<string, string | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function tokenOf(path: string, context: string, flags: AddFlags): Promise<string> {
  await using cluster = await openContextCluster(path, context);
  const { stdin: input, stderr: output } = process;
  await confirmCluster({ context, server: cluster.baseUrl, assumeYes: flags.yes === true, input, output });
  const { systemNamespace: namespace, serviceAccount, namespace: namespaces } = flags;
  return await installManager(cluster.kube, {
    namespace,
    namespaces,
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
