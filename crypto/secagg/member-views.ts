/** Views of a closing record: this member's own, with a tag for each holder, and those of the others that it is shown. */

import { assertCommonView } from "./closing.ts";
import { usesFingerprints } from "./constants.ts";
import { suiteIn } from "./context.ts";
import type { Masked } from "./member-rounds.ts";
import { graphIn } from "./member-setup.ts";
import type { MemberBase } from "./member-state.ts";
import type { Keys, MessageOf, View } from "./messages.ts";
import type { MemberDeps } from "./step.ts";
import { type Tagging, viewTagCheck, viewTags } from "./view-tags.ts";

export const viewOf = <const P extends 1 | 2>(
  state: MemberBase,
  phase: P,
  digest: string,
  position: number,
  deps: MemberDeps,
) =>
  deps.sign("view", {
    computation: state.opened.computation,
    request: state.opened.request,
    phase,
    digest,
    position,
  });

/** 12, 20: the same bytes whenever it is said again. */
export function viewMessage<const P extends 1 | 2>(state: Sealing, phase: P, view: View) {
  const tags = viewTags(tagging(state), holderKeys(state), view.statement);
  return {
    type: `view-${phase}` as const,
    computation: state.opened.computation,
    view,
    tags,
  } as MessageOf<`view-${P}`>;
}

type Sealing = Pick<Masked, "opened" | "self" | "context0" | "keys" | "secrets" | "keyset" | "graph">;
const tagging = ({ opened, context0, keys, secrets }: Sealing): Tagging => ({
  suite: suiteIn(opened),
  context0,
  keys,
  sealPrivateKey: secrets.seal,
});

/** Keys of this member and its neighbours, in the order of U. */
function holderKeys({ self, keyset, graph }: Sealing): Keys[] {
  const holders = new Set(graphIn({ keyset, graph }).holdersOf(self));
  return keyset.filter(({ signer }) => holders.has(signer));
}

/**
 * 13, 21: q holders vouch for the one closing record that this member signed its own view of. A tag of theirs for this
 * member does; where it is missing or wrong, the signature must.
 */
export function assertShownViews(
  state: Masked,
  own: View["statement"],
  shown: MessageOf<"views-1"> | MessageOf<"views-2">,
): void {
  const { opened, parties, keyset } = state;
  const { phase, digest, position } = own;
  const keysOf = new Map(holderKeys(state).map((keys) => [keys.signer, keys]));
  const check = viewTagCheck(tagging(state), own);
  const vouched = (signer: string, index: number): boolean => {
    const holder = keysOf.get(signer);
    return holder !== undefined && check(holder, shown.tags?.[index] ?? "");
  };
  const holders = keyset.map((keys) => keys.signer);
  // A digest of all views is the point of the fingerprints: nobody but their signers may have a say in their bytes.
  const isPoint = phase === 1 && usesFingerprints(opened);
  assertCommonView(opened, parties, shown.views, { phase, digest, position, holders }, isPoint ? undefined : vouched);
}
