import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { appCommand } from "../../../src/cli/app.ts";
import { clusterCommand } from "../../../src/cli/cluster.ts";
import { gpgCommand } from "../../../src/cli/gpg.ts";
import { projCommand } from "../../../src/cli/proj.ts";
import { repoCommand } from "../../../src/cli/repo.ts";
import { remedyOf } from "../../../src/controllers/applications/wait-remedies.ts";
import type { Wait } from "../../../src/gitops/reconcile/waits.ts";
import { applicationOf } from "../../gitops/reconcile/applications.ts";

type Facts = Omit<Wait, "for" | "text"> & { readonly text?: string };

/** For each thing that is waited for what it may know, and what is to be pasted first; "": nothing. */
const table: Readonly<Record<Wait["for"], readonly (readonly [given: Facts, command: string])[]>> = {
  approval: [[{}, "tiphys app approve web"]],
  circle: [[{}, `tiphys app patch web --type merge --patch '{"metadata":{"annotations":{"tiphys.io/needs":null}}}'`]],
  cluster: [
    [{ text: "ComparisonError: Failed to load live state: x" }, "tiphys cluster get https://kubernetes.default.svc"],
    [{ text: "InvalidSpecError: there are no clusters with this name: x" }, "tiphys cluster list"],
  ],
  confirmation: [[{}, "tiphys app confirm-deletion web"]],
  deletion: [[{}, "tiphys app resources web"]],
  drift: [[{}, "tiphys app sync web"]],
  empty: [[{}, "tiphys app set web --allow-empty"]],
  error: [[{}, "tiphys app get web --hard-refresh"]],
  failed: [
    [{}, "tiphys app sync web"],
    [
      { text: "resource rbac.authorization.k8s.io:ClusterRole is not permitted in project default" },
      "tiphys proj allow-cluster-resource default rbac.authorization.k8s.io ClusterRole",
    ],
    [
      { text: "resource :Namespace is not permitted in project default" },
      "tiphys proj allow-cluster-resource default '' Namespace",
    ],
    [
      { text: "resource $(reboot)':Pod is not permitted in project default" },
      `tiphys proj allow-cluster-resource default '$(reboot)'\\''' Pod`,
    ],
    [
      { text: 'pods is forbidden: User "system:serviceaccount:shop:deployer" cannot create resource "pods"' },
      "kubectl auth can-i --list --as system:serviceaccount:shop:deployer",
    ],
  ],
  health: [[{}, "tiphys app get web -o tree"]],
  hold: [
    [{ holds: [{ kind: "application", application: "argocd/web" }] }, "tiphys app hold --list"],
    [{ holds: [{ kind: "selector", selector: "team in (a, b)" }, { kind: "all" }] }, "tiphys app hold --list"],
    [{ holds: [{ kind: "cluster", cluster: "https://c" }] }, "tiphys app hold --list"],
    [{}, "tiphys app hold --list"],
  ],
  hook: [[{}, "tiphys app get web"]],
  look: [[{}, "tiphys app get web --refresh"]],
  manual: [[{}, "tiphys app sync web"]],
  need: [
    [{ need: "argocd/base" }, "tiphys app why base"],
    [{ need: "team-a/base" }, "tiphys app why team-a/base"],
    [{ need: "argocd/a;reboot" }, "tiphys app why 'a;reboot'"],
    [{}, "tiphys app sync web"],
  ],
  "newer-revision": [[{}, "tiphys app terminate-op web"]],
  operation: [[{}, "tiphys app wait web --operation"]],
  policy: [[{}, "tiphys app sync web"]],
  project: [
    [
      { text: "InvalidSpecError: application repo https://a/b.git is not permitted in project 'default'" },
      "tiphys proj add-source default https://a/b.git",
    ],
    [
      {
        text: "application destination server 'https://cluster.c' and namespace 'x' do not match any of the allowed destinations in project 'default'",
      },
      "tiphys proj add-destination default https://cluster.c shop",
    ],
    [
      { text: "application 'web' in namespace 'argocd' is not allowed to use project 'default'" },
      "tiphys proj add-source-namespace default argocd",
    ],
    [
      { text: "Application referencing project default which does not exist" },
      "tiphys proj create default -s https://git.example/shop.git -d https://kubernetes.default.svc,shop",
    ],
    [{ text: "InvalidSpecError: another reason" }, "tiphys proj get default"],
  ],
  prune: [[{}, "tiphys app sync web --prune"]],
  quarantine: [[{}, "tiphys app sync web"]],
  repository: [
    [{ text: "ComparisonError: nowhere: app path does not exist" }, "tiphys app get web --hard-refresh"],
    [{ text: "unable to resolve 'x' to a commit" }, "tiphys app set web --revision HEAD"],
    [{ text: "repository not found" }, "tiphys repo list"],
  ],
  retry: [
    [{}, "tiphys app terminate-op web"],
    [
      {
        text: "no matching service account found for destination server x and namespace y. Retrying attempt #1 at 3PM.",
      },
      "tiphys proj add-destination-service-account default https://kubernetes.default.svc shop default",
    ],
  ],
  revision: [[{}, "tiphys app diff web"]],
  "self-heal": [[{}, "tiphys app sync web"]],
  shared: [[{}, "tiphys app sync web"]],
  signature: [[{}, "tiphys gpg list"]],
  "skip-reconcile": [
    [
      { text: "reconciling is turned off by argocd.argoproj.io/skip-reconcile" },
      `tiphys app patch web --type merge --patch '{"metadata":{"annotations":{"argocd.argoproj.io/skip-reconcile":null}}}'`,
    ],
    [{ text: "turned off by argocd.argoproj.io/skip-reconcile of the cluster blue" }, "tiphys cluster get blue"],
    [{ text: "its namespace team-a is not one of application.namespaces" }, ""],
  ],
  spec: [[{}, "tiphys app edit web"]],
  termination: [[{}, ""]],
  window: [[{}, "tiphys proj windows list default"]],
};

for (const [kind, cases] of Object.entries(table) as [Wait["for"], (typeof table)["hold"]][]) {
  for (const [given, first] of cases) {
    test(`what to do about a wait for ${kind}: ${given.text ?? JSON.stringify(given)}`, () => {
      const remedy = remedyOf({ for: kind, text: "", ...given }, applicationOf({}));
      const commands = [...remedy.matchAll(/`([^`]+)`/g)].map(([, command]) => command ?? "");
      assert.equal(commands[0] ?? "", first, remedy);
      for (const command of commands) if (command.startsWith("tiphys ")) assertTaken(command);
      assert.doesNotMatch(remedy, /NAME|undefined/);
    });
  }
}

test("a hold of many Applications is released as it was made", () => {
  const holds = [{ kind: "selector", selector: "team in (a, b)" }, { kind: "all" }] as const;
  assert.match(
    remedyOf({ for: "hold", text: "", holds }, applicationOf({})),
    /end it with `tiphys app hold --selector 'team in \(a, b\)' --release` and `tiphys app hold --all --release`/,
  );
});

/** The command line knows the command, each flag, and the number of its arguments. */
function assertTaken(command: string): void {
  const program = new Command("tiphys").option("-o, --output <format>");
  for (const one of [appCommand, clusterCommand, gpgCommand, projCommand, repoCommand]) program.addCommand(one());
  let isTaken = false;
  const stub = (one: Command): void => {
    one.exitOverride().configureOutput({ outputError: () => undefined });
    if (one.commands.length === 0) {
      one.action(() => {
        isTaken = true;
      });
    }
    for (const sub of one.commands) stub(sub);
  };
  stub(program);
  program.parse(wordsOf(command).slice(1), { from: "user" });
  assert.ok(isTaken, command);
}

/** As a shell splits them: blanks part, single quotes keep. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:'[^']*'|\\'|[^\s'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|\\(')/g, (_, kept, quote) => kept ?? quote));
}
