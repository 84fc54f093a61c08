/** `dnd up`: a local cluster. */
import type { Command } from "commander";
import { usageError } from "../cli-error.ts";
import { addNodeFlags, type NodeFlags } from "../node-flags.ts";

interface UpFlags extends NodeFlags {
  readonly nodes: string;
}

export function addUp(program: Command): void {
  const command = program
    .command("up")
    .description(
      "run a cluster on this machine, one process a node, ports counted up from the given ones",
    )
    .option("--nodes <count>", "how many nodes", "3")
    .option("--data-dir <directory>", "where all nodes keep their data (default: .dnd)");
  addNodeFlags(command, "cluster").action(up);
}

async function up(flags: UpFlags): Promise<void> {
  const [{ resolveSettings }, { NODES_MAX, runLocalCluster }] = await Promise.all([
    import("../settings.ts"),
    import("../local-cluster.ts"),
  ]);
  const nodeCount = /^\d{1,3}$/.test(flags.nodes) ? Number(flags.nodes) : 0;
  if (nodeCount < 1 || nodeCount > NODES_MAX) {
    throw usageError(`--nodes is ${flags.nodes}: must be an integer from 1 to ${NODES_MAX}`);
  }
  await runLocalCluster(await resolveSettings(flags, "warn"), nodeCount);
}
