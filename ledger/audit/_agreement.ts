/** From registered assets to agreements: what a computation rests on. */
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import type { TransactionBody } from "../../chaincode/rules/transactions.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import type { LedgerEntry } from "../port.ts";
import { type LedgerFixture, salted, uuid } from "./_ledger.ts";
import { assetOf, policyOf } from "./_registry.ts";

export const REQUEST = uuid("request");

/** The records and documents, for a computation of mode `mode`. */
export async function playAgreement(
  ledger: LedgerFixture,
  cohort: readonly string[],
  options: {
    readonly mode: "registry" | "counted";
    readonly decision?: Partial<TransactionBody<"decision.record">>;
    readonly agreement?: Partial<TransactionBody<"agreement.conclude">>;
    readonly agreementsFirst?: boolean;
  },
) {
  const { mode } = options;
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
    const id = agreementIdOf(REQUEST, assetOf(member).id);
    const agreement = { "@type": "Agreement", "@id": `urn:uuid:${id}`, assigner: member };
    const record = await ledger.submit(member, "agreement.conclude", {
      agreement: id,
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
  return { assets, rotations, policies, query, request, submitted, decisions, agreements };
}
