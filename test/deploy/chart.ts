/** The chart in deploy/helm, rendered by Helm itself. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseResources, type Resources } from "./resources.ts";

export const CHART = fileURLToPath(new URL("../../deploy/helm/dnd/", import.meta.url));

/** As a person may write them in a file for `--values`. */
export type Values = Readonly<Record<string, unknown>>;

export class Helm {
  readonly #program: string;
  readonly #folder: string = mkdtempSync(join(tmpdir(), "dnd-helm-"));

  constructor(program: string) {
    this.#program = program;
  }

  /** What a release is made of. */
  render(values: Values = {}, release = "dnd"): Resources {
    return parseResources(this.#run(["template", release, CHART, ...this.#given(values)]));
  }

  /** What is said to whoever installs a release; nothing comes from Helm 3, which asks a cluster first. */
  notes(values: Values = {}): string | undefined {
    const args = ["install", "dnd", CHART, "--dry-run=client", ...this.#given(values)];
    return this.#spawn(args).stdout.split("\nNOTES:\n")[1];
  }

  /** `v4.1.4`. */
  version(): string {
    return this.#run(["version", "--short"]).trim();
  }

  /** What is wrong with values; empty where nothing is. */
  complaint(values: Values): string {
    const args = ["template", "dnd", CHART, ...this.#given(values)];
    const { status, stderr } = this.#spawn(args);
    return status === 0 ? "" : stderr;
  }

  /** What Helm's own check says; the exit status is not 0 where it finds a fault. */
  lint(values: Values = {}): { readonly status: number | null; readonly stdout: string } {
    return this.#spawn(["lint", "--strict", CHART, ...this.#given(values)]);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #given(values: Values): readonly string[] {
    const path = join(this.#folder, "values.json");
    writeFileSync(path, JSON.stringify(values));
    return ["--namespace", "stores", "--values", path];
  }

  #run(args: readonly string[]): string {
    return execFileSync(this.#program, args, { env: this.#env, encoding: "utf8" });
  }

  #spawn(args: readonly string[]): {
    readonly status: number | null;
    readonly stdout: string;
    readonly stderr: string;
  } {
    return spawnSync(this.#program, args, { env: this.#env, encoding: "utf8" });
  }

  /** It finds no cluster of the person who runs the test, and keeps nothing in their home. */
  get #env(): NodeJS.ProcessEnv {
    const folder = this.#folder;
    return {
      ...process.env,
      KUBECONFIG: join(folder, "none"),
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
    };
  }
}
