/** Goes through all of a backup, and so finds whatever is wrong with it. */
import type { PlacedCell } from "../../core/operations/backup-difference.ts";
import { Progress } from "../progress.ts";
import { bytesOf, type Chain, cellsOf } from "./backup-chain.ts";

/** Throws `CliError` at the first thing that is wrong; what `onCell` was given before may be. */
export async function readThrough(
  chain: Chain,
  onCell: (cell: PlacedCell) => void = () => undefined,
): Promise<void> {
  const bytes = bytesOf(chain);
  const progress = new Progress("verified");
  let keys = 0;
  let bytesRead = 0;
  const onBytes = (read: number): void => {
    bytesRead = read;
  };
  for await (const cells of cellsOf(chain, { onBytes })) {
    for (const cell of cells) {
      onCell(cell);
      const { kind } = cell.cell;
      if (kind === "value" || kind === "container") keys += 1;
    }
    progress.update(keys, bytesRead / bytes);
  }
  progress.end(keys);
}
