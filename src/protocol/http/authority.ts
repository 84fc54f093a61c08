/**
 * Who is spoken to, and from which page.
 *
 * A name that is not this node's own may be an attacker's, pointed at this machine so that a browser takes the
 * store for the attacker's site (DNS rebinding); a change sent by a page of another origin is that page's doing, not its
 * reader's. Both are refused. Source: RFC 9110 sections 7.2 and 7.4, RFC 6454, Fetch Metadata.
 */

export interface Authority {
  /** Lower case, IPv6 without brackets, without a final dot. */
  readonly name: string;
  readonly port: number | undefined;
}

/** Trust boundary: a Host header or the authority of a target. User information is refused. */
export function parseAuthority(raw: string): Authority | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,255}))(?::([0-9]{1,5}))?$/.exec(
    raw,
  );
  if (match === null) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && port > 65_535) return undefined;
  const name = (match[1] ?? match[2] ?? "").toLowerCase();
  return { name: name.endsWith(".") ? name.slice(0, -1) : name, port };
}

/** `localhost`, 127.0.0.0/8 or `::1`. */
export function isLoopbackName(name: string): boolean {
  return (
    name === "localhost" || name === "::1" || /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(name)
  );
}

/**
 * Whether `raw` names this node: a loopback name, one of `allowedNames` (as `parseAuthority` writes them), or the
 * very address the connection came in by. Ports are not compared: tunnels and containers move them.
 */
export function isHostAllowed(
  raw: string,
  allowedNames: ReadonlySet<string>,
  localAddress: string | undefined,
): boolean {
  const authority = parseAuthority(raw);
  if (authority === undefined) return false;
  const { name } = authority;
  if (isLoopbackName(name) || allowedNames.has(name)) return true;
  // A dual-stack listener reports IPv4 in its IPv6-mapped form.
  return localAddress !== undefined && name === localAddress.toLowerCase().replace(/^::ffff:/, "");
}

/**
 * Whether a change comes from a page that this host did not serve. Programs send neither header. An origin is the same only
 * if name and port are those the request was sent to; `null` (a sandboxed page) never is.
 */
export function isForeignOrigin(
  origin: string | undefined,
  fetchSite: string | undefined,
  host: string,
): boolean {
  if (fetchSite !== undefined && fetchSite !== "same-origin" && fetchSite !== "none") return true;
  if (origin === undefined) return false;
  const match = /^(https?):\/\/(.+)$/i.exec(origin);
  if (match === null) return true;
  const source = parseAuthority(match[2] as string);
  const target = parseAuthority(host);
  if (source === undefined || target === undefined || source.name !== target.name) return true;
  const portDefault = (match[1] as string).toLowerCase() === "https" ? 443 : 80;
  return (source.port ?? portDefault) !== (target.port ?? portDefault);
}
