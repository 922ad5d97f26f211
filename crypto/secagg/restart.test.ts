/**
 * A request may be opened again after a failure, and other requests may run at the same time. A view is one per
 * (request, phase, closing digest, ledger position); what keeps two of them from telling one member apart is the history
 * of specification §5, asked at the step that signs. "Would" shows what a member without it gives away.
 */
import { describe, expect, test } from "vitest";
import { messagesOf, reasonOf, SECRET, smallWorld, VICTIM, type Watched, watched } from "./_adversary.ts";
import { createNetwork, type Network, names, START, uuid, type World } from "./_network.ts";
import type { HistoryEntry } from "./history.ts";
import { type MemberState, stepMember } from "./member.ts";
import type { RecordOf } from "./opened.ts";

const HOLDER = "m001";

interface Played {
  readonly network: Network;
  readonly watch: Watched;
  readonly close: RecordOf<"close">;
}

/** A whole run on its own; its states and records are what a member sees of this computation. */
function play(world: World): Played {
  const watch = watched(world);
  const network = createNetwork(watch.world);
  network.run();
  const close = network.records.find((record) => record.record === "close" && record.phase === 2);
  return { network, watch, close: close as RecordOf<"close"> };
}

/** The closing record of phase 2 reaches a member that has contributed. */
function closes({ network, watch, close }: Played, history: readonly HistoryEntry[]) {
  const deps = {
    now: START + 5 * 3_600_000,
    sign: network.sign(HOLDER),
    random: (bytes: number) => new Uint8Array(bytes),
    history,
  };
  const { state, send, effects } = stepMember(
    watch.at(HOLDER, "contribution-2"),
    { kind: "ledger", record: close },
    deps,
  );
  return {
    state: state as MemberState,
    views: send.filter(({ message }) => message.type === "view-2").length,
    entries: effects.flatMap((effect) => (effect.kind === "history" ? [effect.entry] : [])),
  };
}

const total = ({ network }: Played) => BigInt(network.decoded!.cells[0]!.values[0]!);
const without = (...left: string[]) => names(7).filter((member) => !left.includes(member));

describe.each(["registry", "counted"] as const)("a restarted computation of the same request, %s mode", (mode) => {
  const world = smallWorld(7, { mode });
  const again = { computation: uuid(2), seed: "again", opened: { restartOf: uuid(1) } };
  const first = play(world);
  const second = play({ ...world, ...again, members: without(VICTIM) });
  const same = play({ ...world, ...again });

  test("no member signs views of two releases that differ by one member, whichever closes first", () => {
    expect(first.network.opened.request).toBe(second.network.opened.request);
    for (const [earlier, later] of [
      [first, second],
      [second, first],
    ] as const) {
      const before = closes(earlier, []);
      expect(before).toMatchObject({ state: { stage: "viewed-2" }, views: 1, entries: [{ need: 3 }] });
      const after = closes(later, before.entries);
      expect(after).toMatchObject({ state: { stage: "finished", outcome: "aborted", reason: "history" }, views: 0 });
      // It would, from a history read before the other computation closed, and the sums differ by the victim's value.
      expect(closes(later, []).views).toBe(1);
    }
    expect(total(first) - total(second)).toBe(SECRET);
  });

  test("it may sign the same release once more", () => {
    const { entries } = closes(first, []);
    expect(closes(same, entries).views).toBe(1);
    expect(total(same)).toBe(total(first));
  });

  test("the same closing record at another ledger position is a second history, not a second view", () => {
    const viewed = first.watch.at(HOLDER, "view-2");
    const moved = { ...first.close, position: first.close.position + 1 };
    const deps = {
      now: START + 5 * 3_600_000,
      sign: first.network.sign(HOLDER),
      random: (bytes: number) => new Uint8Array(bytes),
      history: [],
    };
    const { state, send } = stepMember(viewed, { kind: "ledger", record: moved }, deps);
    expect(state).toMatchObject({ stage: "finished", outcome: "aborted", reason: "two-histories" });
    expect(send).toEqual([]);
  });

  test("a failure after the view takes its answer back: shares of a failed computation are not given", () => {
    const viewed = first.watch.at(HOLDER, "view-2");
    const deps = {
      now: START + 5 * 3_600_000,
      sign: first.network.sign(HOLDER),
      random: (bytes: number) => new Uint8Array(bytes),
      history: [],
    };
    const fail = { record: "fail" as const, reason: "late", position: 900, time: first.close.time };
    const failed = stepMember(viewed, { kind: "ledger", record: fail }, deps).state;
    expect(failed).toMatchObject({ stage: "finished", outcome: "failed" });
    const views = messagesOf(first.network, "views-2")[0]!;
    const message = { kind: "message" as const, from: first.network.opened.coordinator, message: views };
    expect(stepMember(failed, message, deps).send).toEqual([]);
  });
});

describe.each(["registry", "counted"] as const)("a minimum that leaves with its member, %s mode", (mode) => {
  const strict = { colluders: 0, minimumOrganisations: 4, need: 4, drops: 0 };
  const lax = { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 };
  const world = smallWorld(9, { mode, constants: strict });
  const members = names(9).filter((member) => ![VICTIM, "m005", "m006"].includes(member));
  const restarted = { ...world, members, constants: lax, computation: uuid(2), seed: "again" };

  test("the difference of two releases holds as many as the stricter of the two cohorts asked for", () => {
    const histories = new Map<string, HistoryEntry[]>();
    const before = play({ ...world, histories });
    const after = play({ ...restarted, histories });
    for (const member of members) {
      expect(reasonOf(after.network, member)).toBe(mode === "registry" ? "refused history" : "aborted history");
    }
    // It would be the sum of three members, where the victim's policy asks for four.
    expect(total(before) - total(play(restarted))).toBe(SECRET + 5n + 6n);
  });
});
