/** Evidence of the encrypted queries of an own request: put together by the requester, from the ledger and what both sides signed. */
import { readAgreement, readDecision, readQueryAnswered, readRequest } from "../../chaincode/rules/keys.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { buildQueryEvidence, encodeEvidence } from "../../ledger/audit/build.ts";
import type { AnsweredQuery, AskedQuery } from "../../ledger/audit/query-statements.ts";
import type { Context } from "../computations/context.ts";
import { assetsOf, membersOf, present, prover } from "../computations/evidence.ts";

/** The text of the bundle's file. Throws ERR_COMPUTATION_EVIDENCE while a record is not on the replica yet. */
export async function queryEvidence(
  ctx: Context,
  { request: id, asset, agreement, terms }: AgreementRecord,
  request: RequestDocument,
  results: readonly { readonly query: AskedQuery; readonly answer: AnsweredQuery }[],
): Promise<string> {
  const { ledger, network, member } = ctx.services;
  const prove = prover(ctx);
  const provider = terms.agreement.assigner;
  const cohort = [{ asset, assetVersion: terms.asset.version }];
  const submitted = present(await readRequest(ledger, id), "request");
  const decision = present(await readDecision(ledger, id, asset), "decision");
  const { concluded } = present(await readAgreement(ledger, agreement), "agreement");
  const answers = await Promise.all(
    results.map(async ({ query, answer }) => {
      const there = await readQueryAnswered(ledger, agreement, answer.statement.number);
      return { record: await prove(present(there, "answer").position), query, answer };
    }),
  );
  return encodeEvidence(
    buildQueryEvidence({
      network,
      request: id,
      members: await membersOf(ctx, [member, provider], prove),
      assets: await assetsOf(ctx, id, cohort, prove),
      submitted: { record: await prove(submitted.position), request },
      decisions: [{ record: await prove(decision.position), explanation: terms.explanation }],
      agreements: [{ record: await prove(concluded.position), document: terms.agreement }],
      policies: [terms.policy],
      answers,
    }),
  );
}
