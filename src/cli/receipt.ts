/** What the headers of an answer say about stamp and quorum. */
import type { Answer } from "./node-client.ts";

/** The stamp of `ETag`, without its quotes. */
export function tagOf(answer: Answer): string | undefined {
  return answer.headers.etag?.replace(/^"(.*)"$/, "$1");
}

/** `Dnd-Acks: 2/3; hinted=1` as numbers; empty where the header is missing. */
export function acksOf(answer: Answer): { acks?: number; of?: number; hinted?: number } {
  const match = /^(\d+)\/(\d+); hinted=(\d+)$/.exec(String(answer.headers["dnd-acks"] ?? ""));
  if (match === null) return {};
  return { acks: Number(match[1]), of: Number(match[2]), hinted: Number(match[3]) };
}

/** For people: "on 2 of 3 replicas". */
export function copiesText(answer: Answer): string {
  const { acks, of, hinted } = acksOf(answer);
  if (acks === undefined) return "";
  const held = hinted === 0 || hinted === undefined ? "" : `, ${hinted} held for others`;
  return `on ${acks} of ${of} replicas${held}`;
}
