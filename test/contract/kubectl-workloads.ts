import type { Command } from "./kubectl-command.ts";

const labels = { app: "w" };
export const deployment = (image: string, replicas: number, annotations: object = {}): string =>
  JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "w" },
    spec: {
      replicas,
      progressDeadlineSeconds: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name: "w", image }] } },
    },
  });
const service = JSON.stringify({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "w" },
  spec: { ports: [{ port: 80 }] },
});
const job = JSON.stringify({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "j" },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "j", image: "j" }] } } },
});

/** In this order: later commands see what earlier ones did. */
export const workloads: readonly Command[] = [
  { args: "apply -f -", input: deployment("w:1", 2), out: "deployment.apps/w created\n" },
  { args: "rollout status deployment/w", out: /deployment "w" successfully rolled out\n$/ },
  { args: "apply -f -", input: deployment("w:1", 2), out: "deployment.apps/w unchanged\n" },
  { args: "get deployment w -o jsonpath={.status.availableReplicas}", out: "2" },
  { args: "get pods -l tiphys.io/simulated=true -o name", out: /^pod\/w-[a-z0-9]+-\w{5}\npod\/w-[a-z0-9]+-\w{5}\n$/ },
  { args: "wait --for=condition=Available deployment/w", out: /condition met\n$/ },
  { args: "scale deployment w --replicas=3", out: "deployment.apps/w scaled\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  { args: "scale deployment w --current-replicas=9 --replicas=1", code: 1, error: /Expected replicas to be 9, was 3/ },
  {
    args: "apply --server-side --field-manager=me -f -",
    input: deployment("w:1", 5),
    code: 1,
    error:
      /Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas/,
  },
  {
    args: "apply --server-side --field-manager=me --force-conflicts -f -",
    input: deployment("w:1", 1),
    out: "deployment.apps/w serverside-applied\n",
  },
  { args: "get deployment w -o jsonpath={.spec.replicas}", out: "1" },
  { args: "set image deployment/w w=w:2", out: "deployment.apps/w image updated\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out\n$/ },
  { args: "rollout history deployment/w", out: /^1 +<none>\n2 +<none>$/m },
  { args: "rollout undo deployment/w", out: "deployment.apps/w rolled back\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  { args: "get deployment w -o jsonpath={.spec.template.spec.containers[0].image}", out: "w:1" },
  {
    args: `patch deployment w -p {"spec":{"template":{"spec":{"containers":[{"name":"w","image":"w:3"}]}}}}`,
    out: "deployment.apps/w patched\n",
  },
  { args: "edit deployment w", env: { KUBE_EDITOR: "sed -i s/w:3/w:4/" }, out: "deployment.apps/w edited\n" },
  { args: "rollout restart deployment/w", out: "deployment.apps/w restarted\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  {
    args: "apply --server-side --field-manager=me --force-conflicts -f -",
    input: deployment("w:5", 1, { "tiphys.io/simulate-outcome": "hang" }),
    out: "deployment.apps/w serverside-applied\n",
  },
  {
    args: "rollout status deployment/w",
    code: 1,
    out: /^Waiting for deployment "w" rollout to finish/,
    error: /exceeded its progress deadline/,
  },
  { args: "apply -f -", input: service, out: "service/w created\n" },
  { args: "get service w -o jsonpath={.spec.clusterIP}", out: /^10\.\d+\.\d+\.\d+$/ },
  { args: "apply -f -", input: job, out: "job.batch/j created\n" },
  { args: "wait --for=condition=Complete job/j --timeout=20s", out: /condition met\n$/ },
  { args: "delete job j", out: 'job.batch "j" deleted\n' },
  { args: "delete deployment w --cascade=foreground", out: 'deployment.apps "w" deleted\n' },
  { args: "get pods,replicasets -o name", out: "" },
];
