import type { ExecPlugin } from "./kubeconfig-file.ts";

/**
 * The original's image holds a helper, `argocd-k8s-auth`, that cluster Secrets of the big clouds name. What it does, the clouds'
 * own command lines do: these run in its place, as they are installed where Tiphys runs.
 */
const helper = "argocd-k8s-auth";
const apiVersion = "client.authentication.k8s.io/v1beta1";

/** The server that Azure's tokens for AKS are for. */
const aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630";

interface AwsCluster {
  readonly clusterName: string;
  /** Empty: one's own. */
  readonly role: string;
  readonly profile: string;
}

export function awsCommand({ clusterName, role, profile }: AwsCluster, env: ExecPlugin["env"] = {}): ExecPlugin {
  return {
    apiVersion,
    command: "aws",
    args: [
      ...["eks", "get-token", "--output", "json", "--cluster-name", clusterName],
      ...(role === "" ? [] : ["--role-arn", role]),
      ...(profile === "" ? [] : ["--profile", profile]),
    ],
    env,
    providesClusterInfo: false,
    installHint: "Install the AWS command line (aws) where Tiphys runs.",
  };
}

/** What stands for the helper; undefined: the command is another; a text: why there is nothing. */
export function helperPlugin(
  command: string,
  args: readonly string[],
  env: ExecPlugin["env"],
): ExecPlugin | string | undefined {
  if (command.split("/").at(-1) !== helper) return undefined;
  const [cloud = "", ...flags] = args;
  switch (cloud) {
    case "aws": {
      const clusterName = flagIn(flags, "cluster-name");
      if (clusterName === "") return `args: ${helper} aws needs --cluster-name`;
      return awsCommand({ clusterName, role: flagIn(flags, "role-arn"), profile: flagIn(flags, "profile") }, env);
    }
    case "gcp":
      return {
        ...{ apiVersion, command: "gke-gcloud-auth-plugin", args: ["--use_application_default_credentials"], env },
        providesClusterInfo: true,
        installHint: "Install gke-gcloud-auth-plugin where Tiphys runs.",
      };
    case "azure":
      return {
        ...{ apiVersion, command: "kubelogin", args: ["get-token", "--server-id", aksServer], env },
        providesClusterInfo: false,
        installHint: "Install Azure's kubelogin where Tiphys runs; AAD_LOGIN_METHOD in `env` says how it logs in.",
      };
    default:
      return `args: ${helper} "${cloud}" is not known: expected aws, gcp or azure`;
  }
}

/** `--flag value` or `--flag=value`; empty when it is not there. */
function flagIn(args: readonly string[], name: string): string {
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  const found = args[at] ?? "";
  return found.includes("=") ? found.slice(found.indexOf("=") + 1) : at < 0 ? "" : (args[at + 1] ?? "");
}
