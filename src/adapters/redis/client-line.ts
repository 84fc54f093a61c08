/** A connection as CLIENT LIST shows it: one line of `name=value`, in Redis's order. */
import type { Session } from "./session.ts";

/** The types that CLIENT LIST and KILL tell apart. */
export function clientType(session: Session): "normal" | "pubsub" {
  return session.subscriptionCount > 0 ? "pubsub" : "normal";
}

export function clientLine(session: Session, nowMs: number): string {
  const { wire, transaction } = session;
  const facts: readonly (readonly [string, string | number])[] = [
    ["id", session.id],
    ["addr", session.address],
    ["laddr", session.localAddress],
    ["fd", session.id],
    ["name", session.name],
    ["age", seconds(nowMs - session.openedAtMs)],
    ["idle", seconds(nowMs - session.lastActiveMs)],
    ["flags", flagsOf(session)],
    ["db", 0],
    ["sub", session.subscribed("channel").size],
    ["psub", session.subscribed("pattern").size],
    ["ssub", session.subscribed("shard").size],
    ["multi", transaction?.queue.length ?? -1],
    ["qbuf", wire.inputBytes],
    ["qbuf-free", 0],
    ["argv-mem", 0],
    ["multi-mem", transaction?.bytes ?? 0],
    ["rbs", 0],
    ["rbp", 0],
    ["obl", wire.outputBytes],
    ["oll", 0],
    ["omem", wire.outputBytes],
    ["tot-mem", wire.inputBytes + wire.outputBytes],
    ["events", "r"],
    ["cmd", session.lastCommand],
    ["user", "default"],
    ["redir", -1],
    ["resp", session.protocol],
    ["lib-name", session.libName],
    ["lib-ver", session.libVersion],
  ];
  return facts.map(([name, value]) => `${name}=${value}`).join(" ");
}

function flagsOf(session: Session): string {
  const flags =
    (session.subscriptionCount > 0 ? "P" : "") +
    (session.transaction === undefined ? "" : "x") +
    (session.isEnding ? "c" : "") +
    (session.isReadOnly ? "r" : "") +
    (session.isNoEvict ? "e" : "") +
    (session.isNoTouch ? "T" : "");
  return flags === "" ? "N" : flags;
}

/** The wall clock may have been set back. */
function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000));
}
