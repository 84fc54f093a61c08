/** A DNS server for tests: answers A, AAAA and SRV questions as it is told, by the message format of RFC 1035. */
import { createSocket, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";

const TYPE = { A: 1, AAAA: 28, SRV: 33 } as const;
const NAME_ERROR = 3;
const SERVER_FAILURE = 2;

export interface SrvRecord {
  readonly priority: number;
  readonly port: number;
  readonly target: string;
}

/** What stands under one name. */
export interface DnsRecords {
  readonly a?: readonly string[];
  /** Sixteen bytes each, in hexadecimal. */
  readonly aaaa?: readonly string[];
  readonly srv?: readonly SrvRecord[];
}

export class DnsServer {
  readonly records = new Map<string, DnsRecords>();
  /** `silent`: no answers. `broken`: it says that it has failed. */
  mood: "well" | "silent" | "broken" = "well";
  asked = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, from) => {
      this.asked += 1;
      if (this.mood === "silent") return;
      socket.send(this.#answer(question), from.port, from.address);
    });
  }

  static open(): Promise<DnsServer> {
    const socket = createSocket("udp4");
    return new Promise((resolve) => {
      socket.bind(0, "127.0.0.1", () => resolve(new DnsServer(socket)));
    });
  }

  get address(): string {
    const { address, port } = this.#socket.address() as AddressInfo;
    return `${address}:${port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
  }

  #answer(question: Buffer): Buffer {
    const { name, end } = readName(question, 12);
    const type = question.readUInt16BE(end);
    const records = this.records.get(name.toLowerCase());
    const answers = this.mood === "well" && records !== undefined ? dataOf(records, type) : [];
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    const isUnknown = this.mood === "well" && records === undefined;
    const code = this.mood === "broken" ? SERVER_FAILURE : isUnknown ? NAME_ERROR : 0;
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers.length, 6);
    const asked = question.subarray(12, end + 4);
    return Buffer.concat([head, asked, ...answers.map((data) => recordOf(type, data))]);
  }
}

function dataOf({ a = [], aaaa = [], srv = [] }: DnsRecords, type: number): Buffer[] {
  if (type === TYPE.A) return a.map((address) => Buffer.from(address.split(".").map(Number)));
  if (type === TYPE.AAAA) return aaaa.map((hex) => Buffer.from(hex, "hex"));
  if (type !== TYPE.SRV) return [];
  return srv.map(({ priority, port, target }) => {
    const fixed = Buffer.alloc(6);
    fixed.writeUInt16BE(priority, 0);
    fixed.writeUInt16BE(port, 4);
    return Buffer.concat([fixed, nameBytes(target)]);
  });
}

/** A record of the name that was asked about, which stands at offset 12. */
function recordOf(type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(label));
  const parts = labels.flatMap((label) => [Buffer.of(label.length), label]);
  return Buffer.concat([...parts, Buffer.of(0)]);
}

function readName(bytes: Buffer, offset: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = offset;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 1 };
}
