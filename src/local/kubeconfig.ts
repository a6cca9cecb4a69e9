export interface KubeconfigOptions {
  readonly url: string;
  readonly caPem: string;
  readonly token: string;
  /** Of the cluster, the user and the context. */
  readonly name: string;
}

/** A kubeconfig with one context, as JSON, which is YAML too. Holds the token: write it with mode 0600. */
export function kubeconfigText({ url, caPem, token, name }: KubeconfigOptions): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority-data": Buffer.from(caPem).toString("base64") } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
    "current-context": name,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
