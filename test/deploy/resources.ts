/** Kubernetes resources as tests look at them: parsed, named, and held against the types of Kubernetes' own API. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TYPES = join(ROOT, "node_modules", "kubernetes-types");

type Labels = Readonly<Record<string, string>>;

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Labels };
  readonly spec: unknown;
}

interface Probe {
  readonly httpGet: { readonly path: string };
  readonly periodSeconds: number;
}

export interface StatefulSet {
  readonly serviceName: string;
  readonly podManagementPolicy: string;
  readonly selector: { readonly matchLabels: Labels };
  readonly template: {
    readonly metadata: { readonly labels: Labels };
    readonly spec: {
      readonly automountServiceAccountToken: boolean;
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
      readonly containers: readonly [Container];
    };
  };
}

export interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly ports: readonly { readonly name: string }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: unknown;
}

export interface Service {
  readonly clusterIP?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly selector: Labels;
  readonly ports: readonly { readonly targetPort: string }[];
}

export interface DisruptionBudget {
  readonly maxUnavailable: number;
  readonly selector: { readonly matchLabels: Labels };
}

/** By kind and name, `StatefulSet dnd`. */
export type Resources = ReadonlyMap<string, Resource>;

export function parseResources(text: string): Resources {
  const found = new Map<string, Resource>();
  for (const document of parseAllDocuments(text)) {
    assert.deepEqual([...document.errors, ...document.warnings], []);
    const resource = document.toJS() as Resource;
    const name = `${resource.kind} ${resource.metadata.name}`;
    assert.ok(!found.has(name), `one ${name}`);
    found.set(name, resource);
  }
  return found;
}

/** The spec of a resource, as a test expects it to be made. */
export function specOf<Spec>(all: Resources, name: string): Spec {
  const resource = all.get(name);
  assert.ok(resource !== undefined, `there is ${name}`);
  return resource.spec as Spec;
}

/** What a container's process is started with, as the kubelet makes it: `$(NAME)` in arguments is a variable's value. */
export function expandedArgs(
  container: Container,
  variables: Readonly<Record<string, string>>,
): readonly string[] {
  const known = new Set(container.env.map(({ name }) => name));
  return container.args.map((arg) =>
    arg.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => {
      assert.ok(known.has(name), `${whole} is in the environment`);
      return variables[name] ?? "";
    }),
  );
}

/** Kinds that are not Kubernetes' own have no types there. */
const MODULES: Readonly<Record<string, string>> = {
  "v1 Service": "core/v1",
  "apps/v1 StatefulSet": "apps/v1",
  "networking.k8s.io/v1 NetworkPolicy": "networking/v1",
  "policy/v1 PodDisruptionBudget": "policy/v1",
};

/**
 * What the compiler finds wrong with resources as literals of their types, which are made of Kubernetes' OpenAPI
 * description: a field that there is not, one that is missing, a value of another type. Of what a string may be it knows nothing.
 */
export function mistypedIn(resources: readonly Resource[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "dnd-kubernetes-"));
  try {
    const lines = resources.map((resource, index) => {
      const module = MODULES[`${resource.apiVersion} ${resource.kind}`];
      assert.ok(module !== undefined, `${resource.apiVersion} ${resource.kind} is known`);
      const type = `import("${TYPES}/${module}").${resource.kind}`;
      return `export const resource${index}: ${type} = ${JSON.stringify(resource)};`;
    });
    const file = join(folder, "resources.ts");
    writeFileSync(file, lines.join("\n"));
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "preserve"];
    const args = [tsc, ...options, "--types", "", file];
    // Elsewhere than in the checkout, whose settings are for its own code.
    execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    return [];
  } catch (error) {
    const { stdout } = error as { readonly stdout?: string };
    if (stdout === undefined) throw error;
    return stdout.trim().split(/\n(?! )/);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
