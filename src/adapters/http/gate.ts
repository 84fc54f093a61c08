/**
 * What every request must pass before it is looked at: whom it addresses, where it comes from, how it is framed.
 *
 * The runtime's parser refuses what is not well-formed (two lengths, both framings, bare line feeds, folded headers, NUL);
 * here stands what a well-formed request may still not say.
 */
import type { IncomingMessage } from "node:http";
import { isForeignOrigin, isHostAllowed, parseAuthority } from "../../protocol/http/authority.ts";
import { splitTarget } from "../../protocol/http/kv-target.ts";
import { excerpt, type Problem, problem } from "../../protocol/http/problem.ts";

/** Host headers known to be good; more are judged each time. */
const KNOWN_HOSTS_MAX = 64;

export class Gate {
  readonly #allowedNames: ReadonlySet<string>;
  readonly #knownHosts = new Set<string>();

  /** `allowedHosts`: names or `host:port` by which clients may address this node beside loopback. */
  constructor(allowedHosts: readonly string[]) {
    const names = allowedHosts.map((host) => parseAuthority(host)?.name ?? host.toLowerCase());
    this.#allowedNames = new Set(names);
  }

  /** Why the request is refused; `undefined` lets it in. */
  check(request: IncomingMessage): Problem | undefined {
    const { headers } = request;
    if (countHosts(request.rawHeaders) > 1)
      return problem("bad-request", "the request has two Host headers");
    const host = addressedHost(request);
    if (host === undefined) return problem("bad-request", "the request has no Host header");
    if (!this.#knownHosts.has(host) && !this.#learn(host, request.socket.localAddress)) {
      return problem(
        "foreign-host",
        `${excerpt(JSON.stringify(host))} is not a name of this node`,
        {
          value: excerpt(host),
        },
      );
    }

    const coding = headers["transfer-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "chunked") {
      return problem("unsupported-transfer", "the only transfer coding supported is chunked");
    }
    const { method } = request;
    if (method === "GET" || method === "HEAD") return undefined;
    if (!isForeignOrigin(headers.origin, headers["sec-fetch-site"] as string | undefined, host))
      return undefined;
    return problem("foreign-origin", "a page of another origin may not change anything here", {
      value: excerpt(headers.origin ?? String(headers["sec-fetch-site"])),
    });
  }

  #learn(host: string, localAddress: string | undefined): boolean {
    if (!isHostAllowed(host, this.#allowedNames, localAddress)) return false;
    // What depends on the connection's address must be judged anew on each.
    if (
      this.#knownHosts.size < KNOWN_HOSTS_MAX &&
      isHostAllowed(host, this.#allowedNames, undefined)
    ) {
      this.#knownHosts.add(host);
    }
    return true;
  }
}

/** An absolute target stands above the Host header. */
function addressedHost(request: IncomingMessage): string | undefined {
  const target = request.url ?? "";
  if (target.charCodeAt(0) === 0x2f) return request.headers.host;
  return splitTarget(target)?.authority ?? request.headers.host;
}

/** The runtime keeps the first of two Host headers; a proxy in front may have looked at the second. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
