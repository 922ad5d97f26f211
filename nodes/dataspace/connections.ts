/** Connections to participants: those of calls between members, under the TLS key that the ledger names, to no other address. */
import type { Dispatcher } from "undici";
import type { PeerClient } from "../peer/client.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import { PeerError } from "../peer/peer-error.ts";

export interface Connections {
  /** Throws PeerError for an address that is not the participant's. */
  to(peer: string, url: string): Promise<Dispatcher>;
}

export const createConnections = (
  members: Pick<MemberDirectory, "target">,
  peers: Pick<PeerClient, "pool">,
): Connections =>
  Object.freeze({
    async to(peer: string, url: string) {
      const target = await members.target(peer);
      if (new URL(url).origin === new URL(target.endpoint).origin) return peers.pool(target);
      throw new PeerError("ERR_PEER_UNREACHABLE", `${peer}: ${new URL(url).origin} is not its endpoint on the ledger`);
    },
  });
