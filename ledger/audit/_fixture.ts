/**
 * Plays whole lives of a request on the real contract, a real log and real signatures, and keeps what evidence needs.
 * Keys and salts are derived from names, so that every run gives the same bytes.
 */
import { execute } from "../../chaincode/rules/execute.ts";
import type { MemberRecord, TransactionBody, TransactionType } from "../../chaincode/rules/transactions.ts";
import { closingDigest, maskContext, openingContext, valueContext } from "../../crypto/secagg/context.ts";
import { masksetRoot } from "../../crypto/secagg/keyset.ts";
import { statementsRoot } from "../../crypto/secagg/merkle.ts";
import type { Accept, Refusal } from "../../crypto/secagg/messages.ts";
import { digestOf, saltedDigest, sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { type Signed, type SigningIdentity, signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { verifyForContract } from "../contract.ts";
import { cosignerNameOf, openCheckpoint, originOf, signCheckpoint } from "../log/checkpoint.ts";
import { cosign, withCosignatures } from "../log/cosignature.ts";
import { leafHashOf } from "../log/leaf.ts";
import { NOTE_ED25519, noteKey } from "../log/note.ts";
import { formatProof } from "../log/proof-text.ts";
import { proveInclusion } from "../log/proofs.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, rootOf } from "../log/tree.ts";
import type { LedgerEntry, LedgerProof, SignedTransaction } from "../port.ts";
import { buildEvidence, type EvidenceParts, type ProvenEntry } from "./build.ts";
import type { EvidenceBundle } from "./bundle.ts";
import { memoryStore } from "./memory-store.ts";
import type { TrustFile } from "./trust.ts";

export const NETWORK = "auditnet";
const START = Date.parse("2026-01-05T08:00:00.000Z");

const bytesOf = (name: string): Uint8Array => sha256(utf8(`fixture ${name}`));
export const identityOf = (member: string, generation = 1): SigningIdentity =>
  signingIdentity(member, "intl", bytesOf(`key ${member} ${generation}`));
const digest = (name: string) => toBase64url(bytesOf(name));
const uuid = (name: string) => {
  const hex = Buffer.from(bytesOf(name)).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
};
const salted = <D>(name: string, document: D) => {
  const salt = bytesOf(`salt ${name}`);
  return { part: { document, salt: toBase64url(salt) }, digest: saltedDigest(salt, document) };
};

export interface LedgerFixture {
  submit<T extends TransactionType>(as: string, type: T, body: TransactionBody<T>): Promise<LedgerEntry>;
  /** Moves the ordering clock. */
  advance(milliseconds: number): void;
  now(): string;
  prove(entry: LedgerEntry): Promise<ProvenEntry>;
  checkpoint(cosigners?: readonly string[]): string;
  readonly entries: readonly LedgerEntry[];
  signer(member: string): SigningIdentity;
  rotate(member: string): Promise<LedgerEntry>;
}

/**
 * A ledger of the real contract whose sequencer is `operator`; the first two of `cosigners` cosign. A lawless one takes
 * every record unexamined, as a colluding sequencer and quorum could.
 */
export function ledgerFixture(cosigners: readonly string[], { lawless = false } = {}): LedgerFixture {
  const store = memoryStore();
  const entries: LedgerEntry[] = [];
  const nodes = new Map<string, Uint8Array>();
  const generations = new Map<string, number>();
  let range: CompactRange = EMPTY_RANGE;
  let clock = START;
  const signer = (member: string) => identityOf(member, generations.get(member) ?? 1);
  const now = () => new Date(clock).toISOString();

  const ledger: LedgerFixture = {
    entries,
    signer,
    now,
    advance: (milliseconds) => {
      clock += milliseconds;
    },
    async submit(as, type, body) {
      const statement = { network: NETWORK, id: uuid(`transaction ${entries.length}`), type, body };
      const transaction = signStatement(signer(as), "transaction", statement) as unknown as SignedTransaction;
      clock += 1000;
      const entry = { position: entries.length, time: now(), transaction };
      const host = { store, time: entry.time, position: entry.position, verify: verifyForContract };
      if (!lawless) {
        const outcome = await execute(host, transaction);
        if (!outcome.ok) throw new Error(`${type} by ${as}: ${outcome.code} ${outcome.message}`);
      }
      const grown = appendLeaf(range, leafHashOf(entry));
      for (const node of grown.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
      range = grown.range;
      entries.push(entry);
      return entry;
    },
    async rotate(member) {
      const generation = (generations.get(member) ?? 1) + 1;
      const next = identityOf(member, generation);
      const statement = { member, replaces: signer(member).key, next: next.key };
      const entry = await ledger.submit(member, "key.rotate", {
        next: { key: next.key, suite: "intl", publicKey: toBase64url(next.publicKey) },
        proof: signStatement(next, "application", statement),
      });
      generations.set(member, generation);
      return entry;
    },
    // Exactly a quorum of three, so that no cosignature is to spare.
    checkpoint(by = cosigners.slice(0, 2)) {
      const { privateKey, publicKey } = signer("operator");
      const note = signCheckpoint({ origin: originOf(NETWORK), size: range.size, root: rootOf(range) }, privateKey);
      const opened = openCheckpoint(note, noteKey(originOf(NETWORK), NOTE_ED25519, publicKey));
      const lines = by.map((member) => {
        const name = cosignerNameOf(NETWORK, member);
        return cosign(opened.note.text, { name, privateKey: signer(member).privateKey }, Math.floor(clock / 1000));
      });
      return withCosignatures(opened, lines);
    },
    async prove(entry) {
      const path = await proveInclusion(entry.position, range.size, (level, index) => nodes.get(`${level}/${index}`)!);
      const proof: LedgerProof = {
        kind: "tlog",
        proof: formatProof({ index: entry.position, path, checkpoint: ledger.checkpoint() }),
      };
      return { entry, proof };
    },
  };
  return ledger;
}

/** Nine providers: four in sector 17, three in 28, two in 35. With need = 3 only 17 is opened: 28 is its complement. */
export const PROVIDERS = Array.from({ length: 9 }, (_, i) => ({
  id: `p${i + 1}`,
  sector: i < 4 ? "17" : i < 7 ? "28" : "35",
}));
const SECTORS = ["17", "28", "35"];

type GroupOf = (member: string) => string;
const recordOf = (groupOf: GroupOf, id: string, kind: MemberRecord["kind"], sector?: string): MemberRecord => {
  const { key, publicKey } = identityOf(id);
  return {
    id,
    title: { en: id },
    kind,
    organisation: `code ${id}`,
    holdingGroup: groupOf(id),
    attributes: sector === undefined ? {} : { sector },
    identity: { key, suite: "intl", publicKey: toBase64url(publicKey) },
    tls: digest(`tls ${id}`),
    cosigner: COSIGNERS.includes(id),
  };
};
const COSIGNERS = ["bureau", "gov", "p1"];

async function foundNetwork(ledger: LedgerFixture, groupOf: GroupOf) {
  const found = await ledger.submit("operator", "network.found", {
    network: NETWORK,
    industry: "C17",
    title: { en: "Audit network" },
    founder: recordOf(groupOf, "operator", "industry"),
    sequencer: "operator",
    attributes: { sector: SECTORS },
  });
  const admissions: LedgerEntry[] = [];
  const admit = async (member: MemberRecord) => {
    const application = signStatement(identityOf(member.id), "application", { network: NETWORK, member });
    admissions.push(await ledger.submit("operator", "member.admit", { application }));
  };
  await admit(recordOf(groupOf, "bureau", "government"));
  await admit(recordOf(groupOf, "gov", "government"));
  for (const { id, sector } of PROVIDERS) await admit(recordOf(groupOf, id, "enterprise", sector));
  return { found, admissions };
}

const policyOf = (member: string, version: number) => ({ "@id": `urn:policy:${member}`, version, permission: [] });
const assetOf = (member: string) => ({
  id: `${member}:annual`,
  version: 1,
  provider: member,
  unit: { kind: "provider" },
  unitDomain: `domain-${member}`,
});

export interface Life {
  readonly ledger: LedgerFixture;
  readonly parts: EvidenceParts;
  readonly bundle: EvidenceBundle;
  readonly trust: TrustFile;
  /** Cosigned, over all entries. */
  readonly checkpoint: string;
  /** Cosigned, over all entries up to the opening. */
  readonly openedCheckpoint: string;
}

type OpenBody = TransactionBody<"computation.open">;

export interface LifeOptions {
  readonly mode: "registry" | "counted";
  readonly outcome?: "released" | "withheld";
  /** The ledger examines nothing, so that the lies below get onto it. */
  readonly lawless?: boolean;
  readonly opening?: (body: OpenBody) => OpenBody;
  readonly groupOf?: (member: string) => string;
  readonly decision?: Partial<TransactionBody<"decision.record">>;
  readonly agreement?: Partial<TransactionBody<"agreement.conclude">>;
  readonly agreementsFirst?: boolean;
  /** Bits of the opened atoms; 1 means only the first. */
  readonly bitmap?: number;
  /** Close phase 2 before its deadline. */
  readonly early?: boolean;
  /** Digest of a masked sum in close-1, as where phase 1 is checked by fingerprints. */
  readonly sum?: string;
  readonly views?: number;
  /** Members that withdraw after they accepted; the last provider unless said otherwise. */
  readonly withdrawn?: readonly string[];
  /** Whom the coordinator puts into the mask set, of those that follow from accepts and refusals. */
  readonly masked?: (members: readonly string[]) => readonly string[];
  readonly release?: Partial<TransactionBody<"result.release">>;
  readonly releaser?: string;
  /** Atoms whose figures the result shows. */
  readonly shown?: number;
  /** Rule that withholds each other atom. */
  readonly withheldBy?: readonly string[];
}

const REQUEST = uuid("request");
const COMPUTATION = uuid("computation");

/** From founding to release; in phase 2 the last of the mask set has dropped out and the deadline has passed. */
export async function playLife(options: LifeOptions): Promise<Life> {
  const { mode, opening = (body) => body, outcome = "released", bitmap: opened1 = 1, shown = 1 } = options;
  const groupOf = options.groupOf ?? ((member: string) => `group-${member}`);
  // The second atom is enough by itself and goes because the third is not.
  const { withheldBy = ["minimum-organisations", "complementary-cell", "minimum-organisations"] } = options;
  const { withdrawn = ["p9"], masked = (members: readonly string[]) => members } = options;
  const ledger = ledgerFixture(COSIGNERS, { lawless: options.lawless ?? false });
  const { found, admissions } = await foundNetwork(ledger, groupOf);
  const cohort = PROVIDERS.map(({ id }) => id);

  const assets: { registered: LedgerEntry; policy?: LedgerEntry }[] = [];
  for (const member of cohort) {
    const asset = assetOf(member);
    const registered = await ledger.submit(member, "asset.register", {
      asset: asset.id,
      version: 1,
      metadataDigest: digestOf(asset),
      policyDigest: digestOf(policyOf(member, 1)),
      unitDomain: asset.unitDomain,
    });
    assets.push({ registered });
  }
  // The second provider changed its policy before the request came, and its key after it registered.
  const policy = await ledger.submit("p2", "policy.activate", {
    asset: "p2:annual",
    version: 2,
    policyDigest: digestOf(policyOf("p2", 2)),
  });
  assets[1] = { registered: assets[1]!.registered, policy };
  const policies = cohort.map((member) => policyOf(member, member === "p2" ? 2 : 1));
  const rotations = [await ledger.rotate("p2")];

  const query = {
    measures: [
      { id: "total", statistic: { kind: "sum", element: "output" } },
      { id: "fit", statistic: { kind: "regression", dependent: "output", independents: ["staff"] } },
    ],
    groupBy: [mode === "registry" ? { attribute: "sector" } : { element: "size" }],
    filters: [],
  };
  const document = signStatement(ledger.signer("gov"), "data-request", {
    id: REQUEST,
    requester: "gov",
    title: { en: "Output by sector" },
    assets: cohort.map((member) => assetOf(member).id),
    receiver: "bureau",
    coordinator: "operator",
    receiverMode: "reviewed",
    query,
  });
  const request = salted("request", document);
  const submitted = await ledger.submit("gov", "request.submit", {
    request: REQUEST,
    digest: request.digest,
    assets: document.statement.assets,
    receiver: "bureau",
  });

  const decisions: { record: LedgerEntry; explanation: { document: unknown; salt: string } }[] = [];
  const agreements: { record: LedgerEntry; document: unknown }[] = [];
  const decide = async (at: number, member: string) => {
    const explanation = salted(`explanation ${member}`, {
      format: "sealane/explanation/v1",
      member,
      rules: ["purpose"],
    });
    const record = await ledger.submit(member, "decision.record", {
      request: REQUEST,
      asset: assetOf(member).id,
      outcome: "permit",
      reasons: ["allowed"],
      policyDigest: digestOf(policies[at]),
      policyVersion: member === "p2" ? 2 : 1,
      explanationDigest: explanation.digest,
      ...options.decision,
    });
    decisions.push({ record, explanation: explanation.part });
  };
  const agree = async (member: string) => {
    const agreement = { "@type": "Agreement", "@id": `urn:uuid:${uuid(`agreement ${member}`)}`, assigner: member };
    const record = await ledger.submit(member, "agreement.conclude", {
      agreement: uuid(`agreement ${member}`),
      request: REQUEST,
      asset: assetOf(member).id,
      assetVersion: 1,
      consumer: "gov",
      digest: digestOf(agreement),
      validUntil: "2027-01-01T00:00:00Z",
      ...options.agreement,
    });
    agreements.push({ record, document: agreement });
  };
  const agreeAll = async () => {
    for (const member of cohort) await agree(member);
  };
  if (options.agreementsFirst === true) await agreeAll();
  for (const [at, member] of cohort.entries()) await decide(at, member);
  if (options.agreementsFirst !== true) await agreeAll();

  const dimension =
    mode === "registry"
      ? { name: "sector", size: 3, attribute: { name: "sector", values: SECTORS } }
      : { name: "size", size: 3 };
  const codes = mode === "registry" ? SECTORS : ["large", "medium", "small"];
  const layout = {
    layout: {
      format: "sealane/layout/v1",
      query,
      assets: cohort.map((m) => ({ asset: assetOf(m).id, version: 1, metadata: digestOf(assetOf(m)) })),
      dimensions: [dimension],
      domains: [{ kind: mode === "registry" ? "attribute" : "element", name: dimension.name, codes }],
      elements: [],
      components: [{ words: 1 }, { words: 2 }, { words: 1 }],
      atoms: 3,
      wordsPerAtom: 4,
      rows: 9,
      momentMargin: 0,
    },
    assets: cohort.map(assetOf),
  };
  const queryPart = salted("query", query);
  const layoutPart = salted("layout", layout);
  const policyPart = salted("policy", { policies });
  const deadline = (minutes: number) => new Date(Date.parse(ledger.now()) + minutes * 60_000).toISOString();
  const openBody = opening({
    computation: COMPUTATION,
    request: REQUEST,
    queryDigest: queryPart.digest,
    layoutDigest: layoutPart.digest,
    policyDigest: policyPart.digest,
    cohort: cohort.map((member) => ({
      member,
      holdingGroup: groupOf(member),
      asset: assetOf(member).id,
      assetVersion: 1,
      agreement: uuid(`agreement ${member}`),
    })),
    coordinator: "operator",
    receiver: "bureau",
    receiverKey: signStatement(ledger.signer("bureau"), "receiver-key", {
      computation: COMPUTATION,
      request: REQUEST,
      receiver: "bureau",
      publicKey: digest("receiver key"),
    }),
    receiverMode: "reviewed",
    constants: {
      members: 9,
      threshold: 7,
      quorum: 7,
      minimumOrganisations: 3,
      minimumUnits: 2,
      colluders: 0,
      drops: 0,
      need: 3,
    },
    graph: "complete",
    cells: { mode, dimensions: [dimension] },
    deadlines: {
      keys: deadline(10),
      shares: deadline(20),
      contribution1: deadline(30),
      contribution2: deadline(40),
      release: deadline(60),
    },
  });
  const opened = await ledger.submit("gov", "computation.open", openBody);
  const openedCheckpoint = ledger.checkpoint();

  const context0 = openingContext(openBody);
  const about = { computation: COMPUTATION, request: REQUEST, phase: 0, context: context0 };
  const messages = cohort.map((member) =>
    signStatement(ledger.signer(member), "secagg-message", {
      type: "keys",
      ...about,
      body: Object.fromEntries(
        ["pair1", "pair2", "seal", "envelope", "seed1", "seed2"].map((name) => [name, digest(`${name} ${member}`)]),
      ),
    }),
  );
  const keysetBody = { computation: COMPUTATION, members: cohort, root: statementsRoot(messages) };
  const keyset = await ledger.submit("operator", "computation.keyset", keysetBody);
  const accepts = cohort.map((member) =>
    signStatement(ledger.signer(member), "secagg-message", {
      type: "accept",
      ...about,
      body: { accepted: Buffer.from([0xff, 0x01]).toString("base64url") },
    }),
  );
  const refusals = withdrawn.map((member) =>
    signStatement(ledger.signer(member), "secagg-message", {
      type: "refusal",
      ...about,
      body: { reason: "value-missing" },
    }),
  );
  const answers = { accepts: accepts as Accept[], refusals: refusals as Refusal[] };
  const members = [...masked(cohort.filter((member) => !withdrawn.includes(member)))];
  const masksetBody = { computation: COMPUTATION, members, root: masksetRoot(answers) };
  const maskset = await ledger.submit("operator", "computation.maskset", masksetBody);
  const context1 = maskContext(context0, keysetBody, masksetBody, null);

  const close = async (phase: 1 | 2, survivors: readonly string[], context: string, bytes: number) => {
    const headers = survivors.map((member) =>
      signStatement(ledger.signer(member), "secagg-message", {
        type: `contribution-${phase}`,
        computation: COMPUTATION,
        context,
        bytes,
        digest: digest(`contribution ${phase} ${member}`),
      }),
    ) as TransactionBody<"computation.close">["headers"];
    const sum = phase === 1 && options.sum !== undefined ? { sum: options.sum } : {};
    const body = { computation: COMPUTATION, phase, headers, root: statementsRoot(headers), ...sum };
    const record = await ledger.submit("operator", "computation.close", body);
    const closing = closingDigest(COMPUTATION, body);
    const views: Signed<unknown>[] = cohort.slice(0, options.views ?? 7).map((member) =>
      signStatement(ledger.signer(member), "view", {
        computation: COMPUTATION,
        request: REQUEST,
        phase,
        digest: closing,
        position: record.position,
      }),
    );
    return { record, views, closing };
  };

  const bitmap = Buffer.from([opened1]).toString("base64url");
  const included = [0, 1, 2].filter((atom) => (opened1 >> atom) & 1).length;
  const phase1 = mode === "counted" ? await close(1, members, context1, 2 * 3 * 8) : undefined;
  const counts = salted("counts", { members, counts: [8, 5, 2], units: [8, 5, 2], bitmap });
  const counted =
    mode === "counted"
      ? await ledger.submit("operator", "computation.counts", { computation: COMPUTATION, digest: counts.digest })
      : undefined;
  if (options.early !== true) ledger.advance(41 * 60_000);
  const survivors = members.slice(0, -1);
  const phase2 = await close(2, survivors, valueContext(context1, phase1?.closing ?? null, bitmap), included * 4 * 8);

  const cells = codes.flatMap((code, at) => {
    const group = { [dimension.name]: code };
    const figures = [
      ["total"],
      ["fit", "intercept"],
      ["fit", "coefficient:staff"],
      ["fit", "r-squared"],
      ["fit", "rows"],
    ];
    return figures.map(([measure, part]) => ({
      group,
      measure,
      ...(part === undefined ? {} : { part }),
      ...(((shown >> at) & 1) === 0 ? { value: null, withheld: withheldBy[at] } : { value: "1234.5" }),
    }));
  });
  const withheldCells = cells.filter((cell) => "withheld" in cell).length;
  const result = salted("result", {
    format: "sealane/result/v1",
    request: REQUEST,
    computation: COMPUTATION,
    receiver: "bureau",
    contributors: survivors,
    cells,
    rules: ["minimum-organisations"],
    withheldCells,
  });
  const ended =
    outcome === "released"
      ? await ledger.submit(options.releaser ?? "bureau", "result.release", {
          computation: COMPUTATION,
          request: REQUEST,
          resultDigest: result.digest,
          rules: ["minimum-organisations"],
          reviewers: [],
          withheldCells,
          ...options.release,
        })
      : await ledger.submit("bureau", "result.withhold", {
          computation: COMPUTATION,
          request: REQUEST,
          reasons: ["reviewer-refused"],
        });

  const prove = (entry: LedgerEntry) => ledger.prove(entry);
  const proveAll = (entries: readonly LedgerEntry[]) => Promise.all(entries.map(prove));
  const parts: EvidenceParts = {
    network: NETWORK,
    request: REQUEST,
    computation: COMPUTATION,
    members: {
      found: await prove(found),
      admissions: await proveAll(admissions),
      rotations: await proveAll(rotations),
    },
    assets: await Promise.all(
      assets.map(async (asset) => ({
        registered: await prove(asset.registered),
        ...(asset.policy === undefined ? {} : { policy: await prove(asset.policy) }),
      })),
    ),
    submitted: { record: await prove(submitted), request: request.part },
    decisions: await Promise.all(decisions.map(async (d) => ({ ...d, record: await prove(d.record) }))),
    agreements: await Promise.all(agreements.map(async (a) => ({ ...a, record: await prove(a.record) }))),
    opened: { record: await prove(opened), query: queryPart.part, layout: layoutPart.part, policy: policyPart.part },
    keyset: { record: await prove(keyset), messages },
    maskset: { record: await prove(maskset), accepts, refusals },
    ...(phase1 === undefined || counted === undefined
      ? {}
      : {
          phase1: {
            closing: { record: await prove(phase1.record), views: phase1.views },
            counts: { record: await prove(counted), counts: counts.part },
          },
        }),
    bitmap,
    phase2: { record: await prove(phase2.record), views: phase2.views },
    outcome:
      outcome === "released"
        ? { kind: "released", record: await prove(ended), result: result.part }
        : { kind: "withheld", record: await prove(ended) },
  };
  const bundle = sealBundle(parts, ledger.signer("bureau"));
  const checkpoint = ledger.checkpoint();
  return { ledger, parts, bundle, trust: trustOf(ledger, checkpoint), checkpoint, openedCheckpoint };
}

export const sealBundle = (parts: EvidenceParts, receiver: SigningIdentity): EvidenceBundle =>
  buildEvidence(parts, receiver, { transcript: digest("transcript"), time: "2026-01-05T10:00:00Z" });

/** As `sealane trust export` gives it: spans of members and keys, read off the ledger. */
export function trustOf(
  ledger: { readonly entries: readonly LedgerEntry[] },
  checkpoint: string,
  network = NETWORK,
): TrustFile {
  const members = new Map<string, TrustFile["members"][number]>();
  for (const { position, transaction } of ledger.entries) {
    const { type, body } = transaction.statement;
    const record =
      type === "network.found"
        ? (body as TransactionBody<"network.found">).founder
        : type === "member.admit"
          ? (body as TransactionBody<"member.admit">).application.statement.member
          : undefined;
    if (record !== undefined) {
      const { id, cosigner, identity } = record;
      members.set(id, { id, cosigner, keys: [{ ...identity, from: position }], active: [{ from: position }] });
    }
    if (type === "key.rotate") {
      const member = members.get(transaction.signer)!;
      member.keys.at(-1)!.ended = { at: position, how: "replaced" };
      member.keys.push({ ...(body as TransactionBody<"key.rotate">).next, from: position });
    }
  }
  return {
    format: "sealane/trust/v1",
    network,
    origin: originOf(network),
    sequencers: [{ member: ledger.entries[0]!.transaction.signer, from: 0 }],
    members: [...members.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    minimumCosignatures: 1,
    checkpoint,
  };
}
