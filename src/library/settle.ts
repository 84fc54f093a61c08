/** Outcomes of plain reads and writes, as promises are settled with them: the hot path. */
import { DndError } from "../dnd-error.ts";
import type { ReadOutcome, WriteOutcome } from "../model/outcome.ts";
import { formatStamp } from "../model/stamp.ts";
import { Entry } from "./entry.ts";
import { errorOf } from "./errors.ts";
import type { WriteReceipt } from "./options.ts";

export function settleRead(
  outcome: ReadOutcome,
  resolve: (entry: Entry | undefined) => void,
  reject: (error: DndError) => void,
): void {
  if (outcome.kind === "absent") resolve(undefined);
  else if (outcome.kind === "failed") reject(errorOf(outcome));
  else if (outcome.root.kind === "value") resolve(new Entry(outcome.root, outcome.quorum));
  else reject(new DndError("wrong-type", `the key holds a ${outcome.root.type}`));
}

export function settleWrite(
  outcome: WriteOutcome,
  resolve: (receipt: WriteReceipt) => void,
  reject: (error: DndError) => void,
): void {
  if (outcome.kind === "written") {
    const { acks, of, hinted } = outcome.quorum;
    resolve({ stamp: formatStamp(outcome.stamp), acks, of, hinted });
  } else if (outcome.kind === "failed") {
    reject(errorOf(outcome));
  } else {
    const { current } = outcome;
    reject(
      current === undefined
        ? new DndError("condition-failed", "the condition does not hold: the key does not exist")
        : new DndError("condition-failed", `the key holds ${formatStamp(current)}`, {
            current: formatStamp(current),
          }),
    );
  }
}
