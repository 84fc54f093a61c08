/** A CPU profile folded: time by stage, by function, and as one tree of calls. */
import type { CpuProfile, CpuProfileNode } from "../systems/node-order.ts";
import { STAGES, type Stage, stageOf } from "./stages.ts";

export interface FunctionTime {
  readonly name: string;
  readonly stage: Stage;
  /** Microseconds on top of the stack. */
  readonly selfUs: number;
}

/** Calls with the same functions above them, together. */
export interface Frame {
  readonly name: string;
  readonly stage: Stage;
  /** With all that was called from here. */
  totalUs: number;
  selfUs: number;
  readonly children: Map<string, Frame>;
}

export interface Folded {
  /** Microseconds in which the main thread did something. */
  readonly busyUs: number;
  readonly stages: readonly { readonly stage: Stage; readonly us: number }[];
  /** The longest first. */
  readonly functions: readonly FunctionTime[];
  readonly root: Frame;
}

export function fold(profile: CpuProfile): Folded {
  const selfUs = selfTimes(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const functions = new Map<string, { name: string; stage: Stage; selfUs: number }>();
  const root = frame("all", "runtime");
  const [top] = profile.nodes;
  const visit = (node: CpuProfileNode, into: Frame): number => {
    const { functionName, url, lineNumber } = node.callFrame;
    const stage = stageOf(functionName, url, into.stage);
    const own = stage === "idle" ? 0 : (selfUs.get(node.id) ?? 0);
    const name = nameOf(functionName, url, lineNumber, into.name);
    const isTop = node === top;
    const target = isTop ? into : childOf(into, name, stage === "idle" ? "runtime" : stage);
    if (own > 0 && stage !== "idle") {
      const known = functions.get(name);
      if (known === undefined) functions.set(name, { name, stage, selfUs: own });
      else known.selfUs += own;
    }
    target.selfUs += own;
    let total = own;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child !== undefined) total += visit(child, target);
    }
    if (!isTop) target.totalUs += total;
    return total;
  };
  if (top !== undefined) root.totalUs = visit(top, root);
  const all = [...functions.values()].toSorted((a, b) => b.selfUs - a.selfUs);
  return { busyUs: root.totalUs, stages: sumByStage(all), functions: all, root };
}

/** Each sample stands for the time until the next. */
function selfTimes({ samples, timeDeltas }: CpuProfile): Map<number, number> {
  const selfUs = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    const us = Math.max(0, timeDeltas[index + 1] ?? 0);
    selfUs.set(id, (selfUs.get(id) ?? 0) + us);
  }
  return selfUs;
}

function sumByStage(functions: readonly FunctionTime[]): { stage: Stage; us: number }[] {
  return STAGES.map((stage) => ({
    stage,
    us: functions.reduce((sum, one) => (one.stage === stage ? sum + one.selfUs : sum), 0),
  })).filter(({ us }) => us > 0);
}

function childOf(parent: Frame, name: string, stage: Stage): Frame {
  const known = parent.children.get(name);
  if (known !== undefined) return known;
  const child = frame(name, stage);
  parent.children.set(name, child);
  return child;
}

function frame(name: string, stage: Stage): Frame {
  return { name, stage, totalUs: 0, selfUs: 0, children: new Map() };
}

/** `#onReply read-run.ts:120`: files are named once in the tree, so the last part says which. */
function nameOf(functionName: string, url: string, lineNumber: number, caller: string): string {
  // Natives often have no name; who called them says what they do.
  if (url === "" && functionName === "") return `(native of ${caller})`;
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  return `${name} ${url.slice(url.lastIndexOf("/") + 1)}:${lineNumber + 1}`;
}
