/**
 * Members behind a DNS name, as a headless service of Kubernetes has it: one address a member, and they change.
 *
 * `NAME` stands for its A and AAAA records, each with the port that was given with it; a name that begins with an
 * underscore for its SRV records, which say the ports themselves.
 *
 * Invariant: an answer within FIND_MS_MAX and of at most ADDRESSES_MAX addresses, whatever the server says. "There are
 * none" and "it cannot be asked" are never the same.
 */
import { lookup, Resolver } from "node:dns/promises";
import { type Address, parseAddress } from "../../model/ids.ts";
import type { Discovery } from "../../ports/discovery.ts";
import type { Log } from "../../ports/log.ts";
import { formatAddress } from "../udp/udp-socket.ts";

/** Of all names together; members found tell of the rest. */
const ADDRESSES_MAX = 64;
/** SRV records whose names are looked up. */
const TARGETS_MAX = 16;
const FIND_MS_MAX = 5_000;
/** Of one question, which is asked twice. */
const ASK_MS = 1_000;
/** The answer is sure: there is no such name, or nothing of this kind under it. */
const NONE: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);

export interface DnsName {
  readonly name: string;
  /** Unused where the name is that of SRV records. */
  readonly port: number;
}

export interface DnsDiscoveryOptions {
  readonly names: readonly DnsName[];
  /** `ip:port` of the server to ask; by default the system is asked, hosts file and search domains included. */
  readonly server: string | undefined;
  readonly log: Log;
}

export class DnsDiscovery implements Discovery {
  readonly #options: DnsDiscoveryOptions;
  readonly #resolver = new Resolver({ timeout: ASK_MS, tries: 2 });

  constructor(options: DnsDiscoveryOptions) {
    this.#options = options;
    if (options.server !== undefined) this.#resolver.setServers([options.server]);
  }

  find(done: (addresses: readonly Address[] | undefined) => void): void {
    let isTold = false;
    const tell = (addresses: readonly Address[] | undefined): void => {
      if (isTold) return;
      isTold = true;
      clearTimeout(timer);
      // Outside of the promise: what goes wrong in `done` must not become a rejection.
      setImmediate(done, addresses);
    };
    const timer = setTimeout(() => {
      this.#options.log.log("warn", "discovery-failed", { code: "ETIMEOUT" });
      tell(undefined);
    }, FIND_MS_MAX);
    this.#find().then(tell, (error: NodeJS.ErrnoException) => {
      this.#options.log.log("warn", "discovery-failed", { code: error.code ?? error.message });
      tell(undefined);
    });
  }

  async #find(): Promise<readonly Address[]> {
    const found = await Promise.all(this.#options.names.map((name) => this.#addressesOf(name)));
    return [...new Set(found.flat())].slice(0, ADDRESSES_MAX);
  }

  async #addressesOf({ name, port }: DnsName): Promise<readonly Address[]> {
    if (!name.startsWith("_")) return addressesAt(await this.#hosts(name), port);
    const records = await orNone(this.#resolver.resolveSrv(name));
    // The lower priority first, as it is meant to be tried.
    records.sort((a, b) => a.priority - b.priority);
    const found = await Promise.all(
      records
        .slice(0, TARGETS_MAX)
        .map(async (record) => addressesAt(await this.#hosts(record.name), record.port)),
    );
    return found.flat();
  }

  async #hosts(name: string): Promise<readonly string[]> {
    if (this.#options.server === undefined) {
      const found = await orNone(lookup(name, { all: true }));
      return found.map(({ address }) => address);
    }
    const [v4, v6] = await Promise.all([
      orNone(this.#resolver.resolve4(name)),
      orNone(this.#resolver.resolve6(name)),
    ]);
    return [...v4, ...v6];
  }
}

async function orNone<Found>(asked: Promise<Found[]>): Promise<Found[]> {
  try {
    return await asked;
  } catch (error) {
    if (NONE.has((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function addressesAt(hosts: readonly string[], port: number): Address[] {
  return hosts.flatMap((host) => parseAddress(formatAddress(host, port)) ?? []);
}

/** `dns:NAME` or `dns:NAME:PORT`; `undefined` when it is something else. `dns:5000` is a host of that name. */
export function parseDnsName(raw: string, portDefault: number): DnsName | undefined {
  const match = /^dns:([A-Za-z0-9._-]{1,253}?)(?::([0-9]{1,5}))?$/.exec(raw);
  if (match === null) return undefined;
  const name = match[1] ?? "";
  if (/^[0-9]+$/.test(name)) return undefined;
  const port = match[2] === undefined ? portDefault : Number(match[2]);
  return port >= 1 && port <= 65_535 ? { name, port } : undefined;
}
