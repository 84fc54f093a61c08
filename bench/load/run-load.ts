/** One generator's share of a load, from connecting to what it measured. */
import { Prng } from "../../src/base/prng.ts";
import { cpuSeconds } from "../processes/usage.ts";
import { closedLoop } from "./closed-loop.ts";
import { HttpReplies } from "./http-replies.ts";
import { EtcdWriter, KvWriter } from "./http-writer.ts";
import type { LoadResult, LoadShare } from "./load.ts";
import { LoadConnection } from "./load-connection.ts";
import { openLoop } from "./open-loop.ts";
import { Recorder } from "./recorder.ts";
import type { OnReply, ReplyReader } from "./reply-reader.ts";
import type { RequestWriter } from "./request-writer.ts";
import { RespReplies } from "./resp-replies.ts";
import { RespWriter } from "./resp-writer.ts";
import { Workload } from "./workload.ts";

/** In etcd's answer to a read of a key that is there. */
const ETCD_VALUE = '"kvs"';

/** A load that is connected and has not begun. */
export interface ReadyLoad {
  run(): Promise<LoadResult>;
  close(): void;
}

export async function prepareLoad(share: LoadShare): Promise<ReadyLoad> {
  const recorder = new Recorder();
  const workload = new Workload(share);
  const writer = writerFor(share);
  const connections = await Promise.all(
    Array.from({ length: shareOf(share.connections, share) }, (_, index) => {
      // Numbered over all generators, so that connections are spread evenly over the ports.
      const number = index * share.of + share.index;
      const port = share.ports[number % share.ports.length] ?? 0;
      return LoadConnection.open(port, (onReply) => repliesFor(share, onReply), recorder);
    }),
  );
  const close = (): void => {
    for (const connection of connections) connection.close();
  };
  const run = async (): Promise<LoadResult> => {
    const cpuBefore = cpuSeconds();
    const beginMs = performance.now();
    const loop = { connections, workload, writer, inFlight: share.inFlight, ms: share.ms };
    if (share.ratePerSecond === undefined) {
      await closedLoop(loop);
    } else {
      const ratePerSecond = share.ratePerSecond / share.of;
      const sendsAhead = share.protocol === "resp";
      const lost = await openLoop({ ...loop, ratePerSecond, sendsAhead });
      if (lost > 0) recorder.failedAfter(60_000, lost, "no answer within ten seconds of the end");
    }
    const seconds = (performance.now() - beginMs) / 1_000;
    const { requests, failed, problem, bytesStored, latencies } = recorder;
    return {
      requests,
      failed,
      problem,
      seconds,
      cpuSeconds: cpuSeconds() - cpuBefore,
      bytesStored,
      latencies: latencies.encode(),
    };
  };
  return { run, close };
}

/** Of `total` things, those of this generator. */
function shareOf(total: number, { index, of }: LoadShare): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0);
}

function writerFor(share: LoadShare): RequestWriter {
  const { protocol, prefix, valueBytes, seed, index } = share;
  const options = { prefix, valueBytes, random: new Prng(seed * 1_000 + 500 + index) };
  switch (protocol) {
    case "resp":
    case "resp-wait":
      return new RespWriter({ ...options, waits: protocol === "resp-wait" });
    case "http":
    case "http-one":
      return new KvWriter({ ...options, readsOne: protocol === "http-one" });
    case "etcd":
    case "etcd-leader":
      return new EtcdWriter(options);
  }
}

function repliesFor({ protocol, operation }: LoadShare, onReply: OnReply): ReplyReader {
  switch (protocol) {
    case "resp":
    case "resp-wait":
      return new RespReplies(onReply);
    case "http":
    case "http-one":
      return new HttpReplies(onReply);
    case "etcd":
    case "etcd-leader":
      return new HttpReplies(onReply, operation === "get" ? ETCD_VALUE : undefined);
  }
}
