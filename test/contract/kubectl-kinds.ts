import type { Command } from "./kubectl-command.ts";

const template = (image: string) => ({
  metadata: { labels: { app: "db" } },
  spec: { containers: [{ name: "db", image }] },
});
const object = (apiVersion: string, kind: string, name: string, more: object): string =>
  JSON.stringify({ apiVersion, kind, metadata: { name }, ...more });
const set = (image: string): string =>
  object("apps/v1", "StatefulSet", "db", {
    spec: { replicas: 2, serviceName: "db", selector: { matchLabels: { app: "db" } }, template: template(image) },
  });
const daemons = (image: string): string =>
  object("apps/v1", "DaemonSet", "agent", {
    spec: { selector: { matchLabels: { app: "db" } }, template: template(image) },
  });
const deployment = (more: object): string =>
  object("apps/v1", "Deployment", "bad", {
    spec: { selector: { matchLabels: { app: "db" } }, template: template("db:1"), ...more },
  });
const definition = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "gadgets.example.com", {
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "gadgets", singular: "gadget", kind: "Gadget", shortNames: ["gd"], categories: ["all"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
        },
        additionalPrinterColumns: [{ name: "Color", type: "string", jsonPath: ".spec.color" }],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["color"],
                description: "What it is like.",
                "x-kubernetes-validations": [{ rule: "self.replicas <= 5", message: "at most five" }],
                properties: {
                  color: { type: "string", enum: ["red", "blue"], description: "How it looks." },
                  replicas: { type: "integer", default: 1 },
                },
              },
              status: { type: "object", properties: { replicas: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
});
const gadget = (spec: object): string => object("example.com/v1", "Gadget", "g", { spec });
const nobody = "--as=nobody";
const simulated = "workloads are simulated";

/** In this order: later commands see what earlier ones did. */
export const kinds: readonly Command[] = [
  { args: "get nodes", out: /^NAME +STATUS +ROLES +AGE.*\ntiphys-simulated +Ready/, onlyHere: simulated },
  { args: "create deployment web --image=nginx:1 --replicas=2 --port=80", out: "deployment.apps/web created\n" },
  { args: "get deployment web -o jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}", out: "80" },
  { args: "rollout status deployment/web", out: /successfully rolled out/ },
  { args: "get deployment web", out: /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 / },
  { args: "expose deployment web --port=80 --target-port=8080", out: "service/web exposed\n" },
  { args: "wait --for=jsonpath={.subsets[0].addresses[1].ip} endpoints/web --timeout=20s", out: /condition met\n$/ },
  {
    args: "get endpointslices -l kubernetes.io/service-name=web",
    out: /^NAME +ADDRESSTYPE +PORTS +ENDPOINTS +AGE\nweb-\w+ +IPv4 +8080 +10\./,
  },
  {
    args: "autoscale deployment web --min=1 --max=3 --cpu-percent=80",
    out: /horizontalpodautoscaler.autoscaling\/web autoscaled/,
  },
  { args: "get hpa", out: /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web / },
  { args: "create service loadbalancer lb --tcp=80:80", out: "service/lb created\n" },
  {
    args: "wait --for=jsonpath={.status.loadBalancer.ingress[0].ip} service/lb --timeout=20s",
    out: /condition met\n$/,
    onlyHere: simulated,
  },
  { args: "get service lb -o jsonpath={.spec.ports[0].nodePort}", out: /^3\d{4}$/ },
  { args: "create ingress site --rule=a.example/*=web:80", out: "ingress.networking.k8s.io/site created\n" },
  { args: "get ingress site", out: /^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nsite +<none> +a\.example / },
  { args: "create -f -", input: set("db:1"), out: "statefulset.apps/db created\n" },
  {
    args: "rollout status statefulset/db --timeout=20s",
    out: /partitioned roll out complete: 2 new pods|statefulset rolling update complete 2 pods/,
  },
  { args: "get pods -l app=db -o name", out: "pod/db-0\npod/db-1\n" },
  { args: "set image statefulset/db db=db:2", out: "statefulset.apps/db image updated\n" },
  { args: "rollout status statefulset/db --timeout=30s", out: /complete/ },
  { args: "get pod db-0 -o jsonpath={.spec.containers[0].image}", out: "db:2" },
  { args: "rollout history statefulset/db", out: /^1 +<none>\n2 +<none>$/m },
  { args: "rollout undo statefulset/db", out: "statefulset.apps/db rolled back\n" },
  { args: "rollout status statefulset/db --timeout=30s", out: /complete/ },
  { args: "get statefulset db -o jsonpath={.spec.template.spec.containers[0].image}", out: "db:1" },
  { args: "scale statefulset db --replicas=1", out: "statefulset.apps/db scaled\n" },
  { args: "wait --for=delete pod/db-1 --timeout=20s" },
  { args: "delete statefulset db", out: 'statefulset.apps "db" deleted\n' },
  { args: "create -f -", input: daemons("a:1"), out: "daemonset.apps/agent created\n" },
  { args: "rollout status daemonset/agent --timeout=20s", out: /successfully rolled out/, onlyHere: simulated },
  {
    args: "get daemonset agent",
    out: /^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE.*\nagent +1 +1 +1 +1 +1 /,
    onlyHere: simulated,
  },
  { args: "create job once --image=busybox -- true", out: "job.batch/once created\n" },
  { args: "wait --for=condition=Complete job/once --timeout=20s", out: /condition met\n$/ },
  { args: "get job once", out: /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nonce +Complete +1\/1 / },
  {
    args: "create cronjob tick --image=busybox --schedule=… -- true",
    list: ["create", "cronjob", "tick", "--image=busybox", "--schedule=*/5 * * * *", "--", "true"],
    out: "cronjob.batch/tick created\n",
  },
  { args: "get cronjob tick", out: /tick +\*\/5 \* \* \* \* +(?:<none> +)?False +0 +<none>/ },
  { args: "create job by-hand --from=cronjob/tick", out: "job.batch/by-hand created\n" },
  { args: "run solo --image=nginx", out: "pod/solo created\n" },
  { args: "wait --for=condition=Ready pod/solo --timeout=20s", out: /condition met\n$/ },
  {
    args: "logs solo",
    out: /^\[tiphys\] workloads are simulated: no container runs, so Pod default\/solo /,
    onlyHere: simulated,
  },
  { args: "logs solo -c none", code: 1, error: /container none is not valid for pod solo/ },
  {
    args: "exec solo -- ls",
    code: 1,
    error: /exec is not possible: workloads of this API are simulated/,
    onlyHere: simulated,
  },
  { args: "describe pod solo", out: /^Name: +solo\n/ },
  { args: "describe deployment web", out: /^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available/m },
  { args: "describe service web", out: /^Endpoints: +10\./m },
  { args: "delete pod solo --now", out: /pod "solo" (?:force )?deleted/ },
  { args: "get all -o name", out: /^pod\/[\s\S]*service\/web\n[\s\S]*deployment.apps\/web\n/ },
  { args: "create quota q --hard=pods=5", out: "resourcequota/q created\n" },
  { args: "create pdb p --selector=app=web --min-available=1", out: "poddisruptionbudget.policy/p created\n" },
  { args: "get pdb", out: /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\np +1 +N\/A / },
  { args: "create priorityclass high --value=10", out: "priorityclass.scheduling.k8s.io/high created\n" },
  { args: "get events", code: 0 },
  { args: "taint node tiphys-simulated a=b:NoSchedule", out: "node/tiphys-simulated tainted\n", onlyHere: simulated },
  { args: "cordon tiphys-simulated", out: "node/tiphys-simulated cordoned\n", onlyHere: simulated },
  { args: "explain deployment.spec.replicas", out: /^FIELD: replicas <integer>$/m },
  { args: "explain pod.spec.containers", out: /^FIELD: containers <\[\]Container>$/m },
  { args: "auth whoami", out: /Username +admin/, onlyHere: "the name is this server's" },
  { args: "auth can-i create pods", out: "yes\n" },
  { args: `auth can-i create pods ${nobody}`, code: 1, out: "no\n" },
  {
    args: `get configmaps ${nobody}`,
    code: 1,
    error:
      /^Error from server \(Forbidden\): configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "default"\n$/,
  },
  {
    args: "create role reader --verb=get,list --resource=configmaps",
    out: "role.rbac.authorization.k8s.io/reader created\n",
  },
  {
    args: "create rolebinding readers --role=reader --user=nobody",
    out: "rolebinding.rbac.authorization.k8s.io/readers created\n",
  },
  { args: `get configmaps ${nobody}`, code: 0 },
  { args: `create configmap no ${nobody}`, code: 1, error: /cannot create resource "configmaps"/ },
  { args: `get configmaps -A ${nobody}`, code: 1, error: /at the cluster scope/ },
  { args: "get rolebinding readers", out: /^NAME +ROLE +AGE\nreaders +Role\/reader / },
  {
    args: "create clusterrole nodes --verb=get --resource=nodes",
    out: "clusterrole.rbac.authorization.k8s.io/nodes created\n",
  },
  {
    args: "create clusterrolebinding nodes --clusterrole=nodes --group=people",
    out: /clusterrolebinding\S+ created\n$/,
  },
  { args: "auth can-i get nodes --as=x --as-group=people", out: /^yes\n$/ },
  { args: "create serviceaccount bot", out: "serviceaccount/bot created\n" },
  { args: "create token bot", out: /^[\w-]+\.[\w-]+\.[\w-]+\n?$/ },
  { args: "create token nobody", code: 1, error: /serviceaccounts "nobody" not found/ },
  { args: "apply -f -", input: definition, out: /gadgets.example.com created\n$/ },
  { args: "wait --for=condition=Established crd/gadgets.example.com", out: /condition met\n$/ },
  {
    args: "explain gadget.spec.color",
    out: /^FIELD: color <string>\n(?:ENUM:\n {4}red\n {4}blue\n)?\nDESCRIPTION:\n {4}How it looks\./m,
  },
  { args: "apply -f -", input: gadget({}), code: 1, error: /The Gadget "g" is invalid: spec.color: Required value/ },
  {
    args: "apply -f -",
    input: gadget({ color: "green" }),
    code: 1,
    error: /spec.color: Unsupported value: "green": supported values: "red", "blue"/,
  },
  {
    args: "apply -f -",
    input: gadget({ color: "red", replicas: "two" }),
    code: 1,
    error: /spec.replicas in body must be of type integer: "string"/,
  },
  {
    args: "apply -f -",
    input: gadget({ color: "red", replicas: 6 }),
    code: 1,
    error: /spec: Invalid value: (?:"object"|\{.*\}): at most five/,
  },
  {
    args: "apply -f -",
    input: gadget({ color: "red", colour: "x" }),
    code: 1,
    error: /strict decoding error: unknown field "spec.colour"/,
  },
  {
    args: "apply -f - --validate=ignore",
    input: gadget({ color: "red", colour: "x" }),
    out: "gadget.example.com/g created\n",
  },
  { args: "get gadget g -o jsonpath={.spec}", out: '{"color":"red","replicas":1}' },
  { args: "get gd", out: /^NAME +COLOR\ng +red\n$/ },
  { args: "scale gadget g --replicas=3", out: "gadget.example.com/g scaled\n" },
  { args: "get gadget g -o jsonpath={.spec.replicas}", out: "3" },
  { args: "get all -o name", out: /gadget.example.com\/g/ },
  { args: "delete crd gadgets.example.com", out: /"gadgets.example.com" deleted/ },
  {
    args: "create -f -",
    input: deployment({ replica: 2 }),
    code: 1,
    error:
      /\(BadRequest\): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica"/,
  },
  {
    args: "create -f -",
    input: deployment({ replicas: "two" }),
    code: 1,
    error: /json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32/,
  },
  {
    args: "create -f -",
    input: deployment({ selector: { matchLabels: { app: "other" } } }),
    code: 1,
    error:
      /The Deployment "bad" is invalid: spec.template.metadata.labels: Invalid value: .*`selector` does not match template `labels`/,
  },
  {
    args: "create -f -",
    input: deployment({ replicas: -1 }),
    code: 1,
    error: /spec.replicas: Invalid value: -1: must be greater than or equal to 0/,
  },
  {
    args: "apply --server-side -f -",
    input: deployment({ replica: 2 }),
    code: 1,
    error:
      /failed to create typed patch object \(default\/bad; apps\/v1, Kind=Deployment\): .spec.replica: field not declared in schema/,
  },
  {
    args: 'patch deployment web -p {"spec":{"selector":{"matchLabels":{"app":"x"}}}}',
    code: 1,
    error: /spec.selector: Invalid value: .*: field is immutable/,
  },
  {
    args: "get --raw /api/v1/namespaces/default/configmaps?resourceVersion=999999999",
    code: 1,
    error: /Too large resource version: 999999999, current: \d+/,
  },
  { args: "get --raw /api/v1/namespaces/default/configmaps?limit=x", code: 1, error: /./ },
  { args: "get cm -l a=b=c", code: 1, error: /unable to parse requirement|found '='/ },
  { args: "get cm --field-selector spec.none=x", code: 1, error: /field label not supported/ },
  {
    args: "get --raw /apis/apps/v1/nothing",
    code: 1,
    error: /\(NotFound\): the server could not find the requested resource/,
  },
];
