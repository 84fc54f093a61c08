/** The processes that make load, as many as are needed: a share each, begun together, results added up. */
import { fileURLToPath } from "node:url";
import { Child } from "../processes/child.ts";
import type { GeneratorAnswer, GeneratorOrder } from "./generator.ts";
import { Latencies } from "./latencies.ts";
import type { Load, LoadResult, Protocol } from "./load.ts";

const PROGRAM = fileURLToPath(new URL("generator.ts", import.meta.url));

/** What all generators measured together. */
export interface Measured {
  readonly requests: number;
  readonly failed: number;
  readonly problem: string | undefined;
  /** Of the one that took longest. */
  readonly seconds: number;
  readonly bytesStored: number;
  readonly latencies: Latencies;
  /** Of each process. */
  readonly generatorCpuSeconds: readonly number[];
}

export interface Aim {
  readonly protocol: Protocol;
  readonly ports: readonly number[];
  readonly ms: number;
  readonly seed: number;
  /** Processes to use; fewer where there are fewer connections. */
  readonly generators: number;
}

export class Generators {
  readonly #children: Child<GeneratorOrder, GeneratorAnswer>[] = [];

  /** Connects. What is returned begins the load, once, and settles when it is over. */
  async prepare(load: Load, aim: Aim): Promise<() => Promise<Measured>> {
    const of = Math.min(aim.generators, load.connections);
    while (this.#children.length < of) {
      this.#children.push(new Child(`generator ${this.#children.length + 1}`, PROGRAM));
    }
    const children = this.#children.slice(0, of);
    const { protocol, ports, ms, seed } = aim;
    await Promise.all(
      children.map((child, index) =>
        child.order({
          kind: "prepare",
          share: { ...load, protocol, ports, ms, seed, index, of },
        }),
      ),
    );
    return async () => {
      const answers = await Promise.all(children.map((child) => child.order({ kind: "run" })));
      return sum(answers.flatMap((answer) => (answer.kind === "measured" ? answer.result : [])));
    };
  }

  async run(load: Load, aim: Aim): Promise<Measured> {
    const run = await this.prepare(load, aim);
    return await run();
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
  }
}

export function sum(results: readonly LoadResult[]): Measured {
  const total = (of: (result: LoadResult) => number): number =>
    results.reduce((amount, result) => amount + of(result), 0);
  return {
    requests: total(({ requests }) => requests),
    failed: total(({ failed }) => failed),
    problem: results.find(({ problem }) => problem !== undefined)?.problem,
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    bytesStored: total(({ bytesStored }) => bytesStored),
    latencies: Latencies.sum(results.map(({ latencies }) => Latencies.decode(latencies))),
    generatorCpuSeconds: results.map(({ cpuSeconds }) => cpuSeconds),
  };
}
