import { describe, expect, test } from "vitest";
import { digest } from "../../ledger/conformance/fixture.ts";
import {
  agreedWorld,
  COMPUTATION,
  closedWorld,
  coordinator,
  minutes,
  openedWorld,
  openingBody,
  REQUEST,
  receiver,
  releaseBody,
  requester,
  type World,
} from "./_world.ts";
import { keys, readReview } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

type Say = TransactionBody<"review.say">;
const about = { computation: COMPUTATION, request: REQUEST };
const HOURS = 60;
const deadlines = { ...openingBody().deadlines, release: minutes(40 + 2 * HOURS) };
const ofTwo = { review: { persons: 2, hours: 2 }, deadlines };
const draft = (name: string, withheldCells = 1) => ({ draft: digest(name), withheldCells });
const say = (person: string, word: Say["word"], changes: Partial<Say> = {}): Say => ({
  ...about,
  draft: digest("first"),
  reviewer: `${receiver.id}/${person}`,
  word,
  reason: digest(`reason of ${person}`),
  ...changes,
});
const release = (changes: Partial<TransactionBody<"result.release">> = {}) => ({
  ...releaseBody(),
  resultDigest: digest("first"),
  withheldCells: 1,
  reviewers: [`${receiver.id}/wang`, `${receiver.id}/li`],
  ...changes,
});

async function inReview(changes: Parameters<typeof closedWorld>[0] = ofTwo): Promise<World> {
  const world = await closedWorld(changes);
  await world.must(receiver, "review.open", { ...about, ...draft("first") });
  return world;
}

describe("a result that has to be reviewed", () => {
  test("is released as approved by two persons, and not before", async () => {
    const world = await inReview();
    const tooEarly = { code: "ERR_CONTRACT_REVIEW" };
    expect(await world.submit(receiver, "result.release", release())).toMatchObject(tooEarly);
    await world.must(receiver, "review.say", say("wang", "approve"));
    expect(await world.submit(receiver, "result.release", release())).toMatchObject(tooEarly);
    await world.must(receiver, "review.say", say("li", "approve"));
    const other = (changes: Parameters<typeof release>[0]) =>
      world.submit(receiver, "result.release", release(changes));
    expect(await other({ resultDigest: digest("other") })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await other({ withheldCells: 0 })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await other({ reviewers: [`${receiver.id}/wang`] })).toMatchObject({ code: "ERR_CONTRACT_REVIEWER" });
    await world.must(receiver, "result.release", release());
  });

  test("is not released without a review, nor where it was rejected", async () => {
    const world = await closedWorld(ofTwo);
    expect(await world.submit(receiver, "result.release", release())).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    const rejected = await inReview();
    await rejected.must(receiver, "review.say", say("wang", "approve"));
    await rejected.must(receiver, "review.say", say("li", "reject"));
    expect(await readReview(rejected.state, COMPUTATION)).toMatchObject({ rejectedBy: `${receiver.id}/li` });
    expect(await rejected.submit(receiver, "review.say", say("zhao", "approve"))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    expect(await rejected.submit(receiver, "result.release", release())).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    await rejected.must(receiver, "result.withhold", { ...about, reasons: ["review-rejected"] });
  });

  test("hears a person once for each draft, and of the receiver alone", async () => {
    const world = await inReview();
    await world.must(receiver, "review.say", say("wang", "approve"));
    expect(await world.submit(receiver, "review.say", say("wang", "approve"))).toMatchObject({
      code: "ERR_CONTRACT_EXISTS",
    });
    for (const reviewer of [`${requester.id}/chen`, "li", `${receiver.id}/`, `${receiver.id}x/li`]) {
      expect(await world.submit(receiver, "review.say", say("li", "approve", { reviewer }))).toMatchObject({
        code: "ERR_CONTRACT_REVIEWER",
      });
    }
    for (const author of [requester, coordinator]) {
      expect(await world.submit(author, "review.say", say("li", "approve"))).toMatchObject({
        code: "ERR_CONTRACT_NOT_PERMITTED",
      });
    }
  });

  test("is not reviewed by the requester's own people, nor by those of its holding group", async () => {
    const world = await closedWorld(ofTwo);
    const key = keys.member(receiver.id);
    const stored = (await world.state.get(key)) as { record: object };
    const related = { ...stored, record: { ...stored.record, holdingGroup: requester.record.holdingGroup } };
    await world.state.put(key, related);
    const refused = { code: "ERR_CONTRACT_REVIEWER" };
    expect(await world.submit(receiver, "review.open", { ...about, ...draft("first") })).toMatchObject(refused);
    await world.state.put(key, stored);
    await world.must(receiver, "review.open", { ...about, ...draft("first") });
    // Bought while the review was open.
    await world.state.put(key, related);
    expect(await world.submit(receiver, "review.say", say("wang", "approve"))).toMatchObject(refused);
    expect(await readReview(world.state, COMPUTATION)).toMatchObject({ approvals: [], words: [] });
  });

  test("is changed to something stricter alone, and whoever approved before has to look again", async () => {
    const world = await inReview();
    await world.must(receiver, "review.say", say("wang", "approve"));
    const change = (next: ReturnType<typeof draft> | undefined, person = "li") =>
      world.submit(receiver, "review.say", say(person, "restrict", next === undefined ? {} : { next }));
    expect(await change(draft("looser", 0))).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    expect(await change(draft("other", 1))).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    expect(await change(draft("first", 2))).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    expect(await change(undefined)).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
    expect(await change(draft("second", 3))).toEqual({ ok: true });
    const later = { draft: digest("second") };
    expect(await world.submit(receiver, "review.say", say("wang", "approve"))).toMatchObject({
      code: "ERR_CONTRACT_MISMATCH",
    });
    await world.must(receiver, "review.say", say("wang", "approve", later));
    const reviewers = [`${receiver.id}/li`, `${receiver.id}/wang`];
    await world.must(
      receiver,
      "result.release",
      release({ resultDigest: digest("second"), withheldCells: 3, reviewers }),
    );
  });

  test("is reviewed within its hours", async () => {
    const world = await inReview();
    world.clock = 40 + 2 * HOURS;
    expect(await world.submit(receiver, "review.say", say("wang", "approve"))).toMatchObject({
      code: "ERR_CONTRACT_TOO_LATE",
    });
    await world.must(receiver, "result.withhold", { ...about, reasons: ["review-expired"] });
  });
});

test("an opening leaves its reviewers their hours, and names no reviewers where there is no release authority", async () => {
  await expect(openedWorld({ ...ofTwo, deadlines: openingBody().deadlines })).rejects.toThrow("ERR_CONTRACT_DEADLINE");
  await expect(openedWorld({ ...ofTwo, receiverMode: "direct" })).rejects.toThrow("ERR_CONTRACT_REVIEW");
});

test("a release authority of the requester's own group opens nothing", async () => {
  const world = await agreedWorld();
  const key = keys.member(receiver.id);
  const stored = (await world.state.get(key)) as { record: object };
  const { holdingGroup } = requester.record;
  await world.state.put(key, { ...stored, record: { ...stored.record, holdingGroup } });
  expect(await world.submit(requester, "computation.open", openingBody(ofTwo))).toMatchObject({
    code: "ERR_CONTRACT_ROLES",
    field: "receiver",
  });
});

test("what needs no review has none", async () => {
  const world = await closedWorld();
  const opened = await world.submit(receiver, "review.open", { ...about, ...draft("first") });
  expect(opened).toMatchObject({ code: "ERR_CONTRACT_REVIEW" });
});
