/** A process that makes load as its parent orders (`generators.ts`): connects, says so, runs when told to. */
import { answerOrders } from "../processes/child.ts";
import type { LoadResult, LoadShare } from "./load.ts";
import { prepareLoad, type ReadyLoad } from "./run-load.ts";

export type GeneratorOrder =
  | { readonly kind: "prepare"; readonly share: LoadShare }
  | { readonly kind: "run" };

export type GeneratorAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly result: LoadResult };

let ready: ReadyLoad | undefined;

async function obey(order: GeneratorOrder): Promise<GeneratorAnswer> {
  if (order.kind === "prepare") {
    ready = await prepareLoad(order.share);
    return { kind: "ready" };
  }
  if (ready === undefined) throw new Error("nothing was prepared");
  const result = await ready.run();
  ready.close();
  ready = undefined;
  return { kind: "measured", result };
}

answerOrders<GeneratorOrder, GeneratorAnswer>(obey);
