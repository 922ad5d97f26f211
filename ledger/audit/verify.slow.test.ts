/** The whole mutation test: every value of a bundle, one at a time. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Life, playLife } from "./_fixture.ts";
import { firstRefusal } from "./_lying-receiver.ts";
import { copyOf, type Mutation, mutationsOf, shapeOf } from "./_mutations.ts";
import type { EvidenceBundle } from "./bundle.ts";
import { collectFindings, PROBLEM_CODES } from "./problems.ts";
import { indexTrust } from "./trust-index.ts";

const SECTIONS = [
  "bitmap",
  "checkpoints",
  "computation",
  "format",
  "network",
  "request",
  "members",
  "assets",
  "submitted",
  "decisions",
  "agreements",
  "opened",
  "keyset",
  "maskset",
  "phase1",
  "phase2",
  "outcome",
] as const;

let life: Life;
let bundle: EvidenceBundle;
beforeAll(async () => {
  life = await playLife({ mode: "counted" });
  bundle = copyOf(life.bundle);
});

/** Mutations that nothing refuses, and how many were tried. */
function tryAll(mutations: Iterable<Mutation>, { resealed }: { readonly resealed: boolean }) {
  const trust = indexTrust(life.trust, collectFindings());
  const receiver = resealed ? life.ledger.signer("bureau") : undefined;
  const missed: string[] = [];
  let tried = 0;
  for (const mutation of mutations) {
    tried += 1;
    mutation.apply();
    const refusal = firstRefusal(bundle, { trust, receiver });
    mutation.undo();
    const named = refusal !== undefined && PROBLEM_CODES.includes(refusal.problem.code);
    if (!named || refusal.problem.code === "verifier-error") missed.push(`${mutation.kind} ${mutation.where}`);
  }
  return { missed, tried };
}

/** All value changes, and one of each other kind per place in the schema. */
function* valuesAndShapes(mutations: Iterable<Mutation>): Generator<Mutation> {
  const seen = new Set<string>();
  for (const mutation of mutations) {
    const shape = `${mutation.kind} ${shapeOf(mutation.where)}`;
    if (mutation.kind === "change" || !seen.has(shape)) yield mutation;
    seen.add(shape);
  }
}

describe("every mutation of every value", () => {
  it("has a section for each part of a bundle", () => {
    expect([...SECTIONS].sort()).toEqual(Object.keys(bundle.body).sort());
  });

  it.each(SECTIONS)("under /body/%s is found when the bundle was changed after it was made", (section) => {
    const part = { [section]: bundle.body[section] };
    const mutations = [...mutationsOf(bundle.body[section], `/body/${section}`)];
    const { missed, tried } = tryAll(mutations.length > 0 ? mutations : ownMutation(section), { resealed: false });
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(0);
    expect(part[section]).toEqual(life.bundle.body[section]);
  });

  it.each(SECTIONS)("under /body/%s is found although the receiver itself signed the change", (section) => {
    const mutations = [...valuesAndShapes(mutationsOf(bundle.body[section], `/body/${section}`))];
    const { missed } = tryAll(mutations.length > 0 ? mutations : ownMutation(section), { resealed: true });
    expect(missed).toEqual([]);
  });

  it("of the receiver's statement is found", () => {
    const { missed } = tryAll(mutationsOf(bundle.statement, "/statement"), { resealed: false });
    expect(missed).toEqual([]);
  });

  it("of registry mode is found, one place of each kind", async () => {
    const registry = await playLife({ mode: "registry" });
    const changed = copyOf(registry.bundle);
    const trust = indexTrust(registry.trust, collectFindings());
    const receiver = registry.ledger.signer("bureau");
    const seen = new Set<string>();
    const missed: string[] = [];
    for (const mutation of mutationsOf(changed.body, "/body")) {
      const shape = `${mutation.kind} ${shapeOf(mutation.where)}`;
      if (seen.has(shape)) continue;
      seen.add(shape);
      mutation.apply();
      if (firstRefusal(changed, { trust, receiver }) === undefined) missed.push(shape);
      mutation.undo();
    }
    expect(missed).toEqual([]);
  });
});

/** A section that is one value. */
const ownMutation = (section: string): Mutation[] =>
  [...mutationsOf(bundle.body, "/body")].filter(({ where }) => where === `/body/${section}`);
