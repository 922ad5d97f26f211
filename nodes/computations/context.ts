/** What the drivers of requests and computations share within one node. */
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import type { MessageOf } from "../../crypto/secagg/messages.ts";
import type { Sign } from "../../crypto/secagg/opened.ts";
import { type Signed, type SigningDomain, signStatement } from "../../crypto/suites/signed.ts";
import type { ComputationDocuments } from "../../exchange/computations/documents.ts";
import type { OpeningPlan } from "../../exchange/computations/opening.ts";
import type { AgreedTerms, AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type {
  Explanation,
  LifeRecord,
  Party,
  RecordStore,
  RequestDocument,
  RequestStores,
} from "../../exchange/requests/ports.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import { createEnvelopeEncryptor, type EnvelopeEncryptor } from "../he/envelope.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { BlobStore } from "../store/blobs.ts";
import { coalesced } from "../store/coalesced.ts";
import { AGREED_TERMS, type AssetUses, createAssetUses } from "./asset-uses.ts";
import type { Gauges } from "./gauges.ts";
import { createJudging, type Judging } from "./judging.ts";
import { createKeptResults, type KeptResults } from "./kept-results.ts";
import { createKeyedBell, type KeyedBell } from "./keyed-bell.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { createLedgerFacts, type LedgerFacts } from "./ledger-facts.ts";
import { createOwnTables, type OwnTables } from "./own-tables.ts";
import { createPolicyActivations, type PolicyActivations } from "./policy-activations.ts";
import {
  createForgottenReleases,
  createReleaseHistory,
  type ForgottenReleases,
  type ReleaseHistory,
} from "./release-history.ts";
import type { ResultRecord } from "./result-record.ts";
import type { KeptReview } from "./review-record.ts";
import { createSharedWork, type SharedWork } from "./shared-work.ts";
import { createUnopened, type Unopened, type Waiting } from "./unopened.ts";

/** A computation this node, as requester, opens or has opened. */
export interface OpeningRecord {
  readonly plan: OpeningPlan;
  readonly request: string;
}

/** What a coordinator needs beside the ledger. */
export interface CoordinatorDossier {
  readonly documents: ComputationDocuments;
  readonly request: RequestDocument;
  /** base64url; where the opening names a homomorphic envelope. */
  readonly homomorphicKey?: string;
}

/** What a receiver needs beside the ledger: documents, and every permit with its agreement, in cohort order. */
export interface Dossier {
  readonly documents: ComputationDocuments;
  readonly request: RequestDocument;
  readonly terms: readonly AgreedTerms[];
}

/** What the coordinator hands to the receiver beside message 22, so that evidence can be assembled. */
export interface Transcript {
  readonly result: MessageOf<"result-2">;
  readonly accepts: MessageOf<"maskset">["accepts"];
  readonly refusals: MessageOf<"maskset">["refusals"];
  readonly views1: MessageOf<"views-1">["views"];
}

/** One role of this node in one computation: what a restart needs to know before it opens the in-flight file. */
export interface RoleRecord {
  readonly computation: string;
  readonly role: RoleName;
  readonly state: "running" | "over";
  readonly startedAt: string;
}
export type RoleName = "member" | "coordinator" | "receiver";

/** A refused message or a proven breach, attributed to its author. */
export interface Fault {
  readonly member: string;
  readonly reason: string;
  readonly at: string;
}

export interface Stores extends RequestStores {
  readonly lives: RecordStore<LifeRecord>;
  readonly explanations: RecordStore<Explanation>;
  /** By `agreementKey`: both sides of a negotiation keep here what it is about. */
  readonly agreements: RecordStore<AgreementRecord>;
  /** Requester, by computation. */
  readonly openings: RecordStore<OpeningRecord>;
  /** Coordinator: by `<computation>/<who handed them over>`. */
  readonly documentsToRelay: RecordStore<CoordinatorDossier>;
  /** Receiver: by `<computation>/<who handed it over>`. */
  readonly dossiers: RecordStore<Dossier>;
  /** Receiver: what C brought and was decoded, as evidence is assembled from it. Coordinator: what it brought. */
  readonly transcripts: RecordStore<Transcript>;
  /** By `<computation>/<role>`. */
  readonly roles: RecordStore<RoleRecord>;
  /** Coordinator: see `chunkId`; erased when the computation is over. */
  readonly contributions: BlobStore;
  /** Receiver and requester, by computation. */
  readonly results: RecordStore<ResultRecord>;
  /** Receiver, by computation: results that persons look at before they leave. */
  readonly reviews: RecordStore<KeptReview>;
  /** As `results`: what the receiver has handed out, and what the requester has verified. */
  readonly evidence: RecordStore<EvidenceBundle>;
  /** Requester: digest of a question to the request it was last answered by. */
  readonly answers: RecordStore<string>;
  /** Coordinator: what each member has signed, by `<computation>/<member>/<message type>`. */
  readonly witnessed: RecordStore<Signed<unknown>>;
  /** By `<computation>/<member>/<reason>`: who broke the protocol, as seen from here. */
  readonly faults: RecordStore<Fault>;
  /** Ledger position up to which this node has acted: one record. */
  readonly cursor: RecordStore<number>;
}

export interface Context {
  readonly services: NodeServices;
  /** Aborted when the node stops: no answer of a peer is waited for any more. */
  readonly closing: AbortController;
  readonly party: Party;
  readonly facts: LedgerFacts;
  readonly stores: Stores;
  /** Member: value releases for ever. */
  readonly releases: ReleaseHistory;
  readonly forgotten: ForgottenReleases;
  readonly activations: PolicyActivations;
  readonly uses: AssetUses;
  readonly assets: OwnTables;
  /** Takes in documents and dossiers, which may come before their opening. */
  readonly unopened: Unopened;
  /** Rings with the id of a request when its life has moved. */
  readonly moved: KeyedBell;
  readonly shared: SharedWork;
  /** Member: of the homomorphic envelope. */
  readonly encryptor: EnvelopeEncryptor;
  readonly results: KeptResults;
  /** Receiver. */
  readonly judging: Judging;
  /** Receiver: one result after another, each checked against all before it. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly gauges: Gauges;
  readonly sign: Sign;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export function createContext(services: NodeServices, gauges: Gauges): Context {
  const open = services.openStore;
  const facts = createLedgerFacts(services.ledger);
  const documentsToRelay = open<CoordinatorDossier>("computation-dossiers");
  const dossiers = open<Dossier>("dossiers");
  const agreements = open<AgreementRecord>(AGREED_TERMS);
  const results = open<ResultRecord>("results");
  const releases = createReleaseHistory(open<HistoryEntry>("release-history"));
  const clock = () => Date.parse(services.now());
  const oneAtATime = createKeyedLock();
  return Object.freeze({
    closing: new AbortController(),
    services,
    party: {
      network: services.network,
      identity: services.identity,
      ledger: services.ledger,
      now: services.now,
      random: services.random,
    },
    facts,
    stores: {
      // Written for every record of a request, of which many come together.
      lives: coalesced(open<LifeRecord>("request-lives", "unless-power-fails")),
      documents: open<RequestDocument>("request-documents"),
      explanations: open<Explanation>("explanations"),
      agreements,
      openings: open<OpeningRecord>("openings"),
      documentsToRelay,
      dossiers,
      transcripts: open<Transcript>("transcripts"),
      roles: open<RoleRecord>("roles"),
      contributions: services.openBlobs("contribution-chunks"),
      results,
      reviews: open<KeptReview>("reviews"),
      evidence: open<EvidenceBundle>("evidence"),
      answers: open<string>("answers", "unless-power-fails"),
      witnessed: open<Signed<unknown>>("witnessed", "unless-power-fails"),
      faults: open<Fault>("faults"),
      cursor: open<number>("ledger-cursor"),
    },
    releases,
    forgotten: createForgottenReleases(services.ledger, services.member, releases),
    activations: createPolicyActivations(services.ledger),
    uses: createAssetUses(services.ledger, agreements),
    assets: createOwnTables(services),
    unopened: createUnopened({
      waiting: open<Waiting>("unopened-documents"),
      stores: { documents: documentsToRelay, dossier: dossiers },
      openedBy: async (computation) => (await facts.opened(computation))?.requester,
      clock,
    }),
    results: createKeptResults(results),
    judging: createJudging(facts.groupsOf),
    moved: createKeyedBell(),
    shared: createSharedWork(),
    encryptor: createEnvelopeEncryptor(),
    inTurn: <T>(work: () => Promise<T>) => oneAtATime("results", work),
    gauges,
    sign: <S>(domain: SigningDomain, statement: S) => signStatement(services.identity, domain, statement),
    clock,
  });
}
