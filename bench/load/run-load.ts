/** One generator's share of a load, from connecting to what it measured. */
import { Prng } from "../../src/base/prng.ts";
import { cpuSeconds } from "../processes/usage.ts";
import { closedLoop, type Lane } from "./closed-loop.ts";
import { GrpcReplies } from "./grpc-replies.ts";
import { GrpcWriter } from "./grpc-writer.ts";
import { HttpReplies } from "./http-replies.ts";
import { EtcdWriter, KvWriter } from "./http-writer.ts";
import type { LoadResult, LoadShare, Protocol } from "./load.ts";
import { LoadConnection } from "./load-connection.ts";
import { openLoop } from "./open-loop.ts";
import { Recorder } from "./recorder.ts";
import type { ReaderContext, ReplyReader } from "./reply-reader.ts";
import type { RequestWriter, WriterOptions } from "./request-writer.ts";
import { RespReplies } from "./resp-replies.ts";
import { RespWriter } from "./resp-writer.ts";
import { ValuePool } from "./value-pool.ts";
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
  const nextWriter = writers(share);
  const lanes = await Promise.all(
    Array.from({ length: shareOf(share.connections, share) }, async (_, index): Promise<Lane> => {
      // Numbered over all generators, so that connections are spread evenly over the ports.
      const number = index * share.of + share.index;
      const port = share.ports[number % share.ports.length] ?? 0;
      const readerFor = (context: ReaderContext): ReplyReader => repliesFor(share, context);
      const connection = await LoadConnection.open(port, readerFor, recorder);
      return { connection, writer: nextWriter() };
    }),
  );
  const close = (): void => {
    for (const { connection } of lanes) connection.close();
  };
  const run = async (): Promise<LoadResult> => {
    const cpuBefore = cpuSeconds();
    const beginMs = performance.now();
    const loop = { lanes, workload, inFlight: share.inFlight, ms: share.ms };
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

/** One for all connections, or, where calls of a connection are numbered, one each. */
function writers(share: LoadShare): () => RequestWriter {
  const { prefix, valueBytes, seed, index } = share;
  const random = new Prng(seed * 1_000 + 500 + index);
  const options = { prefix, valueBytes, random, pool: new ValuePool(random.next32()) };
  if (share.protocol.startsWith("etcd-grpc")) return () => new GrpcWriter(options);
  const writer = writerFor(share.protocol, options);
  return () => writer;
}

function writerFor(protocol: Protocol, options: WriterOptions): RequestWriter {
  if (protocol.startsWith("resp")) {
    return new RespWriter({ ...options, waits: protocol === "resp-wait" });
  }
  if (protocol.startsWith("etcd")) return new EtcdWriter(options);
  return new KvWriter({ ...options, readsOne: protocol === "http-one" });
}

function repliesFor({ protocol, operation }: LoadShare, context: ReaderContext): ReplyReader {
  if (protocol.startsWith("resp")) return new RespReplies(context.onReply);
  const reads = operation === "get";
  if (protocol.startsWith("etcd-grpc")) return new GrpcReplies(context, reads);
  const mustHold = protocol.startsWith("etcd") && reads ? ETCD_VALUE : undefined;
  return new HttpReplies(context.onReply, mustHold);
}
