/** `computation.open`: everything the contract can check before a round begins (secure-aggregation.md 1, 2, 4, 6). */

import { takeUse } from "./asset-uses.ts";
import { demandCells } from "./cells.ts";
import { demandCohort } from "./computation-cohort.ts";
import { demand } from "./errors.ts";
import { homomorphicSet, sumsFit } from "./homomorphic.ts";
import type { Host } from "./host.ts";
import { keys, readAgreement, readComputation, readNetworkSuite, readRequestComputation } from "./keys.ts";
import { costTaken } from "./privacy.ts";
import type { ComputationOpened, ComputationState, NetworkState, PinnedMember } from "./records.ts";
import { openRequest } from "./requests.ts";
import { type Author, activeMember, isSignedBy, millisOf, networkOf, type Rule, written } from "./rule.ts";
import type { TransactionBody } from "./transactions.ts";

type Opening = TransactionBody<"computation.open">;

const MAX_RESTARTS = 3;
/** Characters of a public key for key agreement. */
const AGREEMENT_KEY_LENGTH = Object.freeze({ intl: 43, gm: 88, "intl-pq": 1622 });
/** k and t of cohorts that are too large for the complete graph. */
const NEIGHBOURS = 128;
const NEIGHBOUR_THRESHOLD = 86;
const DEADLINES = ["keys", "shares", "contribution1", "contribution2", "release"] as const;

export const openComputation: Rule<"computation.open"> = async (host, author, body) => {
  const existing = await readComputation(host.store, body.computation);
  demand(existing === undefined, "ERR_CONTRACT_EXISTS", `computation: ${body.computation} exists`, "computation");
  const network = await networkOf(host);
  const suite = await readNetworkSuite(host.store);
  demand(
    (body.suite ?? "intl") === suite,
    "ERR_CONTRACT_SUITE",
    `suite: computations of this network are of suite ${suite}, got ${body.suite}`,
    "suite",
  );
  const request = await openRequest(host, body.request, "request");
  demand(
    request.requester === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `request: only its requester ${request.requester} may open a computation`,
    "request",
  );
  demand(
    request.receiver === body.receiver,
    "ERR_CONTRACT_MISMATCH",
    `receiver: the request names ${request.receiver}`,
    "receiver",
  );
  const restarts = await demandRestart(host, body);
  demandConstants(body);
  demandDeadlines(host, body.deadlines);
  demandCells(body.cells.dimensions, network);
  demand(
    body.receiverMode === "reviewed" || body.cells.dimensions.length <= 1,
    "ERR_CONTRACT_CELLS",
    "cells.dimensions: direct mode allows one partition dimension",
    "cells.dimensions",
  );
  demand(
    body.review === undefined || body.receiverMode === "reviewed",
    "ERR_CONTRACT_REVIEW",
    "review: only a release authority reviews",
    "review",
  );
  demandReviewTime(body);
  const outside = await demandRoles(host, author, network, body);
  await demandReceiverKey(host, body);
  demandEnvelope(body);
  const pinned = await demandCohort(host, author, body, outside);
  const takeCost = await costTaken(host, body);
  await putOpening(host, author, body, { pinned, restarts });
  await takeCost();
};

async function putOpening(
  host: Host,
  author: Author,
  body: Opening,
  { pinned, restarts }: { readonly pinned: readonly PinnedMember[]; readonly restarts: number },
): Promise<void> {
  const computation: ComputationState = {
    computation: body.computation,
    request: body.request,
    requester: author.id,
    coordinator: body.coordinator,
    receiver: body.receiver,
    mode: body.cells.mode,
    state: "opened",
    restarts,
    opened: written(host),
    changed: written(host),
  };
  const opened: ComputationOpened = { requester: author.id, body, pinned, ...written(host) };
  await host.store.put(keys.computation(body.computation), computation);
  await host.store.put(keys.computationOpened(body.computation), opened);
  await host.store.put(keys.requestComputation(body.request), { computation: body.computation });
  for (const { agreement, asset } of body.cohort) {
    await host.store.put(keys.agreementUse(agreement, body.computation), { position: host.position });
    const maxUses = (await readAgreement(host.store, agreement))?.agreement.maxUses;
    await takeUse(host, asset, body.computation, maxUses !== undefined);
  }
}

/** One computation per request; after a failure, a restart that names it. */
async function demandRestart(host: Host, { request, restartOf }: Opening): Promise<number> {
  const latest = await readRequestComputation(host.store, request);
  if (latest === undefined) {
    demand(restartOf === undefined, "ERR_CONTRACT_RESTART", "restartOf: nothing to restart", "restartOf");
    return 0;
  }
  demand(
    latest.state === "failed" && restartOf === latest.computation,
    "ERR_CONTRACT_RESTART",
    `restartOf: the request's computation ${latest.computation} is ${latest.state}; only a failed one is restarted`,
    "restartOf",
  );
  demand(
    latest.restarts < MAX_RESTARTS,
    "ERR_CONTRACT_RESTART",
    `restartOf: at most ${MAX_RESTARTS} restarts`,
    "restartOf",
  );
  return latest.restarts + 1;
}

// secure-aggregation.md section 2.
function demandConstants({ cohort, constants, graph }: Opening): void {
  const n = cohort.length;
  const quorum = Math.floor((2 * n) / 3) + 1;
  const isComplete = n <= NEIGHBOURS + 1;
  demand(
    graph === (isComplete ? "complete" : "neighbours"),
    "ERR_CONTRACT_CONSTANTS",
    `graph: ${graph} is not for ${n} members`,
    "graph",
  );
  const expected: readonly (readonly [name: keyof Opening["constants"], value: number])[] = [
    ["members", n],
    ["threshold", isComplete ? quorum : NEIGHBOUR_THRESHOLD],
    ["quorum", quorum],
    ["need", Math.max(constants.minimumOrganisations, 3 + constants.colluders)],
  ];
  for (const [name, value] of expected) {
    demandConstant(constants[name] === value, name, `expected ${value}, got ${constants[name]}`);
  }
  demandConstant(n > 4 || constants.colluders === 0, "colluders", `a cohort of ${n} needs 0`);
  demandConstant(constants.need <= n, "need", `${constants.need} organisations needed, the cohort has ${n}`);
  demandConstant(constants.drops <= n - quorum, "drops", `expected at most ${n - quorum}`);
}

function demandConstant(holds: boolean, name: keyof Opening["constants"], detail: string): void {
  demand(holds, "ERR_CONTRACT_CONSTANTS", `constants.${name}: ${detail}`, `constants.${name}`);
}

function demandDeadlines(host: Host, deadlines: Opening["deadlines"]): void {
  let previous = millisOf(host.time, "time");
  for (const name of DEADLINES) {
    const field = `deadlines.${name}`;
    const instant = millisOf(deadlines[name], field);
    demand(
      instant > previous,
      "ERR_CONTRACT_DEADLINE",
      `${field}: expected after the step before and after now`,
      field,
    );
    previous = instant;
  }
}

/** Its persons have their hours. */
function demandReviewTime({ review, deadlines }: Opening): void {
  if (review === undefined) return;
  const least = millisOf(deadlines.contribution2, "deadlines.contribution2") + review.hours * 3_600_000;
  demand(
    millisOf(deadlines.release, "deadlines.release") >= least,
    "ERR_CONTRACT_DEADLINE",
    `deadlines.release: expected ${review.hours} hours for the review`,
    "deadlines.release",
  );
}

/** Checks C, R, requester and auditor; answers the holding groups that may not be in the cohort. */
async function demandRoles(
  host: Host,
  author: Author,
  network: NetworkState,
  body: Opening,
): Promise<ReadonlySet<string>> {
  const coordinator = (await activeMember(host, body.coordinator, "coordinator")).record;
  const receiver = (await activeMember(host, body.receiver, "receiver")).record;
  const sequencer = (await activeMember(host, network.sequencer, "sequencer")).record;
  const requester = author.member.record;
  demand(
    coordinator.holdingGroup !== receiver.holdingGroup,
    "ERR_CONTRACT_ROLES",
    "coordinator: coordinator and receiver must be of different holding groups",
    "coordinator",
  );
  if (body.receiverMode === "direct") {
    demand(body.receiver === author.id, "ERR_CONTRACT_ROLES", "receiver: direct mode means the requester", "receiver");
  } else {
    demand(
      receiver.holdingGroup !== requester.holdingGroup,
      "ERR_CONTRACT_ROLES",
      "receiver: reviewed mode needs a release authority of another holding group than the requester",
      "receiver",
    );
  }
  if (body.auditor !== undefined) {
    const auditor = (await activeMember(host, body.auditor, "auditor")).record;
    demand(
      auditor.holdingGroup !== coordinator.holdingGroup,
      "ERR_CONTRACT_ROLES",
      "auditor: must be of another holding group than the coordinator",
      "auditor",
    );
  }
  return new Set([coordinator, receiver, sequencer, requester].map(({ holdingGroup }) => holdingGroup));
}

/** Sums over the cohort fit the plain modulus, and R has signed a key for them. */
function demandEnvelope({ envelope, cohort, receiverKey }: Opening): void {
  demand(
    (envelope === undefined) === (receiverKey.statement.homomorphicKey === undefined),
    "ERR_CONTRACT_RECEIVER_KEY",
    "receiverKey.homomorphicKey: expected exactly where the opening names an envelope",
    "receiverKey",
  );
  if (envelope === undefined) return;
  const set = homomorphicSet(envelope.parameters);
  demand(
    set !== undefined && sumsFit(set, cohort.length),
    "ERR_CONTRACT_CONSTANTS",
    `envelope.parameters: expected a set whose plain modulus holds sums over ${cohort.length} members`,
    "envelope.parameters",
  );
}

async function demandReceiverKey(
  host: Host,
  { receiverKey, computation, request, receiver, suite = "intl" }: Opening,
): Promise<void> {
  const { statement } = receiverKey;
  const matches =
    statement.computation === computation && statement.request === request && statement.receiver === receiver;
  demand(
    matches && (await isSignedBy(host, receiver, "receiver-key", receiverKey)),
    "ERR_CONTRACT_RECEIVER_KEY",
    `receiverKey: expected a key for this computation and request, signed by ${receiver}`,
    "receiverKey",
  );
  demand(
    statement.publicKey.length === AGREEMENT_KEY_LENGTH[suite],
    "ERR_CONTRACT_SUITE",
    `receiverKey.publicKey: not of the length of a key of suite ${suite}`,
    "receiverKey",
  );
}
