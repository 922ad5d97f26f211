/** The receiver's evidence bundle: every record of the request's life with its ledger proof. */
import {
  readAgreement,
  readAssetVersion,
  readComputationOpened,
  readComputationStep,
  readDecision,
  readMember,
  readNetwork,
  readRequest,
  readResult,
  readReview,
} from "../../chaincode/rules/keys.ts";
import type { KeyState } from "../../chaincode/rules/records.ts";
import type { CohortEntry } from "../../chaincode/rules/transactions.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { buildEvidence, type EvidenceParts, type ProvenEntry } from "../../ledger/audit/build.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import type { Context, Dossier, Transcript } from "./context.ts";
import type { ResultRecord } from "./result-record.ts";

/** Throws ERR_COMPUTATION_EVIDENCE while something is missing: the release is not on the replica yet, for example. */
export async function assembleEvidence(ctx: Context, result: ResultRecord): Promise<EvidenceBundle> {
  const { ledger, network, identity, now } = ctx.services;
  const { computation, request } = result;
  const opened = present(await readComputationOpened(ledger, computation), "opening");
  const dossier = present(await ctx.stores.dossiers.get(`${computation}/${opened.requester}`), "dossier");
  const transcript = present(await ctx.stores.transcripts.get(computation), "transcript");
  const submitted = present(await readRequest(ledger, request), "request");
  const outcome = present(await readResult(ledger, computation), "outcome");
  const prove = prover(ctx);

  const { cohort, coordinator, receiver, auditor } = opened.body;
  const actors = [opened.requester, coordinator, receiver, ...cohort.map(({ member }) => member)];
  // On Fabric each block of a proof is asked of peers: side by side.
  const [rounds, members, assets, submission, decisions, agreements, opening, end, review] = await Promise.all([
    roundsOf(ctx, result, transcript, prove),
    membersOf(ctx, auditor === undefined ? actors : [...actors, auditor], prove),
    assetsOf(ctx, request, cohort, prove),
    prove(submitted.position),
    Promise.all(
      cohort.map(async ({ asset }) => ({
        record: await prove(present(await readDecision(ledger, request, asset), "decision").position),
        explanation: termsOf(dossier, asset).explanation,
      })),
    ),
    Promise.all(
      cohort.map(async ({ asset, agreement }) => ({
        record: await prove(present(await readAgreement(ledger, agreement), "agreement").concluded.position),
        document: termsOf(dossier, asset).agreement,
      })),
    ),
    prove(opened.position),
    prove(outcome.position),
    result.outcome.kind === "released" ? reviewOf(ctx, computation, prove) : undefined,
  ]);
  const parts: EvidenceParts = {
    network,
    request,
    computation,
    members,
    assets,
    submitted: { record: submission, request: dossier.request },
    decisions,
    agreements,
    opened: { record: opening, ...dossier.documents },
    ...rounds,
    outcome:
      result.outcome.kind === "released"
        ? { kind: "released", record: end, result: result.outcome.result, review }
        : { kind: "withheld", record: end },
  };
  return buildEvidence(parts, identity, { transcript: result.transcriptDigest ?? "", time: now() });
}

async function reviewOf(ctx: Context, computation: string, prove: Prove) {
  const review = await readReview(ctx.services.ledger, computation);
  if (review === undefined) return undefined;
  const words = await Promise.all(review.words.map(({ position }) => prove(position)));
  return { opened: await prove(review.position), words };
}

type Prove = (position: number) => Promise<ProvenEntry>;

export function prover(ctx: Context): Prove {
  const { ledger } = ctx.services;
  return async (position) => {
    for await (const entry of ledger.entries(position, 1)) {
      return { entry: entry satisfies LedgerEntry, proof: await ledger.prove(position) };
    }
    throw new ComputationError("ERR_COMPUTATION_EVIDENCE", `ledger entry ${position}: not on this replica yet`);
  };
}

async function roundsOf(
  ctx: Context,
  result: ResultRecord,
  transcript: Transcript,
  prove: Prove,
): Promise<Pick<EvidenceParts, "keyset" | "maskset" | "phase1" | "phase2" | "bitmap">> {
  const { ledger } = ctx.services;
  const id = result.computation;
  const stepAt = async (name: "keyset" | "maskset" | "close-1" | "counts" | "close-2") =>
    await prove(present(await readComputationStep(ledger, id, name), name).position);
  const bitmap = result.bitmap ?? "";
  const counts = transcript.result.counts;
  const closed1 = await readComputationStep(ledger, id, "close-1");
  const [keyset, maskset, phase1, close2] = await Promise.all([
    stepAt("keyset"),
    stepAt("maskset"),
    counts === undefined || closed1 === undefined ? undefined : Promise.all([stepAt("close-1"), stepAt("counts")]),
    stepAt("close-2"),
  ]);
  return {
    keyset: { record: keyset, messages: transcript.result.keys, reveals: transcript.result.reveals },
    maskset: { record: maskset, accepts: transcript.accepts, refusals: transcript.refusals },
    ...(counts === undefined || closed1 === undefined || phase1 === undefined
      ? {}
      : {
          phase1: {
            closing: { record: phase1[0], views: transcript.views1 },
            counts: {
              record: phase1[1],
              counts: {
                salt: counts.salt,
                document: { members: closed1.members, counts: counts.counts, units: counts.units, bitmap },
              },
            },
          },
        }),
    bitmap,
    phase2: { record: close2, views: transcript.result.views },
  };
}

/** Admission and rotations of everyone who acts, in ledger order. `others`: besides those who run the network. */
export async function membersOf(
  ctx: Context,
  others: readonly string[],
  prove: Prove,
): Promise<EvidenceParts["members"]> {
  const { ledger } = ctx.services;
  const network = present(await readNetwork(ledger), "network");
  const actors = new Set([network.founder, network.operator, network.sequencer, ...others]);
  const admitted: number[] = [];
  for (const id of actors) {
    if (id !== network.founder) admitted.push(present(await readMember(ledger, id), id).admitted.position);
  }
  const rotated: number[] = [];
  for await (const [, key] of ledger.range<KeyState>("key/")) {
    const member = actors.has(key.member) ? await readMember(ledger, key.member) : undefined;
    if (member !== undefined && key.from.position !== member.admitted.position) rotated.push(key.from.position);
  }
  const ascending = (positions: readonly number[]) => [...positions].sort((a, b) => a - b);
  return {
    found: await prove(0),
    admissions: await Promise.all(ascending(admitted).map(prove)),
    rotations: await Promise.all(ascending(rotated).map(prove)),
  };
}

/** Every asset as registered, with the activation of the policy it was decided under where there was one. */
export async function assetsOf(
  ctx: Context,
  request: string,
  cohort: readonly Pick<CohortEntry, "asset" | "assetVersion">[],
  prove: Prove,
): Promise<EvidenceParts["assets"]> {
  const { ledger } = ctx.services;
  const entries = await Promise.all(
    cohort.map(async ({ asset, assetVersion }) => ({
      asset,
      registered: present(await readAssetVersion(ledger, asset, assetVersion), asset),
      decision: present(await readDecision(ledger, request, asset), "decision"),
    })),
  );
  const until = Math.max(...entries.map(({ decision }) => decision.position));
  return await Promise.all(
    entries.map(async ({ asset, registered, decision }) => {
      const activation = await ctx.activations.of(asset, decision.decision.policyVersion, until);
      if (activation === undefined && registered.policyDigest !== decision.decision.policyDigest) {
        throw new ComputationError(
          "ERR_COMPUTATION_EVIDENCE",
          `${asset}: the policy it was decided under is not on the ledger`,
        );
      }
      return {
        registered: await prove(registered.position),
        ...(activation === undefined ? {} : { policy: await prove(activation) }),
      };
    }),
  );
}

function termsOf(dossier: Dossier, asset: string): Dossier["terms"][number] {
  return present(
    dossier.terms.find((one) => one.asset.id === asset),
    `terms of ${asset}`,
  );
}

export function present<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new ComputationError("ERR_COMPUTATION_EVIDENCE", `evidence: ${what} is missing; try again later`);
}
