/** Whether the ports of a member can be reached from this machine, and somebody of ours answers there. */
import { connect } from "node:net";
import { type Address, parseAddress, splitAddress } from "../model/ids.ts";
import type { ClusterMember } from "./cluster-view.ts";

export interface DoorReport {
  readonly node: string;
  readonly door: "peers" | "Redis";
  readonly address: string;
  /** `undefined`: it answers. */
  readonly problem: string | undefined;
}

const ANSWER_MS_MAX = 5_000;
const PING = "PING\r\n";
const PONG = "+PONG";

/** HTTP is asked elsewhere; what a member does not offer is no door. */
export async function tryDoors(members: readonly ClusterMember[]): Promise<readonly DoorReport[]> {
  const tries = members.flatMap(({ id, address, redisAddress = "" }) => [
    tryDoor({ node: id, door: "peers", address }, "", ""),
    ...(redisAddress === ""
      ? []
      : [tryDoor({ node: id, door: "Redis", address: redisAddress }, PING, PONG)]),
  ]);
  return await Promise.all(tries);
}

async function tryDoor(
  door: Omit<DoorReport, "problem">,
  says: string,
  answer: string,
): Promise<DoorReport> {
  const address = parseAddress(door.address);
  const problem = address === undefined ? "no address" : await talk(address, says, answer);
  return { ...door, problem };
}

/** Connects, says something, and waits for what is to be answered; for nothing where nothing is. */
function talk(address: Address, says: string, answer: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(splitAddress(address));
    let heard = "";
    const end = (problem: string | undefined): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(ANSWER_MS_MAX, () => end("no answer in time"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? "refused"));
    socket.on("close", () => end("the connection was closed"));
    socket.on("connect", () => {
      if (answer === "") end(undefined);
      else socket.write(says);
    });
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      if (heard.startsWith(answer)) end(undefined);
      else if (heard.length >= answer.length) end("something else answers there");
    });
  });
}
