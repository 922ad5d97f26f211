/** Votes: a proposal is carried, and takes effect, when more than half of the active members are for it. */
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readMember, readMembers, readNetworkSuite } from "./keys.ts";
import type { Proposal, ProposalState, VoteState } from "./records.ts";
import { activeMember, digestOf, millisOf, networkOf, type Rule, written } from "./rule.ts";

/** In ordering time. */
const VOTE_LIFE_MS = 30 * 24 * 60 * 60_000;

export const castVote: Rule<"vote.cast"> = async (host, author, { proposal, choice }) => {
  const id = digestOf(proposal);
  const known = (await host.store.get(keys.proposal(id))) as ProposalState | undefined;
  demand(known?.state !== "carried", "ERR_CONTRACT_STATE", "proposal: already carried", "proposal");
  await demandSensible(host, proposal);
  const vote: VoteState = { choice, ...written(host) };
  const carried = choice === "for" && (await isCarried(host, id, author.id));
  const effect = carried ? await effectOf(host, proposal) : [];

  const opened = known?.opened ?? written(host);
  const state: ProposalState = carried
    ? { proposal, opened, state: "carried", carried: written(host) }
    : { proposal, opened, state: "open" };
  await host.store.put(keys.vote(id, author.id), vote);
  await host.store.put(keys.proposal(id), state);
  for (const { key, value } of effect) await host.store.put(key, value);
};

async function demandSensible(host: Host, proposal: Proposal): Promise<void> {
  const network = await networkOf(host);
  switch (proposal.kind) {
    case "replace-sequencer": {
      const { record } = await activeMember(host, proposal.sequencer, "proposal.sequencer");
      demand(
        proposal.sequencer !== network.sequencer,
        "ERR_CONTRACT_STATE",
        `proposal.sequencer: ${proposal.sequencer} already is the sequencer`,
        "proposal.sequencer",
      );
      // The sequencer's suite is the network's, and only a sequencer's own rotation moves that.
      const suite = await readNetworkSuite(host.store);
      demand(
        record.identity.suite === suite,
        "ERR_CONTRACT_SUITE",
        `proposal.sequencer: this network is of suite ${suite}, the key of ${record.id} of ${record.identity.suite}`,
        "proposal.sequencer",
      );
      demand(
        proposal.from.size <= host.logSize,
        "ERR_CONTRACT_RANGE",
        `proposal.from.size: expected at most ${host.logSize}, got ${proposal.from.size}`,
        "proposal.from.size",
      );
      return;
    }
    case "expel-member": {
      const member = found(await readMember(host.store, proposal.member), "member", "proposal.member");
      demand(
        member.status !== "expelled",
        "ERR_CONTRACT_STATE",
        "proposal.member: already expelled",
        "proposal.member",
      );
      demand(
        proposal.member !== network.sequencer && proposal.member !== network.operator,
        "ERR_CONTRACT_NOT_PERMITTED",
        "proposal.member: replace it as sequencer first",
        "proposal.member",
      );
    }
  }
}

/** Counts `author` as for; votes of members that are no longer active, and old ones, do not count. */
async function isCarried(host: Host, proposal: string, author: string): Promise<boolean> {
  const active = (await readMembers(host.store)).filter((member) => member.status === "active");
  let votes = 0;
  for (const { record } of active) {
    const vote = (await host.store.get(keys.vote(proposal, record.id))) as VoteState | undefined;
    if (record.id === author || (vote?.choice === "for" && isFresh(host, vote))) votes += 1;
  }
  return votes * 2 > active.length;
}

/** What somebody wanted long ago must not carry a proposal by surprise: voting again renews a vote. */
const isFresh = (host: Host, vote: VoteState): boolean =>
  millisOf(host.time, "time") - millisOf(vote.time, "time") <= VOTE_LIFE_MS;

async function effectOf(host: Host, proposal: Proposal): Promise<readonly { key: string; value: unknown }[]> {
  if (proposal.kind === "replace-sequencer") {
    const network = await networkOf(host);
    const operator = network.operator === network.sequencer ? proposal.sequencer : network.operator;
    return [{ key: keys.network, value: { ...network, sequencer: proposal.sequencer, operator } }];
  }
  const member = found(await readMember(host.store, proposal.member), "member", "proposal.member");
  const expelled = { ...member, status: "expelled", reason: "expelled-by-vote", changed: written(host) };
  return [{ key: keys.member(proposal.member), value: expelled }];
}
