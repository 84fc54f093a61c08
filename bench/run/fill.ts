/** Fills systems with the keys that rows read and overwrite, each key once. */
import type { Generators } from "../load/generators.ts";
import type { Load, Protocol } from "../load/load.ts";
import type { Row, Side } from "../plan/row.ts";
import type { System, SystemName } from "../systems/system.ts";

const CONNECTIONS = 64;
/** Bytes that a connection sends ahead. */
const BATCH_BYTES = 8_192;
const BATCH_MAX = 32;
const WHATEVER_MS = 3_600_000;

export class Filler {
  readonly #generators: Generators;
  readonly #generatorCount: number;
  /** Keys filled so far, by system and prefix. */
  readonly #filled = new Map<string, number>();

  constructor(generators: Generators, generatorCount: number) {
    this.#generators = generators;
    this.#generatorCount = generatorCount;
  }

  /** What the rows need and is not there yet. Counters and hashes need nothing: they come with their first write. */
  async fillFor(rows: readonly Row[], systems: ReadonlyMap<SystemName, System>): Promise<void> {
    for (const { load, sides } of rows) {
      if (load.operation === "incr" || load.operation === "hset") continue;
      for (const side of sides) {
        const system = systems.get(side.system);
        if (system !== undefined) await this.#fill(load, side, system);
      }
    }
  }

  async #fill(load: Load, side: Side, system: System): Promise<void> {
    const dataset = `${side.system} ${load.prefix}`;
    if ((this.#filled.get(dataset) ?? 0) >= load.keyCount) return;
    const protocol = fillProtocol(side);
    const [bytes = 0] = load.valueBytes;
    const inFlight =
      protocol === "resp" ? Math.max(1, Math.min(BATCH_MAX, Math.floor(BATCH_BYTES / bytes))) : 1;
    const fill: Load = {
      ...load,
      operation: "fill",
      keys: "uniform",
      connections: CONNECTIONS,
      inFlight,
    };
    const { failed, problem } = await this.#generators.run(fill, {
      protocol,
      ports: system.ports(protocol),
      ms: WHATEVER_MS,
      seed: 1,
      generators: this.#generatorCount,
    });
    if (failed > 0) throw new Error(`filling ${side.system}: ${failed} failed: ${problem ?? ""}`);
    this.#filled.set(dataset, load.keyCount);
  }
}

/** The quickest way into a system. */
function fillProtocol({ system }: Side): Protocol {
  return system.startsWith("etcd") ? "etcd-leader" : "resp";
}
