/**
 * Joins: both sides put on record how long their masked lists are and a salted root over them before either goes out, and
 * what came of it. A run counts against its agreement from its beginning on, and as a use of the asset, so that none is
 * without a trace.
 */
import { standingAgreement } from "./agreements.ts";
import { takeUse } from "./asset-uses.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { countAssetUses, countJoins, keys, readJoinCommitted, readJoinEnded, readJoinOpened } from "./keys.ts";
import type { AgreementJoinsState, JoinCommitted, JoinEnded, JoinOpened } from "./records.ts";
import { openRequest } from "./requests.ts";
import { demandParty, type Rule, written } from "./rule.ts";

export const openJoin: Rule<"join.open"> = async (host, author, body) => {
  const { run, agreement: id, number } = body;
  const state = await standingAgreement(host, id, "agreement");
  const { consumer, request, asset, joinRuns, maxUses } = state.agreement;
  demandParty(author.id, [consumer], "agreement");
  demand(
    request !== undefined && joinRuns !== undefined,
    "ERR_CONTRACT_AGREEMENT",
    `agreement: ${id} is on no joins`,
    "agreement",
  );
  await openRequest(host, request, "agreement");
  demand((await readJoinOpened(host.store, run)) === undefined, "ERR_CONTRACT_EXISTS", `run: ${run} exists`, "run");
  const before = await countJoins(host.store, id);
  demand(
    before < joinRuns,
    "ERR_CONTRACT_AGREEMENT_USED_UP",
    `agreement: ${before} of ${joinRuns} runs have begun`,
    "agreement",
  );
  demand(number === before + 1, "ERR_CONTRACT_RANGE", `number: expected ${before + 1}, got ${number}`, "number");
  const uses = maxUses === undefined ? 0 : await countAssetUses(host.store, asset);
  demand(
    maxUses === undefined || uses < maxUses,
    "ERR_CONTRACT_AGREEMENT_USED_UP",
    `agreement: ${uses} of ${maxUses} uses of ${asset} are spent`,
    "agreement",
  );
  const opened: JoinOpened = { requester: author.id, provider: state.provider, body, ...written(host) };
  const joins: AgreementJoinsState = { runs: number };
  await host.store.put(keys.joinOpened(run), opened);
  await host.store.put(keys.agreementJoins(id), joins);
  await takeUse(host, asset, run, maxUses !== undefined);
};

export const commitJoin: Rule<"join.commit"> = async (host, author, body) => {
  const { run } = body;
  const opened = await runningJoin(host, run);
  demandParty(author.id, [opened.provider], "run");
  await standingAgreement(host, opened.body.agreement, "run");
  const before = await readJoinCommitted(host.store, run);
  demand(before === undefined, "ERR_CONTRACT_STATE", "run: its provider has committed already", "run");
  const committed: JoinCommitted = { body, ...written(host) };
  await host.store.put(keys.joinCommitted(run), committed);
};

export const endJoin: Rule<"join.end"> = async (host, author, body) => {
  const { run, outcome, reason, release } = body;
  const opened = await runningJoin(host, run);
  const isFailed = outcome === "failed";
  demandParty(author.id, isFailed ? [opened.requester, opened.provider] : [opened.provider], "run");
  demand(
    isFailed || (await readJoinCommitted(host.store, run)) !== undefined,
    "ERR_CONTRACT_STATE",
    "run: its provider has not committed to a list",
    "run",
  );
  demand(
    (outcome === "released") === (release !== undefined) && (outcome === "released") === (reason === undefined),
    "ERR_CONTRACT_MISMATCH",
    "release: expected where something is released, and a reason where nothing is",
    "release",
  );
  if (outcome === "released") await standingAgreement(host, opened.body.agreement, "run");
  const ended: JoinEnded = { by: author.id, body, ...written(host) };
  await host.store.put(keys.joinEnded(run), ended);
};

async function runningJoin(host: Host, run: string): Promise<JoinOpened> {
  const opened = found(await readJoinOpened(host.store, run), "join", "run");
  const ended = await readJoinEnded(host.store, run);
  demand(ended === undefined, "ERR_CONTRACT_STATE", `run: has ended as ${ended?.body.outcome}`, "run");
  return opened;
}
