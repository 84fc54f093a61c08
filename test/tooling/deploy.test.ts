/**
 * What is in deploy/ for systemd, containers and Kubernetes: that it parses, says only what there is, and is as closed as it says. Where
 * systemd is installed its own check is run, and its notifications are heard.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "commander";
import { parse } from "yaml";
import { addNodeFlags } from "../../src/cli/node-flags.ts";
import { kebabCase } from "../../src/cli/settings.ts";
import { nodeOptionsSchema, parseNodeOptions } from "../../src/node-options.ts";
import {
  type DisruptionBudget,
  expandedArgs,
  mistypedIn,
  parseResources,
  type Resources,
  type Service,
  type StatefulSet,
  specOf,
} from "../deploy/resources.ts";

const run = promisify(execFile);
const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const read = (path: string): Promise<string> => readFile(join(DEPLOY, path), "utf8");

const KNOWN_FLAGS = new Set(
  addNodeFlags(new Command(), "one").options.map(({ long }) => long ?? ""),
);

/** Flags of `dnd start` in a text, by name. */
function flagsIn(text: string): Map<string, string> {
  const flags = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/(--[a-z][a-z-]+)(?:[= ]("[^"]*"|[^\s",\]]+))?/g)) {
    flags.set(name ?? "", (value ?? "").replaceAll('"', ""));
  }
  return flags;
}

function assertKnown(flags: ReadonlyMap<string, string>): void {
  assert.ok(flags.size > 0);
  for (const flag of flags.keys()) assert.ok(KNOWN_FLAGS.has(flag), `${flag} is a flag`);
}

const resources = async (): Promise<Resources> => parseResources(await read("kubernetes/dnd.yaml"));

test("every flag there is a setting, and the other way round", () => {
  for (const option of Object.keys(nodeOptionsSchema.shape)) {
    assert.ok(KNOWN_FLAGS.has(`--${kebabCase(option)}`), option);
  }
});

test("Kubernetes: pods run as nobody, change nothing but their data, and have time to drain", async () => {
  const all = await resources();
  const spec = specOf<StatefulSet>(all, "StatefulSet dnd");
  const pod = spec.template.spec;
  const [container] = pod.containers;
  assert.equal(pod.securityContext.runAsNonRoot, true);
  assert.ok(pod.securityContext.runAsUser >= 10_000);
  assert.equal(pod.automountServiceAccountToken, false);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assert.equal(container.readinessProbe.httpGet.path, "/ready");
  assert.equal(container.livenessProbe.httpGet.path, "/health");
  const flags = flagsIn(container.args.join(" "));
  assertKnown(flags);
  const drainMs = Number(flags.get("--drain-ms")) + Number(flags.get("--drain-notice-ms"));
  assert.ok(1_000 * pod.terminationGracePeriodSeconds > drainMs + 5_000);
  const noticeMs = Number(flags.get("--drain-notice-ms"));
  assert.ok(noticeMs > 1_000 * container.readinessProbe.periodSeconds, "somebody notices");
  assert.equal(spec.podManagementPolicy, "OrderedReady");
});

test("Kubernetes: the name that peers are found by is that of a headless service of the same pods", async () => {
  const all = await resources();
  const spec = specOf<StatefulSet>(all, "StatefulSet dnd");
  const service = specOf<Service>(all, `Service ${spec.serviceName}`);
  assert.equal(service.clusterIP, "None");
  assert.equal(service.publishNotReadyAddresses, true);
  assert.deepEqual(service.selector, spec.selector.matchLabels);
  assert.deepEqual(spec.template.metadata.labels, spec.selector.matchLabels);
  const flags = flagsIn(spec.template.spec.containers[0].args.join(" "));
  assert.equal(flags.get("--peers"), `dns:${spec.serviceName}`);
  const clients = specOf<Service>(all, "Service dnd");
  assert.ok(flags.get("--allowed-hosts")?.split(",").includes("dnd"));
  const named = spec.template.spec.containers[0].ports.map(({ name }) => name);
  for (const port of clients.ports) assert.ok(named.includes(port.targetPort));
  const budget = specOf<DisruptionBudget>(all, "PodDisruptionBudget dnd");
  assert.equal(budget.maxUnavailable, 1);
  assert.deepEqual(budget.selector, { matchLabels: service.selector });
});

test("Kubernetes: the first pod alone may found the cluster; each knows its names and its address", async () => {
  const all = await resources();
  const [container] = specOf<StatefulSet>(all, "StatefulSet dnd").template.spec.containers;
  const said = (pod: string): string => {
    const variables = { POD_NAME: pod, POD_NAMESPACE: "stores", POD_IP: "10.1.2.3" };
    const [shell = "", flag = "", script = "", name = ""] = container.command;
    const args = [flag, script.replace("exec dnd", "echo dnd"), name];
    const env = { ...process.env, ...variables };
    const all = [...args, ...expandedArgs(container, variables)];
    const ran = spawnSync(shell, all, { env, encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout;
  };
  const first = said("dnd-0");
  assert.match(first, /^dnd start .* --advertise=10\.1\.2\.3:5000 .* --founder$/m);
  const hosts = /--allowed-hosts=(\S+)/.exec(first)?.[1]?.split(",") ?? [];
  for (const host of ["dnd", "dnd.stores", "dnd.stores.svc.cluster.local", "dnd-0.dnd-peers"]) {
    assert.ok(hosts.includes(host), host);
  }
  for (const pod of ["dnd-1", "dnd-2", "dnd-10"]) assert.doesNotMatch(said(pod), /founder/);
});

test("Kubernetes: every field is one that there is, with a value of its type", async () => {
  const text = await read("kubernetes/dnd.yaml");
  assert.deepEqual(mistypedIn([...parseResources(text).values()]), []);
  for (const [right, wrong] of [
    ["fsGroupChangePolicy", "fsGroupChangePolicies"],
    ["replicas: 3", "replicas: three"],
    ["{ port: 6400 }", "{ prot: 6400 }"],
    ["serviceName: dnd-peers", ""],
  ] as const) {
    const planted = parseResources(text.replace(right, wrong));
    assert.equal(mistypedIn([...planted.values()]).length, 1, right);
  }
});

test("compose: three nodes of one cluster, closed, with time to drain", async () => {
  const compose = parse(await read("container/compose.yaml"), { merge: true }) as {
    services: Record<string, Record<string, unknown> & { command: string[] }>;
  };
  const services = Object.values(compose.services);
  assert.equal(services.length, 3);
  let founders = 0;
  for (const service of services) {
    assert.equal(service["read_only"], true);
    assert.equal(service["user"], "10001:10001");
    assert.deepEqual(service["cap_drop"], ["ALL"]);
    assert.deepEqual(service["security_opt"], ["no-new-privileges:true"]);
    const flags = flagsIn(service.command.join(" "));
    assertKnown(flags);
    founders += Number(flags.has("--founder"));
    const { cluster } = service["networks"] as { cluster: { aliases: string[] } };
    assert.deepEqual(cluster.aliases, [flags.get("--allowed-hosts")], "it answers to their name");
    assert.equal(flags.get("--peers"), `dns:${cluster.aliases[0]}`);
    const graceMs = 1_000 * Number.parseInt(String(service["stop_grace_period"]), 10);
    assert.ok(graceMs > parseNodeOptions({}).drainMs + 5_000);
    for (const port of service["ports"] as string[]) assert.match(port, /^127\.0\.0\.1:/);
  }
  assert.equal(founders, 1);
});

test("the image runs as nobody, its program as the first process", async () => {
  const lines = (await read("container/Dockerfile")).replaceAll("\\\n", " ").split("\n");
  const instructions = lines.filter((line) => /^[A-Z]+ /.test(line.trim()));
  const last = (word: string): string =>
    instructions.findLast((line) => line.startsWith(`${word} `)) ?? "";
  assert.match(last("FROM"), /^FROM node:24-[a-z]+-slim$/, "the runtime that is tested");
  assert.equal(last("USER"), "USER 10001:10001");
  for (const word of ["ENTRYPOINT", "CMD"]) {
    const list = JSON.parse(last(word).slice(word.length)) as string[];
    assert.ok(list.length > 0, `${word} starts no shell`);
  }
  assert.ok(instructions.indexOf(last("USER")) > instructions.indexOf(last("RUN")));
  for (const port of ["5000/tcp", "5000/udp", "6000", "6080", "6400"]) {
    assert.ok(last("EXPOSE").includes(port));
  }
});

test("systemd takes the unit, and finds it closed", async (t) => {
  if (!has(t, "systemd-analyze")) return;
  const folder = await mkdtemp(join(tmpdir(), "dnd-unit-"));
  t.after(() => rm(folder, { recursive: true }));
  const unit = await read("systemd/dnd.service");
  const flags = flagsIn(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "");
  assertKnown(new Map([...flags].filter(([name]) => name !== "--log-format")));
  const stopMs = 1_000 * Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
  assert.ok(stopMs > parseNodeOptions({}).drainMs + 5_000);
  // The check looks for the program too.
  const path = join(folder, "dnd.service");
  await writeFile(path, unit.replace("/usr/local/bin/dnd", process.execPath));
  const checked = await run("systemd-analyze", ["verify", "--man=no", path]);
  assert.equal(`${checked.stdout}${checked.stderr}`.trim(), "");
});

/** Whether a program is installed here; else the test is skipped. */
function has(t: TestContext, program: string): boolean {
  const found = spawnSync(program, ["--version"]).error === undefined;
  if (!found) t.skip(`${program} is not installed`);
  return found;
}
