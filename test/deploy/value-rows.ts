/** What each value of the chart does, where it can be seen in what is rendered: a row a value, or a few. */
import { readFileSync } from "node:fs";

export interface Row {
  /** The values' place, `image.tag`, and what is set there. */
  readonly set: readonly [string, unknown];
  readonly resource?: string;
  /** Where the outcome is expected, from the resource's root. */
  readonly at: string;
  readonly is: unknown;
}

const POD = "spec.template.spec";
const CONTAINER = `${POD}.containers.0`;
const PACKAGE = new URL("../../package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { readonly version: string };
const OPEN_TO = [{ namespaceSelector: {} }];

/** One row a value at least: a test holds that none is missing. */
export const ROWS: readonly Row[] = [
  { set: ["replicaCount", 5], at: "spec.replicas", is: 5 },
  { set: ["image.repository", "mine/dnd"], at: `${CONTAINER}.image`, is: `mine/dnd:${version}` },
  { set: ["image.tag", "7"], at: `${CONTAINER}.image`, is: "dnd:7" },
  { set: ["image.pullPolicy", "Always"], at: `${CONTAINER}.imagePullPolicy`, is: "Always" },
  {
    set: ["image.pullSecrets", [{ name: "key" }]],
    at: `${POD}.imagePullSecrets`,
    is: [{ name: "key" }],
  },
  {
    set: ["nameOverride", "store"],
    resource: "StatefulSet dnd-store",
    at: "spec.serviceName",
    is: "dnd-store-peers",
  },
  {
    set: ["fullnameOverride", "kv"],
    resource: "StatefulSet kv",
    at: "spec.serviceName",
    is: "kv-peers",
  },
  { set: ["settings.replicas", 5], at: `${CONTAINER}.args`, is: "--replicas=5" },
  { set: ["settings.writeQuorum", "strict"], at: `${CONTAINER}.args`, is: "--write-quorum=strict" },
  {
    set: ["settings.freeBytesMin", 2 ** 34],
    at: `${CONTAINER}.args`,
    is: `--free-bytes-min=${2 ** 34}`,
  },
  { set: ["settings.drainMs", 30_001], at: `${POD}.terminationGracePeriodSeconds`, is: 71 },
  { set: ["settings.drainNoticeMs", 0], at: `${POD}.terminationGracePeriodSeconds`, is: 55 },
  { set: ["settings.drainMs", 30_001], at: `${CONTAINER}.args`, is: "--drain-ms=30001" },
  { set: ["settings.logFormat", "text"], at: `${CONTAINER}.args`, is: "--log-format=text" },
  { set: ["settings.logLevel", "warn"], at: `${CONTAINER}.args`, is: "--log-level=warn" },
  { set: ["settings.removeAfter", "7d"], at: `${CONTAINER}.args`, is: "--remove-after=7d" },
  { set: ["settings.graceMs", 86_400_000], at: `${CONTAINER}.args`, is: "--grace-ms=86400000" },
  { set: ["founder", false], at: `${CONTAINER}.command`, is: ["dnd", "start"] },
  {
    set: ["peers", ["dns:other-peers", "10.0.0.1:5000"]],
    at: `${CONTAINER}.args`,
    is: "--peers=dns:dnd-peers,dns:other-peers,10.0.0.1:5000",
  },
  {
    set: ["allowedHosts", ["kv.example"]],
    at: `${CONTAINER}.args`,
    is: "--allowed-hosts=dnd,dnd-peers,$(POD_NAME).dnd-peers,dnd.$(POD_NAMESPACE),dnd.$(POD_NAMESPACE).svc,dnd.$(POD_NAMESPACE).svc.cluster.local,kv.example",
  },
  { set: ["zone.name", "rack 1"], at: `${CONTAINER}.args`, is: "--zone=rack 1" },
  { set: ["zone.fromTopology", true], at: `${CONTAINER}.args`, is: "--zone=$(ZONE)" },
  {
    set: ["zone.fromTopology", true],
    at: `${CONTAINER}.env.3.valueFrom.fieldRef.fieldPath`,
    is: "metadata.labels['topology.kubernetes.io/zone']",
  },
  {
    set: ["persistence.storageClass", "fast"],
    at: "spec.volumeClaimTemplates.0.spec.storageClassName",
    is: "fast",
  },
  {
    set: ["persistence.storageClass", "-"],
    at: "spec.volumeClaimTemplates.0.spec.storageClassName",
    is: "",
  },
  {
    set: ["persistence.size", "1Ti"],
    at: "spec.volumeClaimTemplates.0.spec.resources.requests.storage",
    is: "1Ti",
  },
  {
    set: ["persistence.accessModes", ["ReadWriteOncePod"]],
    at: "spec.volumeClaimTemplates.0.spec.accessModes",
    is: ["ReadWriteOncePod"],
  },
  {
    set: ["resources", { requests: { cpu: "2" } }],
    at: `${CONTAINER}.resources.requests.cpu`,
    is: "2",
  },
  { set: ["service.type", "NodePort"], resource: "Service dnd", at: "spec.type", is: "NodePort" },
  {
    set: ["service.annotations", { a: "b" }],
    resource: "Service dnd",
    at: "metadata.annotations",
    is: { a: "b" },
  },
  {
    set: ["podDisruptionBudget.enabled", false],
    resource: "PodDisruptionBudget dnd",
    at: "",
    is: undefined,
  },
  {
    set: ["podDisruptionBudget.maxUnavailable", "25%"],
    resource: "PodDisruptionBudget dnd",
    at: "spec.maxUnavailable",
    is: "25%",
  },
  { set: ["topologySpread", []], at: `${POD}.topologySpreadConstraints`, is: undefined },
  { set: ["networkPolicy.enabled", false], resource: "NetworkPolicy dnd", at: "", is: undefined },
  {
    set: ["networkPolicy.clients", OPEN_TO],
    resource: "NetworkPolicy dnd",
    at: "spec.ingress.1",
    is: { from: OPEN_TO, ports: [{ port: 6000 }, { port: 6400 }] },
  },
  {
    set: ["networkPolicy.clients", []],
    resource: "NetworkPolicy dnd",
    at: "spec.ingress.1",
    is: undefined,
  },
  {
    set: ["networkPolicy.scrapers", OPEN_TO],
    resource: "NetworkPolicy dnd",
    at: "spec.ingress.2",
    is: { from: OPEN_TO, ports: [{ port: 6000 }] },
  },
  {
    set: ["networkPolicy.peers", OPEN_TO],
    resource: "NetworkPolicy dnd",
    at: "spec.ingress.0.from.1",
    is: OPEN_TO[0],
  },
  {
    set: ["serviceMonitor", { enabled: true }],
    resource: "ServiceMonitor dnd",
    at: "spec",
    is: {
      jobLabel: "app.kubernetes.io/name",
      selector: {
        matchLabels: { "app.kubernetes.io/name": "dnd", "app.kubernetes.io/instance": "dnd" },
      },
      endpoints: [{ port: "http", path: "/metrics", interval: "15s" }],
    },
  },
  {
    set: ["serviceMonitor", { enabled: true, interval: "1m" }],
    resource: "ServiceMonitor dnd",
    at: "spec.endpoints.0.interval",
    is: "1m",
  },
  {
    set: ["serviceMonitor", { enabled: true, labels: { release: "prom" } }],
    resource: "ServiceMonitor dnd",
    at: "metadata.labels.release",
    is: "prom",
  },
  { set: ["serviceAccountName", "dnd"], at: `${POD}.serviceAccountName`, is: "dnd" },
  {
    set: ["podSecurityContext", { fsGroup: 1000650000 }],
    at: `${POD}.securityContext.fsGroup`,
    is: 1_000_650_000,
  },
  {
    set: ["securityContext", { runAsNonRoot: true }],
    at: `${CONTAINER}.securityContext.runAsNonRoot`,
    is: true,
  },
  {
    set: ["extraEnv", [{ name: "NODE_OPTIONS", value: "--max-old-space-size=1500" }]],
    at: `${CONTAINER}.env.3`,
    is: { name: "NODE_OPTIONS", value: "--max-old-space-size=1500" },
  },
  {
    set: ["podAnnotations", { a: "b" }],
    at: "spec.template.metadata.annotations",
    is: { a: "b" },
  },
  { set: ["podLabels", { a: "b" }], at: "spec.template.metadata.labels.a", is: "b" },
  { set: ["nodeSelector", { disk: "fast" }], at: `${POD}.nodeSelector`, is: { disk: "fast" } },
  {
    set: ["tolerations", [{ operator: "Exists" }]],
    at: `${POD}.tolerations`,
    is: [{ operator: "Exists" }],
  },
  {
    set: ["affinity", { podAntiAffinity: {} }],
    at: `${POD}.affinity`,
    is: { podAntiAffinity: {} },
  },
  { set: ["priorityClassName", "high"], at: `${POD}.priorityClassName`, is: "high" },
];
