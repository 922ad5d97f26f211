import { describe, expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import { messagesOf, smallWorld, type Watched, watched } from "./_adversary.ts";
import { C, createNetwork, type Network } from "./_network.ts";
import { TRANSCRIPT_WORDS } from "./constants.ts";
import { stepMember } from "./member.ts";
import type { MessageOf } from "./messages.ts";
import { type Tagging, viewTagCheck, viewTags } from "./view-tags.ts";

const noSignature = toBase64url(new Uint8Array(64));
const noTag = toBase64url(new Uint8Array(16));

type Views = MessageOf<"views-1"> | MessageOf<"views-2">;
const unsigned = <V extends Views>(shown: V): V => ({
  ...shown,
  views: shown.views.map((view) => ({ ...view, signature: noSignature })),
});
const deps = (network: Network, member: string) => ({
  now: network.now,
  sign: network.sign(member),
  random: (bytes: number) => new Uint8Array(bytes),
  history: [],
});

/** Gives m001, that has just sent its view, these in place of the ones it was shown. */
const shownTo = (network: Network, watch: Watched, message: Views) =>
  stepMember(
    watch.at("m001", message.type === "views-1" ? "view-1" : "view-2"),
    { kind: "message", from: C, message },
    deps(network, "m001"),
  ).state.stage;

const taggingOf = (watch: Watched, member: string): Tagging => {
  const { context0, keys, secrets } = watch.states.get(member)!;
  return { suite: "intl", context0, keys, sealPrivateKey: secrets.seal };
};

function ran(over: Parameters<typeof smallWorld>[1] = {}) {
  const watch = watched(smallWorld(5, over));
  const network = createNetwork(watch.world);
  network.run();
  expect(network.decoded).toBeDefined();
  const shown = network.sent.find(({ to, message }) => to === "m001" && message.type === "views-2");
  return { watch, network, shown: shown!.message as MessageOf<"views-2"> };
}

describe("a view counts by its signer's tag for this very member, or by its signature, or not at all", () => {
  const { watch, network, shown } = ran();
  const own = watch.states.get("m001")!.view2.statement;
  const keysOf = (member: string) => watch.states.get("m001")!.keyset.find(({ signer }) => signer === member)!;
  const tagOf = (from: Tagging, to: string, statement = own) => viewTags(from, [keysOf(to)], statement)[0]!;
  const instead = (signer: string, tag: string) => ({
    ...shown,
    views: shown.views.map((view) => (view.signer === signer ? { ...view, signature: noSignature } : view)),
    tags: shown.tags!.map((one, i) => (shown.views[i]!.signer === signer ? tag : one)),
  });

  test("everybody gets one of each view, and no two get the same", () => {
    expect(shown.tags).toHaveLength(shown.views.length);
    expect(shown.tags).not.toContain("");
    const all = messagesOf(network, "views-2").flatMap(({ tags }) => tags!);
    expect(new Set(all).size).toBe(5 * shown.views.length);
  });

  test("without a look at signatures", () => {
    expect(shownTo(network, watch, unsigned(shown))).toBe("unmasked-2");
    expect(shownTo(network, watch, instead("m002", tagOf(taggingOf(watch, "m002"), "m001")))).toBe("unmasked-2");
  });

  test("by the signature where a tag is wrong or missing, so that a signer who lies about it stops nobody", () => {
    const { tags: _none, ...bare } = shown;
    for (const message of [
      bare,
      { ...shown, tags: [] },
      { ...shown, tags: shown.tags!.map(() => "") },
      { ...shown, tags: shown.tags!.map(() => noTag) },
    ]) {
      expect(shownTo(network, watch, message)).toBe("unmasked-2");
      expect(() => shownTo(network, watch, unsigned(message))).toThrow(/not signed by/);
    }
  });

  test.each([
    ["of nobody", () => noTag],
    ["for another holder", () => tagOf(taggingOf(watch, "m002"), "m003")],
    ["of another holder", () => tagOf(taggingOf(watch, "m003"), "m001")],
    ["of this member for the signer, handed back", () => tagOf(taggingOf(watch, "m001"), "m002")],
    ["for another set", () => tagOf(taggingOf(watch, "m002"), "m001", { ...own, digest: noTag })],
    ["for another place on the ledger", () => tagOf(taggingOf(watch, "m002"), "m001", { ...own, position: 1 })],
    ["for another phase", () => tagOf(taggingOf(watch, "m002"), "m001", { ...own, phase: 1 as never })],
    [
      "under another sealing key",
      () => tagOf({ ...taggingOf(watch, "m002"), sealPrivateKey: toBase64url(new Uint8Array(32).fill(9)) }, "m001"),
    ],
    [
      "made by a third one that takes the signer's name",
      () => tagOf({ ...taggingOf(watch, "m003"), keys: keysOf("m002") }, "m001"),
    ],
  ])("not with a tag %s", (_what, tag) => {
    expect(() => shownTo(network, watch, instead("m002", tag()))).toThrow(/not signed by m002/);
  });

  test("never for another set than this member signed itself, whatever its tag says", () => {
    const statement = { ...own, digest: toBase64url(new Uint8Array(32)) };
    const views = shown.views.map((view) => ({ ...view, statement }));
    const tags = shown.views.map(({ signer }) => tagOf(taggingOf(watch, signer), "m001", statement));
    expect(() => shownTo(network, watch, { ...shown, views, tags } as Views)).toThrow(/of another closing set/);
  });

  test("once for each holder", () => {
    const twice = {
      ...shown,
      views: [...shown.views.slice(1), shown.views[1]!],
      tags: [...shown.tags!.slice(1), shown.tags![1]!],
    };
    expect(() => shownTo(network, watch, twice)).toThrow(/twice/);
  });
});

test("where the views are the point of fingerprints, only signatures count: no bytes of a view are C's to choose", () => {
  const atoms = Math.floor(TRANSCRIPT_WORDS / 10) + 1;
  const { watch, network } = ran({
    dimensions: [{ name: "all", size: atoms }],
    values: Object.fromEntries(
      ["m001", "m002", "m003", "m004", "m005"].map((member) => [member, Array.from({ length: atoms }, () => [1n])]),
    ),
    sharing: true,
  });
  const shown = network.sent.find(({ to, message }) => to === "m001" && message.type === "views-1")!.message as Views;
  expect(shownTo(network, watch, shown)).toBe("unmasked-1");
  expect(() => shownTo(network, watch, unsigned(shown))).toThrow(/not signed by/);
});

test("a check tells a tag from none, and takes the one it was made for", () => {
  const { watch } = ran();
  const { keyset, view2 } = watch.states.get("m001")!;
  const [one, two] = keyset as [(typeof keyset)[0], (typeof keyset)[0]];
  const [tag] = viewTags(taggingOf(watch, "m001"), [two], view2.statement);
  const check = viewTagCheck(taggingOf(watch, "m002"), view2.statement);
  expect(check(one, tag!)).toBe(true);
  expect(check(two, tag!)).toBe(false);
  expect(check(one, "")).toBe(false);
});
