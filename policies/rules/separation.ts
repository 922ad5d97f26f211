import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

const PARTIES = ["requester", "receiver", "coordinator", "sequencer"] as const;

/**
 * Coordinator and receiver are different groups; none of the groups that run a computation is in its cohort; the
 * coordinator may be the sequencer only where the policy says so (secure-aggregation.md section 1).
 */
export const separation: Rule = {
  id: "separation-of-roles",
  evaluate({ terms, request, context }) {
    const refusals: Finding[] = [];
    for (const role of PARTIES) {
      const member = context[role];
      const wanted = role === "sequencer" ? member?.id : request[role];
      if (member === undefined || member.id !== wanted) {
        refusals.push(refuse(`${role}-unknown`, { role, wanted: wanted ?? null, got: member?.id ?? null }));
      } else if (member.id === context.provider.id || member.holdingGroup === context.provider.holdingGroup) {
        const compared = { role, member: member.id, provider: context.provider.id, group: member.holdingGroup };
        refusals.push(refuse(`${role}-in-provider-group`, compared));
      }
    }
    const { coordinator, receiver, sequencer } = context;
    if (coordinator !== undefined && receiver !== undefined) {
      if (coordinator.id === receiver.id || coordinator.holdingGroup === receiver.holdingGroup) {
        refusals.push(refuse("coordinator-is-receiver", { coordinator: coordinator.id, receiver: receiver.id }));
      }
    }
    if (coordinator !== undefined && sequencer !== undefined && !terms.coordinatorMayBeSequencer) {
      if (coordinator.id === sequencer.id || coordinator.holdingGroup === sequencer.holdingGroup) {
        const compared = { coordinator: coordinator.id, sequencer: sequencer.id, allowed: false };
        refusals.push(refuse("coordinator-is-sequencer", compared));
      }
    }
    return unless(refusals, "roles-separate");
  },
};
