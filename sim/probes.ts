/**
 * "Sometimes" probes: rare branches of the node, marked by its counters, that a set of seeds should reach now and
 * then. One that no seed reached says that the faults or the workload do not get there, and nothing of the code behind.
 */

/** Counters of the node, each with what it stands for. */
export const PROBES: Readonly<Record<string, string>> = {
  "amnesia-found": "a node was told of commits of its own that it does not know",
  "cells-collected": "a cell that was deleted or had expired was dropped for good",
  "cells-found-damaged": "a cell failed its checksum",
  "cells-lost": "a damaged cell was given up: no replica that answered holds it",
  "cells-mended": "a damaged cell was put right from the other replicas",
  "clock-restarts": "a clock that ran far ahead was set right: stamps go on under another boot id",
  "commits-failed": "a commit failed, and its cells were taken back",
  "conditional-writes": "a conditional write ran at this node",
  "epoch-mismatches": "a request came under another placement",
  "exchange-cells-pulled": "a comparison found a cell that this node lacked",
  "exchange-cells-pushed": "a comparison found a cell that the other node lacked",
  exchanges: "two nodes compared what they hold",
  "foreign-cells-dropped": "a cell kept for others was dropped once they had it",
  "floors-raised": "the floor of a slot rose",
  hints: "a node remembered that another may lack something",
  "members-found-dead": "a member was found dead",
  "members-found-suspect": "a member was suspected",
  "peer-connections-silent": "a connection that let nothing through was given up",
  "read-repairs": "a read mended a replica that was behind",
  "reads-failed": "a read failed",
  "scrub-cells-damaged": "a scrub found damage",
  "scrub-passes": "a scrub read every cell of its node",
  "slots-collected": "what a slot had collected rose to its floor",
  "slots-differing": "a comparison found slots to differ",
  "slots-handed-over": "a slot kept for others was handed over whole",
  "values-discarded": "of two concurrent writes one was discarded",
  "writes-below-floor": "a write came at or below a floor, and was pushed back",
  "writes-failed": "a write failed",
  "writes-hinted": "a write was answered with a fallback's help",
  "writes-restamped": "a write was pushed back and stamped again",
};

/** Probes that none of the counted runs reached, in order of name. */
export function neverReached(counters: ReadonlyMap<string, number>): string[] {
  return Object.keys(PROBES).filter((name) => (counters.get(name) ?? 0) === 0);
}
