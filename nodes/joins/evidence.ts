/** Evidence of the joins of an own request: put together by the requester, from the ledger and what both sides signed. */
import {
  readAgreement,
  readDecision,
  readJoinCommitted,
  readJoinEnded,
  readJoinOpened,
  readRequest,
} from "../../chaincode/rules/keys.ts";
import { openGroups } from "../../crypto/psi/join.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { buildJoinEvidence, encodeEvidence } from "../../ledger/audit/build.ts";
import type { JoinRunEvidence } from "../../ledger/audit/join-bundle.ts";
import { matchedGroups } from "../../ledger/audit/join-statements.ts";
import type { Context } from "../computations/context.ts";
import { assetsOf, membersOf, present, prover } from "../computations/evidence.ts";
import type { AskedJoin } from "./asked-join.ts";

/** The text of the bundle's file. Throws ERR_COMPUTATION_EVIDENCE while a record is not on the replica yet. */
export async function joinEvidence(
  ctx: Context,
  { request: id, asset, agreement, terms }: AgreementRecord,
  request: RequestDocument,
  joins: readonly AskedJoin[],
): Promise<string> {
  const { ledger, network, member } = ctx.services;
  const prove = prover(ctx);
  const provider = terms.agreement.assigner;
  const cohort = [{ asset, assetVersion: terms.asset.version }];
  const submitted = present(await readRequest(ledger, id), "request");
  const decision = present(await readDecision(ledger, id, asset), "decision");
  const { concluded } = present(await readAgreement(ledger, agreement), "agreement");
  const runs = await Promise.all(joins.map((one) => runOf(ctx, one, prove)));
  const matchers = joins.some(({ result }) => result?.matched !== undefined)
    ? [request.document.statement.coordinator]
    : [];
  return encodeEvidence(
    buildJoinEvidence({
      network,
      request: id,
      members: await membersOf(ctx, [member, provider, ...matchers], prove),
      assets: await assetsOf(ctx, id, cohort, prove),
      submitted: { record: await prove(submitted.position), request },
      decisions: [{ record: await prove(decision.position), explanation: terms.explanation }],
      agreements: [{ record: await prove(concluded.position), document: terms.agreement }],
      policies: [terms.policy],
      runs,
    }),
  );
}

async function runOf({ services: { ledger } }: Context, one: AskedJoin, prove: ReturnType<typeof prover>) {
  const { run, state } = one;
  const opened = present(await readJoinOpened(ledger, run), "join");
  const committed = await readJoinCommitted(ledger, run);
  const ended = present(await readJoinEnded(ledger, run), "end of join");
  const sums = committed === undefined ? undefined : sumsOf(one, committed.body.size);
  return {
    opened: await prove(opened.position),
    ...(committed === undefined ? {} : { committed: await prove(committed.position) }),
    ended: await prove(ended.position),
    ...(state.name === "released" ? { release: state.release } : {}),
    ...(sums === undefined ? {} : { sums }),
  };
}

function sumsOf({ run, state, result }: AskedJoin, size: number): JoinRunEvidence["sums"] {
  if (state.name !== "released" || result?.seed === undefined || result.matched === undefined) return undefined;
  const { seed, matched } = result;
  const { told, minimum } = state.release.statement;
  if (told.kind !== "sums") return undefined;
  const opened = openGroups(matchedGroups(matched), {
    seed: fromBase64url(seed, "seed", 32),
    run: fromBase64url(run, "run", 16),
    size,
    columns: told.columns,
    minimum,
  });
  return { seed, matched, opened: opened.map(({ group, rows, sums }) => ({ group, rows, sums: sums.map(String) })) };
}
