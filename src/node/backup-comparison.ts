/**
 * Which slots hold something else than a backup does: asked of all primaries at once, who compare sums over the cells of a slot
 * with those that they keep for anti-entropy, and read nothing.
 *
 * Invariant: of a slot that is not named a read quorum of its primaries, each with its vote, holds just the cells that the backup
 * knows, and nobody who answered said anything else. So a page of that slot would be what the backup holds already. Whatever is in
 * doubt is named: a node whose hashes are being built, one that speaks an earlier wire version, one that sees another placement.
 * Source: docs/decisions/0027-incremental-backups.md.
 */
import { majority } from "../core/replication/quorum.ts";
import type { ComparisonOutcome, ComparisonRequest } from "../model/backup.ts";
import type { NodeId } from "../model/ids.ts";
import { DEADLINE_MS_DEFAULT } from "../model/limits.ts";
import { type PeerReply, type PeerRequest, WIRE_VERSION } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import { type RequestContext, readFailure } from "./request-context.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

/** Since this one a node can be asked. */
const WIRE_VERSION_SUMS = 5;
/** Who is later than this is done without: what it alone could have confirmed is named. */
const LATE_MS = 2_000;

export interface ComparisonOptions {
  readonly ports: ExchangePorts;
  readonly context: RequestContext;
  readonly clock: Clock;
}

/** `silent`: as good as away. `unsure`: of its slots all are named. Else those that it named. */
type Verdict = "silent" | "unsure" | ReadonlySet<number>;

/** Answers once, in a later turn. */
export function compareWithBackup(
  { ports, context, clock }: ComparisonOptions,
  { firstSlot, sums }: ComparisonRequest,
  done: (outcome: ComparisonOutcome) => void,
): void {
  const placement = context.placement();
  if (placement.effectiveReplicas === 0) {
    clock.defer(() => done(readFailure("not-ready")));
    return;
  }
  const slots = Array.from({ length: sums.length / 2 }, (_none, at) => (firstSlot + at) as Slot);
  const nodes = new Set(slots.flatMap((slot) => [...placement.primaries(slot)]));
  const verdicts = new Map<NodeId, Verdict>();
  let isDone = false;
  const end = (): void => {
    if (isDone) return;
    isDone = true;
    const differing = slots.filter((slot) => {
      const primaries = placement.primaries(slot);
      let same = 0;
      for (const node of primaries) {
        const verdict = verdicts.get(node) ?? "silent";
        if (verdict === "silent") continue;
        if (verdict === "unsure" || verdict.has(slot)) return true;
        same += 1;
      }
      return same < majority(primaries.length);
    });
    done({ kind: "compared", differing });
  };
  const note = (node: NodeId, verdict: Verdict): void => {
    verdicts.set(node, verdict);
    // Never within the call, and once all have been asked.
    if (verdicts.size === nodes.size) clock.defer(end);
  };
  const onReply = (node: NodeId, reply: PeerReply): void => {
    note(node, reply.kind === "compare-reply" ? new Set(reply.differing) : "unsure");
  };
  const message: PeerRequest = { kind: "sum-compare", firstSlot, sums };
  const sink = {
    onReply: (from: NodeId, _token: number, reply: PeerReply): void => onReply(from, reply),
    onNoAnswer: (node: NodeId): void => note(node, "silent"),
  };
  const deadlineMs = context.monotonicMs() + DEADLINE_MS_DEFAULT;
  for (const node of nodes) {
    const version = node === context.self ? WIRE_VERSION : context.peers.wireVersion(node);
    if (node === context.self)
      ports.counterpart.compareSums(message, (reply) => onReply(node, reply));
    else if (version === undefined) note(node, "silent");
    else if (version < WIRE_VERSION_SUMS) note(node, "unsure");
    else if (!context.peers.request(node, encodeMessage(message), deadlineMs, sink, 0)) {
      note(node, "silent");
    }
  }
  clock.after(LATE_MS, end);
}
