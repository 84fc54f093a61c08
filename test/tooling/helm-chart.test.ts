/**
 * The chart in deploy/helm: that it makes of its defaults what deploy/kubernetes/dnd.yaml has, that each value does what it
 * says and no other is taken, and that nodes take what they are started with.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Command } from "commander";
import { parse } from "yaml";
import { z } from "zod";
import { addNodeFlags, type NodeFlags } from "../../src/cli/node-flags.ts";
import { resolveSettings, type Settings } from "../../src/cli/settings.ts";
import { nodeOptionsSchema } from "../../src/node-options.ts";
import { CHART, Helm, type Values } from "../deploy/chart.ts";
import { programOrSkip } from "../deploy/programs.ts";
import {
  type Container,
  type DisruptionBudget,
  expandedArgs,
  mistypedIn,
  parseResources,
  type Resource,
  type Resources,
  type Service,
  type StatefulSet,
  specOf,
} from "../deploy/resources.ts";
import { ROWS } from "../deploy/value-rows.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");
const readChart = (path: string): string => readFileSync(`${CHART}${path}`, "utf8");

/** What Helm adds for itself. */
const LABELS_OF_HELM = [
  "app.kubernetes.io/managed-by",
  "app.kubernetes.io/version",
  "helm.sh/chart",
];
const VARIABLES = { POD_NAME: "dnd-0", POD_NAMESPACE: "stores", POD_IP: "10.1.2.3", ZONE: "a" };

function helmOrSkip(t: TestContext): Helm | undefined {
  const program = programOrSkip(t, "helm");
  if (program === undefined) return undefined;
  const helm = new Helm(program);
  t.after(() => helm.close());
  return helm;
}

function containerOf(all: Resources, name = "dnd"): Container {
  return specOf<StatefulSet>(all, `StatefulSet ${name}`).template.spec.containers[0];
}

/** What `dnd start` makes of a container's arguments. */
async function settingsOf(container: Container, variables = VARIABLES): Promise<Settings> {
  const command = addNodeFlags(new Command(), "one").exitOverride();
  command.parse(expandedArgs(container, variables), { from: "user" });
  return await resolveSettings(command.opts<NodeFlags>());
}

test("the chart makes of its defaults what the manifest has", (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const rendered = helm.render();
  for (const { metadata } of rendered.values()) {
    for (const label of LABELS_OF_HELM) {
      const labels = metadata.labels as Record<string, string>;
      assert.ok(labels[label] !== undefined, label);
      delete labels[label];
    }
  }
  const manifest = parseResources(read("deploy/kubernetes/dnd.yaml"));
  assert.deepEqual([...rendered.keys()].sort(), [...manifest.keys()].sort());
  for (const [name, resource] of manifest) assert.deepEqual(rendered.get(name), resource, name);
});

test("all that deploys a version deploys this one", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  const chart = parse(readChart("Chart.yaml")) as { version: string; appVersion: string };
  assert.deepEqual([chart.version, chart.appVersion], [version, version]);
  const manifest = parseResources(read("deploy/kubernetes/dnd.yaml"));
  assert.equal(containerOf(manifest).image, `dnd:${version}`);
  assert.match(
    read("deploy/container/compose.yaml"),
    new RegExp(`^ {2}image: dnd:${version}$`, "m"),
  );
  for (const path of ["deploy/README.md", "deploy/container/Dockerfile"]) {
    const said = [...read(path).matchAll(/(?:-t dnd:|definitely-not-dynamo-dnd-)([\d.]+\d)/g)];
    assert.ok(said.length >= 2, path);
    for (const [whole, each] of said) assert.equal(each, version, `${path}: ${whole}`);
  }
});

test("each value does what it says, and what comes of it are fields that there are", async (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const rendered = new Map<string, Resource>();
  for (const { set, resource = "StatefulSet dnd", at, is } of ROWS) {
    const all = helm.render(nested(set[0].split("."), set[1]));
    const found = valueAt(all.get(resource), at);
    const what = `${set[0]} = ${JSON.stringify(set[1])}`;
    if (Array.isArray(found) && typeof is === "string") assert.ok(found.includes(is), what);
    else assert.deepEqual(found, is, what);
    for (const each of all.values()) rendered.set(JSON.stringify(each), each);
  }
  const own = [...rendered.values()].filter(({ kind }) => kind !== "ServiceMonitor");
  assert.ok(own.length > ROWS.length);
  assert.deepEqual(mistypedIn(own), []);
  for (const { kind, spec } of own) {
    if (kind !== "StatefulSet") continue;
    await settingsOf((spec as StatefulSet).template.spec.containers[0]);
  }
});

test("no value is without a test", () => {
  const paths = ROWS.map(({ set }) => set[0]);
  const isTested = (path: string): boolean =>
    paths.some((each) => path === each || path.startsWith(`${each}.`));
  const all = leavesOf(parse(readChart("values.yaml")) as Values);
  assert.ok(all.length > 40);
  assert.deepEqual(
    all.filter((path) => !isTested(path)),
    [],
  );
});

test("the defaults of the chart are a node's own, but for the notice before a stop and the log", async () => {
  const manifest = parseResources(read("deploy/kubernetes/dnd.yaml"));
  const { options, logFormat } = await settingsOf(containerOf(manifest));
  const defaults = nodeOptionsSchema.parse({});
  assert.equal(logFormat, "json");
  const { advertise, address, insecure, dataDir, peers, allowedHosts, ...others } = options;
  assert.deepEqual([advertise, address, insecure], ["10.1.2.3:5000", "0.0.0.0", true]);
  assert.deepEqual([dataDir, peers], ["/data/node", ["dns:dnd-peers"]]);
  assert.equal(allowedHosts.length, 6);
  assert.deepEqual(others, {
    ...Object.fromEntries(Object.keys(others).map((name) => [name, valueAt(defaults, name)])),
    // What the command line listens on, and what founds a cluster.
    serverPort: 6_000,
    webPort: 6_080,
    redisPort: 6_400,
    replicas: 3,
    writeQuorum: "sloppy",
    drainNoticeMs: 5_000,
  });
});

test("the schema of the values has a node's settings, all but those that the chart sees to", () => {
  const own =
    "address advertise port serverPort webPort redisPort dataDir peers zone founder allowedHosts insecure";
  const { properties = {} } = z.toJSONSchema(nodeOptionsSchema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
  });
  const expected = Object.fromEntries(
    Object.entries(properties).filter(([name]) => !own.split(" ").includes(name)),
  );
  const { logLevel, logFormat, ...settings } = settingsSchema();
  assert.deepEqual(settings, expected);
  assert.deepEqual(
    [logLevel, logFormat],
    [{ enum: ["debug", "info", "warn", "error"] }, { enum: ["text", "json"] }],
  );
});

test("every setting that the schema has reaches the node as it was given", async (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const given = {
    redisScan: "node",
    durability: "os",
    dnsServer: "10.0.0.1:53",
    weight: 2,
    freeBytesMin: 2 ** 40,
    drainMs: 100,
    drainNoticeMs: 1_000,
    removeAfter: 86_400_000,
    scrubMs: 31_536_000_000,
    tracesTo: "http://collector:4318/v1/traces",
    tracesRatio: 0.5,
    replicas: 1,
    writeQuorum: "strict",
    keyBytesMax: 512,
    valueBytesMax: 4_096,
    graceMs: 0,
  };
  const all = helm.render({ settings: { ...given, logLevel: "debug", logFormat: "text" } });
  const { options, logLevel, logFormat } = await settingsOf(containerOf(all));
  for (const [name, value] of Object.entries(given)) assert.equal(valueAt(options, name), value);
  assert.deepEqual([logLevel, logFormat], ["debug", "text"]);
  assert.deepEqual(
    [...Object.keys(given), "logFormat", "logLevel"].sort(),
    Object.keys(settingsSchema()).sort(),
  );
});

test("a machine without a zone gives its pods none", async (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const container = containerOf(helm.render({ zone: { fromTopology: true } }));
  assert.equal((await settingsOf(container)).options.zone, "a");
  assert.equal((await settingsOf(container, { ...VARIABLES, ZONE: "" })).options.zone, "");
});

test("values that there are not, or that are out of bounds, are refused by name", (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  for (const [values, said] of [
    [{ replicaCounts: 3 }, /replicaCounts/],
    [{ replicaCount: "three" }, /replicaCount/],
    [{ settings: { drainMss: 1 } }, /drainMss/],
    [{ settings: { replicas: 17 } }, /replicas/],
    [{ settings: { drainMs: null } }, /drainMs/],
    [{ settings: { port: 5001 } }, /port/],
    [{ persistence: { size: "ten" } }, /size/],
    [{ persistence: { accessModes: ["ReadWriteMany"] } }, /accessModes/],
    [{ topologySpread: [{ topologyKey: "a" }] }, /maxSkew/],
    [{ image: { pullPolicy: "Sometimes" } }, /pullPolicy/],
  ] as const) {
    assert.match(helm.complaint(values), said);
  }
});

test("releases of one namespace keep to their own pods", async (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const releases = ["dnd", "prod"].map((release) => helm.render({}, release));
  const [first, second] = releases as [Resources, Resources];
  assert.deepEqual(
    [...second.keys()].filter((name) => first.has(name)),
    [],
  );
  const spec = specOf<StatefulSet>(second, "StatefulSet prod-dnd");
  const selectors = [
    specOf<Service>(second, "Service prod-dnd").selector,
    specOf<Service>(second, `Service ${spec.serviceName}`).selector,
    specOf<DisruptionBudget>(second, "PodDisruptionBudget prod-dnd").selector.matchLabels,
    spec.selector.matchLabels,
  ];
  for (const selector of selectors) {
    assert.deepEqual(selector, spec.template.metadata.labels);
    assert.equal(selector["app.kubernetes.io/instance"], "prod");
  }
  const { options } = await settingsOf(containerOf(second, "prod-dnd"));
  assert.deepEqual(options.peers, [`dns:${spec.serviceName}`]);
  assert.ok(options.allowedHosts.includes("prod-dnd"));
});

test("names as long as Helm allows stay within Kubernetes' limits", (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const all = helm.render({}, "r".repeat(53));
  for (const { kind, metadata } of all.values()) {
    // A pod's label is made of the set's name and a hash of ten characters.
    assert.ok(metadata.name.length <= (kind === "StatefulSet" ? 52 : 63), metadata.name);
    for (const label of Object.values(metadata.labels)) assert.ok(label.length <= 63, label);
  }
});

test("Helm's own check finds nothing, and would", (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  const checked = helm.lint();
  assert.equal(checked.status, 0, checked.stdout);
  assert.doesNotMatch(checked.stdout, /WARNING|ERROR/);
  assert.notEqual(helm.lint({ replicaCount: 0 }).status, 0);
});

test("who installs it is told what to do next", (t) => {
  const helm = helmOrSkip(t);
  if (helm === undefined) return;
  if (helm.version().startsWith("v3")) return t.skip("Helm 3 makes no notes without a cluster");
  const notes = (values: Values = {}): string => helm.notes(values) ?? assert.fail("no notes");
  assert.match(notes(), /helm upgrade dnd .*--namespace stores .*--set founder=false/);
  assert.doesNotMatch(notes(), /WARNING|Prometheus/);
  assert.doesNotMatch(notes({ founder: false }), /founder/);
  assert.match(notes({ networkPolicy: { enabled: false } }), /WARNING: there is no network/);
  assert.match(notes({ serviceMonitor: { enabled: true } }), /networkPolicy\.scrapers/);
});

function settingsSchema(): Readonly<Record<string, unknown>> {
  const schema = JSON.parse(readChart("values.schema.json")) as {
    properties: { settings: { properties: Record<string, unknown> } };
  };
  return schema.properties.settings.properties;
}

/** `{ a: { b: value } }` of `a`, `b` and `value`. */
function nested([name = "", ...rest]: readonly string[], value: unknown): Values {
  return { [name]: rest.length === 0 ? value : nested(rest, value) };
}

function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const name of path.split(".").filter((part) => part !== "")) {
    value = (value as Values | undefined)?.[name];
  }
  return value;
}

/** The paths of all values that are no objects, or empty ones. */
function leavesOf(values: Values, path = ""): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const isLeaf =
      typeof value !== "object" ||
      value === null ||
      Array.isArray(value) ||
      Object.keys(value).length === 0;
    return isLeaf ? [`${path}${name}`] : leavesOf(value as Values, `${path}${name}.`);
  });
}
