/**
 * Where this node may send records to. A member is reached at the endpoint that the ledger names, under its pinned key;
 * any other address must be https, resolve to public addresses only, and is connected to at what it was resolved to.
 */
import { lookup as resolve } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Agent, type Dispatcher } from "undici";
import { TransferError } from "./transfer-error.ts";

/** IANA special-purpose registries (RFC 6890): not the public internet. */
const SPECIAL = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  SPECIAL.addSubnet(address, bits, "ipv4");
}
/** Only 2000::/3 is given out; of it not what carries IPv4 inside (6to4, Teredo) or is for documentation. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet("2000::", 3, "ipv6");
const SPECIAL6 = new BlockList();
for (const [address, bits] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  SPECIAL6.addSubnet(address, bits, "ipv6");
}

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !SPECIAL.check(address, "ipv4");
  return family === 6 && GLOBAL.check(address, "ipv6") && !SPECIAL6.check(address, "ipv6");
}

const refused = (reason: string, detail: string): TransferError =>
  new TransferError("ERR_TRANSFER_REFUSED", reason, detail, { field: "dataAddress.endpoint" });

/** Throws ERR_TRANSFER_REFUSED for what is refused without asking anybody. */
export function checkedDestination(endpoint: string): URL {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw refused("destination-malformed", "dataAddress.endpoint: wanted an https address");
  }
  if (url.protocol !== "https:") throw refused("destination-not-https", "dataAddress.endpoint: wanted https");
  if (url.username !== "" || url.password !== "" || url.hash !== "") {
    throw refused("destination-malformed", "dataAddress.endpoint: no user, password or fragment");
  }
  return url;
}

/** Throws ERR_TRANSFER_REFUSED; names are judged when they are resolved. */
export function checkedPublic(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refused("destination-private", `${host}: not a public address`);
}

/** Resolves a name, and refuses it when any of its addresses is not public: the connection goes to one of these. */
const publicLookup: LookupFunction = (host, options, done) => {
  resolve(host, { ...options, all: true }, (error, addresses) => {
    const bad = error === null ? addresses.find(({ address }) => !isPublicAddress(address)) : undefined;
    if (error !== null) return done(error, "", 0);
    if (bad !== undefined || addresses.length === 0) {
      return done(refused("destination-private", `${host}: resolves to ${bad?.address ?? "nothing"}`), "", 0);
    }
    if (options.all === true) return (done as unknown as (error: null, all: typeof addresses) => void)(null, addresses);
    const [first] = addresses;
    done(null, first!.address, first!.family);
  });
};

export interface Outbound {
  /** Connections for one address of this participant. Redirects are never followed. */
  to(peer: string, url: URL): Promise<Dispatcher>;
  close(): Promise<void>;
}

export function createOutbound(deps: {
  readonly endpoint: (peer: string) => Promise<string | undefined>;
  readonly pinned: (peer: string, url: string) => Promise<Dispatcher>;
}): Outbound {
  let agent: Agent | undefined;
  return Object.freeze({
    async to(peer: string, url: URL) {
      const endpoint = await deps.endpoint(peer);
      if (endpoint !== undefined && new URL(endpoint).origin === url.origin) return await deps.pinned(peer, url.href);
      checkedPublic(url);
      agent ??= new Agent({ connect: { lookup: publicLookup }, connections: 4 });
      return agent;
    },
    async close() {
      await agent?.destroy();
    },
  });
}
