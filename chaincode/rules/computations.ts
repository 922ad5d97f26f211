/** The rounds of a computation on the ledger (secure-aggregation.md section 6; numbers are its message numbers). */
import { giveUseBack } from "./asset-uses.ts";
import { keepsMinimum, registryBitmap } from "./cells.ts";
import { demandTransition, putState } from "./computation-states.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readComputationOpened, readComputationStep } from "./keys.ts";
import { giveCostBack } from "./privacy.ts";
import type {
  CloseStep,
  ComputationOpened,
  ComputationState,
  CountsStep,
  KeysetStep,
  MasksetStep,
  OmittedState,
} from "./records.ts";
import { type Author, isSignedBy, millisOf, type Rule, written } from "./rule.ts";
import type { TransactionBody } from "./transactions.ts";

type Deadline = keyof TransactionBody<"computation.open">["deadlines"];
type Close = TransactionBody<"computation.close">;

/** 4: U ⊆ cohort, |U| ≥ q. */
export const recordKeyset: Rule<"computation.keyset"> = async (host, author, { computation: id, members, root }) => {
  const { computation, next } = await demandTransition(host, id, "keyset");
  demandCoordinator(author, computation);
  const opened = await openedOf(host, id);
  demandBefore(host, opened, "shares");
  const cohort = opened.body.cohort.map(({ member }) => member);
  demandMembers(members, cohort, "members");
  demandQuorum(members.length, opened);
  const step: KeysetStep = { members, root, ...written(host) };
  await host.store.put(keys.computationStep(id, "keyset"), step);
  await putState(host, computation, next);
};

/** 8: V ⊆ U, |V| ≥ q; in registry mode the bitmap follows from V and what the opening pinned. */
export const recordMaskset: Rule<"computation.maskset"> = async (host, author, { computation: id, members, root }) => {
  const { computation, next } = await demandTransition(host, id, "maskset");
  demandCoordinator(author, computation);
  const opened = await openedOf(host, id);
  demandBefore(host, opened, computation.mode === "registry" ? "contribution2" : "contribution1");
  const keyset = found(await readComputationStep(host.store, id, "keyset"), "keyset", "computation");
  demandMembers(members, keyset.members, "members");
  demandQuorum(members.length, opened);
  const bitmap = computation.mode === "registry" ? registryBitmap(cellsOf(opened), members) : {};
  const step: MasksetStep = { members, root, ...bitmap, ...written(host) };
  await host.store.put(keys.computationStep(id, "maskset"), step);
  await putState(host, computation, next);
};

/** 11, 19: survivors by their own signatures, when all are there or the phase's deadline has come. */
export const closePhase: Rule<"computation.close"> = async (host, author, body) => {
  const { computation: id, phase, headers, root, sum } = body;
  const name = `close-${phase}` as const;
  const { computation, next } = await demandTransition(host, id, name);
  demandCoordinator(author, computation);
  const opened = await openedOf(host, id);
  const maskset = found(await readComputationStep(host.store, id, "maskset"), "maskset", "computation");
  const expected = phase === 2 && computation.mode === "counted" ? await closed1Members(host, id) : maskset.members;
  const members = headers.map(({ signer }) => signer);
  demandMembers(members, expected, "headers");
  demandQuorum(members.length, opened);
  demandBefore(host, opened, phase === 1 ? "contribution2" : "release");
  const deadline: Deadline = phase === 1 ? "contribution1" : "contribution2";
  demand(
    members.length === expected.length || !isBefore(host, opened, deadline),
    "ERR_CONTRACT_TOO_EARLY",
    `headers: ${members.length} of ${expected.length} members, and the deadline ${opened.body.deadlines[deadline]} has not come`,
    "headers",
  );
  await demandHeaders(host, body);
  demand(sum === undefined || name === "close-1", "ERR_CONTRACT_HEADER", "sum: only the first phase has one", "sum");
  demand(
    phase === 1 || computation.mode === "counted" || keepsMinimum(cellsOf(opened), maskset.members, members),
    "ERR_CONTRACT_CELL_MINIMUM",
    "headers: the survivors leave an included cell below its minimum",
    "headers",
  );
  const step: CloseStep = { members, root, headers, ...written(host) };
  await host.store.put(keys.computationStep(id, name), step);
  await putState(host, computation, next);
};

/** 16 */
export const recordCounts: Rule<"computation.counts"> = async (host, author, { computation: id, digest }) => {
  const { computation, next } = await demandTransition(host, id, "counts");
  demandCoordinator(author, computation);
  demandBefore(host, await openedOf(host, id), "contribution2");
  const step: CountsStep = { digest, ...written(host) };
  await host.store.put(keys.computationStep(id, "counts"), step);
  await putState(host, computation, next);
};

/** 12: from then on R may not release. */
export const recordOmitted: Rule<"computation.omitted"> = async (host, author, { computation: id, phase, receipt }) => {
  // Whatever ends a computation ends complaints too.
  const { computation } = await demandTransition(host, id, "fail");
  const close = await readComputationStep(host.store, id, `close-${phase}`);
  demand(close !== undefined, "ERR_CONTRACT_STATE", `phase: phase ${phase} is not closed`, "phase");
  const { statement } = receipt;
  demand(
    statement.computation === id && statement.phase === phase && statement.member === author.id,
    "ERR_CONTRACT_RECEIPT",
    `receipt: expected one for ${author.id} and phase ${phase} of this computation`,
    "receipt.statement",
  );
  demand(
    await isSignedBy(host, computation.coordinator, "receipt", receipt),
    "ERR_CONTRACT_RECEIPT",
    `receipt: not signed by the coordinator ${computation.coordinator}`,
    "receipt",
  );
  demand(
    millisOf(statement.time, "receipt.statement.time") <= millisOf(close.time, "time"),
    "ERR_CONTRACT_RECEIPT",
    `receipt: given at ${statement.time}, after the phase was closed`,
    "receipt.statement.time",
  );
  demand(
    (await membersBefore(host, computation, phase)).includes(author.id) && !close.members.includes(author.id),
    "ERR_CONTRACT_MEMBER_SET",
    `receipt: ${author.id} was not left out of phase ${phase}`,
    "phase",
  );
  const key = keys.computationOmitted(id, phase, author.id);
  demand((await host.store.get(key)) === undefined, "ERR_CONTRACT_EXISTS", "phase: already shown", "phase");
  const omitted: OmittedState = { member: author.id, phase, receipt, ...written(host) };
  await host.store.put(key, omitted);
};

export const failComputation: Rule<"computation.fail"> = async (host, author, body) => {
  const { computation: id, reason, blamed, absent } = body;
  const { computation, next } = await demandTransition(host, id, "fail");
  const opened = await openedOf(host, id);
  const { coordinator, receiver, requester } = computation;
  demand(
    [coordinator, receiver, requester].includes(author.id) || !isBefore(host, opened, "release"),
    "ERR_CONTRACT_NOT_PERMITTED",
    `computation: before ${opened.body.deadlines.release} only coordinator, receiver and requester may fail it`,
    "computation",
  );
  const parties = [coordinator, receiver, requester, ...opened.body.cohort.map(({ member }) => member)];
  demand(
    blamed === undefined || parties.includes(blamed),
    "ERR_CONTRACT_MEMBER_SET",
    `blamed: ${blamed} has no part in this computation`,
    "blamed",
  );
  if (absent !== undefined) {
    demandCoordinator(author, computation);
    const keyset = computation.state === "keyed" ? await readComputationStep(host.store, id, "keyset") : undefined;
    const isDrawn = opened.body.graph === "neighbours";
    demand(
      isDrawn && keyset !== undefined,
      "ERR_CONTRACT_MEMBER_SET",
      "absent: only members of a key set whose nonces the graph waits for can be absent",
      "absent",
    );
    demandMembers(absent, keyset.members, "absent");
  }
  const failure = {
    reason,
    by: author.id,
    ...(blamed === undefined ? {} : { blamed }),
    ...(absent === undefined ? {} : { absent }),
    ...(computation.state === "closed2" ? { afterClose: true } : {}),
  };
  await putState(host, { ...computation, failure }, next);
  if (failure.afterClose === true) return;
  for (const { asset } of opened.body.cohort) await giveUseBack(host, asset, id);
  await giveCostBack(host, id);
};

async function openedOf(host: Host, id: string): Promise<ComputationOpened> {
  return found(await readComputationOpened(host.store, id), "computation", "computation");
}

async function closed1Members(host: Host, id: string): Promise<readonly string[]> {
  return found(await readComputationStep(host.store, id, "close-1"), "close-1", "computation").members;
}

async function membersBefore(host: Host, computation: ComputationState, phase: 1 | 2): Promise<readonly string[]> {
  const id = computation.computation;
  if (phase === 2 && computation.mode === "counted") return closed1Members(host, id);
  return found(await readComputationStep(host.store, id, "maskset"), "maskset", "computation").members;
}

const cellsOf = ({ body, pinned }: ComputationOpened) => ({
  dimensions: body.cells.dimensions,
  pinned,
  need: body.constants.need,
});

async function demandHeaders(host: Host, { computation, phase, headers }: Close): Promise<void> {
  const context = headers[0]?.statement.context;
  for (const [at, header] of headers.entries()) {
    const { statement } = header;
    demand(
      statement.type === `contribution-${phase}` && statement.computation === computation,
      "ERR_CONTRACT_HEADER",
      `headers[${at}]: expected contribution-${phase} of this computation`,
      `headers[${at}]`,
    );
    demand(
      statement.context === context,
      "ERR_CONTRACT_HEADER",
      `headers[${at}].context: differs from the others`,
      `headers[${at}]`,
    );
    demand(
      await isSignedBy(host, header.signer, "secagg-message", header),
      "ERR_CONTRACT_HEADER",
      `headers[${at}]: not signed by ${header.signer}`,
      `headers[${at}]`,
    );
  }
}

function demandCoordinator(author: Author, { coordinator }: ComputationState): void {
  demand(
    author.id === coordinator,
    "ERR_CONTRACT_NOT_PERMITTED",
    `only the coordinator ${coordinator} may do this, got ${author.id}`,
    "computation",
  );
}

/** Ascending, each once, all of `allowed`. */
function demandMembers(members: readonly string[], allowed: readonly string[], field: string): void {
  const known = new Set(allowed);
  for (const [at, member] of members.entries()) {
    demand(
      known.has(member) && (at === 0 || member > (members[at - 1] ?? "")),
      "ERR_CONTRACT_MEMBER_SET",
      `${field}[${at}]: expected ascending members of the set before, each once; got ${member}`,
      `${field}[${at}]`,
    );
  }
}

function demandQuorum(members: number, { body }: ComputationOpened): void {
  demand(
    members >= body.constants.quorum,
    "ERR_CONTRACT_QUORUM",
    `members: expected at least ${body.constants.quorum}, got ${members}`,
    "members",
  );
}

const isBefore = (host: Host, { body }: ComputationOpened, deadline: Deadline): boolean =>
  millisOf(host.time, "time") < millisOf(body.deadlines[deadline], `deadlines.${deadline}`);

function demandBefore(host: Host, opened: ComputationOpened, deadline: Deadline): void {
  demand(
    isBefore(host, opened, deadline),
    "ERR_CONTRACT_TOO_LATE",
    `computation: the deadline ${deadline} (${opened.body.deadlines[deadline]}) has passed`,
    "computation",
  );
}
