/** What a node is made of before it does anything for its steward: identity, ledger, peers, stores. */
import type { FastifyBaseLogger } from "fastify";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { NodeConfig } from "../config/node-config.ts";
import type { PeerClient } from "../peer/client.ts";
import type { CosignedNotes } from "../peer/cosigned-notes.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import type { AccessLog } from "../store/access-log.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { InflightSecrets } from "../store/inflight.ts";
import type { Kept, RecordStore } from "../store/records.ts";
import type { TextStore } from "../store/texts.ts";
import type { Effects } from "./effects.ts";
import type { NetworkFile } from "./network/network-file.ts";

export interface CoreServices extends Effects {
  /** Node folder. */
  readonly dir: string;
  /** Network id. */
  readonly network: string;
  /** This member's id. */
  readonly member: string;
  readonly identity: SigningIdentity;
  /** The current configuration; `limits`, `sources` and `log` change on reload. */
  readonly config: () => NodeConfig;
  /** What was pinned at founding or joining. */
  readonly pinned: NetworkFile;
  readonly ledger: Ledger;
  readonly members: MemberDirectory;
  readonly peers: PeerClient;
  readonly cosignedNotes: CosignedNotes;
  /** One purpose, one store: `services.openStore<Invitation>("invitations")`. Names are `[a-z-]+`, for ever. */
  readonly openStore: <V>(name: string, kept?: Kept) => RecordStore<V>;
  /** As `openStore`, for bytes. */
  readonly openBlobs: (name: string) => BlobStore;
  /** As `openStore`, for an index; see openTexts. */
  readonly openTexts: (name: string) => TextStore;
  readonly inflight: InflightSecrets;
  readonly accessLog: AccessLog;
  readonly log: FastifyBaseLogger;
  /** Throws HttpError ERR_HTTP_READ_ONLY while the disk is full; call before work that ends in a write. */
  readonly assertWritable: () => void;
}
