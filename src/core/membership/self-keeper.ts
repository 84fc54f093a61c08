/**
 * What is said of this node itself, and its answer: it stays above every claim that is not its own.
 *
 * Refutation raises the incarnation, a foreign record raises the version, a greater number of starts (an old disk was
 * put back) raises `boots`. Two live processes with one id would raise theirs in turn for ever; the one that has had to
 * do so most often within a minute is the one that began it, the one the peers knew last: it stops.
 */
import {
  BOOTS_MAX,
  type GossipSender,
  INCARNATIONS_PER_BOOT,
  VERSION_MAX,
} from "../../model/gossip-message.ts";
import type { LivenessRecord, MemberRecord } from "../../model/member.ts";
import type { ClusterView } from "./cluster-view.ts";
import { compareRecords, isLaterThan } from "./intent-table.ts";

/** A restored disk needs one raise, or two if the peers' knowledge differs; a fight does not end. */
const RAISES_MAX = 3;
const RAISES_WINDOW_MS = 60_000;

export class SelfKeeper {
  readonly #view: ClusterView;
  /** When `boots` was raised, at most RAISES_MAX of them. */
  #raisedAtMs: number[] = [];
  #isDuplicate = false;

  constructor(view: ClusterView) {
    this.#view = view;
  }

  get isDuplicate(): boolean {
    return this.#isDuplicate;
  }

  /** Answers a claim about this node's liveness; whether it was a false accusation. */
  refute(claim: Omit<LivenessRecord, "id">): boolean {
    const { self, incarnation } = this.#view;
    const isAccusation = claim.liveness !== "alive" && claim.incarnation >= incarnation;
    if (!isAccusation && claim.incarnation <= incarnation) return false;
    const incarnationsEnd = (self.boots + 1) * INCARNATIONS_PER_BOOT;
    // Of a later start than this one: nobody believes it without that start's record, which raises `boots`.
    if (claim.incarnation >= incarnationsEnd) return false;
    if (claim.incarnation + 1 < incarnationsEnd) {
      this.#view.raiseIncarnation(claim.incarnation + 1);
    } else if (self.boots < BOOTS_MAX) {
      this.#view.setSelf({ ...self, boots: self.boots + 1, version: 0 });
    }
    return isAccusation;
  }

  /** A message straight from another process that has this node's id, or an echo of this node's own. */
  onTwin(sender: GossipSender, nowMs: number): void {
    const { self } = this.#view;
    if (sender.boot === self.boot || sender.boots < self.boots) return;
    this.#raiseBoots(sender.boots, undefined, nowMs);
  }

  /** A record of this node, heard from others. */
  onOwnRecord(heard: MemberRecord, nowMs: number): void {
    const { self } = this.#view;
    if (self.intent === "removed" || compareRecords(heard, self) === 0) return;
    if (heard.intent === "removed") {
      // Final, whatever the numbers.
      this.#view.setSelf({ ...self, intent: "removed" });
      return;
    }
    if (isLaterThan(heard.intent, self.intent)) {
      // An earlier start said so, and ended before its disk knew; or an operator did. Others act on it already.
      this.#view.setSelf({ ...self, intent: heard.intent });
      if (compareRecords(heard, this.#view.self) <= 0) return;
      return this.onOwnRecord(heard, nowMs);
    }
    if (heard.boot !== self.boot) {
      if (heard.boots >= self.boots) this.#raiseBoots(heard.boots, heard, nowMs);
      return;
    }
    if (heard.boots > self.boots) {
      this.#raiseBoots(heard.boots, heard, nowMs);
      return;
    }
    if (heard.boots < self.boots || heard.version < self.version) return;
    // Of this very start, but not this node's words: an operator's command given elsewhere, or a forgery. The
    // command is obeyed; everything else is this node's to say.
    const intent = heard.intent === "removing" ? heard.intent : self.intent;
    if (heard.version >= VERSION_MAX) this.#raiseBoots(self.boots, heard, nowMs);
    else this.#view.setSelf({ ...self, intent, version: heard.version + 1 });
  }

  #raiseBoots(above: number, heard: MemberRecord | undefined, nowMs: number): void {
    this.#raisedAtMs = this.#raisedAtMs.filter((atMs) => nowMs - atMs < RAISES_WINDOW_MS);
    if (this.#raisedAtMs.length >= RAISES_MAX || above >= BOOTS_MAX) {
      this.#isDuplicate = true;
      this.#view.emit({ kind: "duplicate", heard });
      return;
    }
    this.#raisedAtMs.push(nowMs);
    this.#view.setSelf({ ...this.#view.self, boots: above + 1, version: 0 });
  }
}
