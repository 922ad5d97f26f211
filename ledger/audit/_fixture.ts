/** Plays whole lives of a request, from founding to release, and keeps what evidence needs. */
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import type { TransactionBody } from "../../chaincode/rules/transactions.ts";
import { closingDigest, maskContext, openingContext, valueContext } from "../../crypto/secagg/context.ts";
import { masksetRoot } from "../../crypto/secagg/keyset.ts";
import { statementsRoot } from "../../crypto/secagg/merkle.ts";
import type { Accept, Refusal } from "../../crypto/secagg/messages.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { type Signed, type SigningIdentity, signStatement } from "../../crypto/suites/signed.ts";
import type { LedgerEntry } from "../port.ts";
import { playAgreement, REQUEST } from "./_agreement.ts";
import { digest, type LedgerFixture, ledgerFixture, NETWORK, salted, trustOf, uuid } from "./_ledger.ts";
import { assetOf, COSIGNERS, cohortOf, foundNetwork, SECTORS } from "./_registry.ts";
import { buildEvidence, type EvidenceParts } from "./build.ts";
import type { EvidenceBundle } from "./bundle.ts";
import { WITHHELD } from "./result.ts";
import type { TrustFile } from "./trust.ts";

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
  /** 9, or 3 for a small registry-mode bundle. */
  readonly providers?: 3 | 9;
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
  /** What the result says that the policies want of it. */
  readonly outputRules?: object;
  /** Rule that withholds each other atom. */
  readonly withheldBy?: readonly string[];
}

const COMPUTATION = uuid("computation");

/** From founding to release; in phase 2 the last of the mask set has dropped out and the deadline has passed. */
export async function playLife(options: LifeOptions): Promise<Life> {
  const { mode, opening = (body) => body, outcome = "released", bitmap: opened1 = 1, shown = 1 } = options;
  const groupOf = options.groupOf ?? ((member: string) => `group-${member}`);
  const { providers = 9, masked = (members: readonly string[]) => members } = options;
  // Fewer than nine are just enough for the quorum: nobody withdraws and nobody drops out.
  const { withdrawn = providers < 9 ? [] : ["p9"] } = options;
  // The second atom is enough by itself and goes because the third is not.
  const { withheldBy = [WITHHELD, WITHHELD, WITHHELD] } = options;
  const twoThirds = Math.floor((2 * providers) / 3) + 1;
  const ledger = ledgerFixture(COSIGNERS, { lawless: options.lawless ?? false });
  const { found, admissions } = await foundNetwork(ledger, groupOf, providers);
  const cohort = cohortOf(providers);

  const agreed = await playAgreement(ledger, cohort, options);
  const { assets, rotations, policies, query, request, submitted, decisions, agreements } = agreed;

  const dimension =
    mode === "registry"
      ? { name: "sector", size: 3, attribute: { name: "sector", values: SECTORS } }
      : { name: "size", size: 3 };
  const codes = mode === "registry" ? SECTORS : ["large", "medium", "small"];
  const layout = {
    layout: {
      format: "sealane/layout/v1",
      query,
      assets: cohort
        .map((m) => ({ asset: assetOf(m).id, version: 1, metadata: digestOf(assetOf(m)) }))
        .sort((a, b) => (a.asset < b.asset ? -1 : 1)),
      dimensions: [dimension],
      domains: [{ kind: mode === "registry" ? "attribute" : "element", name: dimension.name, codes }],
      elements: [],
      components: [{ words: 1 }, { words: 2 }, { words: 1 }],
      atoms: 3,
      wordsPerAtom: 4,
      rows: providers,
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
      agreement: agreementIdOf(REQUEST, assetOf(member).id),
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
      members: providers,
      threshold: twoThirds,
      quorum: twoThirds,
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
      body: { accepted: Buffer.from(providers === 9 ? [0xff, 0x01] : [2 ** providers - 1]).toString("base64url") },
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
    const views: Signed<unknown>[] = cohort.slice(0, options.views ?? twoThirds).map((member) =>
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
  const survivors = providers < 9 ? members : members.slice(0, -1);
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
    ...(options.outputRules === undefined ? {} : { outputRules: options.outputRules }),
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
