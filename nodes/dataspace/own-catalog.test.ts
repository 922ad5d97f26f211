import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idsOf, provider, read, testProvider } from "./_own-catalog.ts";

const SMALL = { datasets: 3, bytes: 1 << 20 };
const id = (slug: string) => `${provider.id}:${slug}`;

describe("what a participant sees", () => {
  test("follows from the policy: two participants have different catalogues, and neither hears of the rest", async () => {
    const net = await testProvider();
    await net.register("for-all", { requesterKinds: ["government", "enterprise"] });
    await net.register("for-government");
    await net.register("for-office", { requesters: ["office"] });
    await net.register("for-works-by-name-only", { requesters: ["works"] });
    await net.register("not-for-bureau", {
      prohibition: [
        {
          action: "use",
          constraint: [{ leftOperand: "sealane:requester", operator: "isAnyOf", rightOperand: ["bureau"] }],
        },
      ],
    });
    expect(await net.seenBy("bureau")).toEqual(["for-all", "for-government"]);
    expect(await net.seenBy("office")).toEqual(["for-all", "for-government", "for-office", "not-for-bureau"]);
    expect(await net.seenBy("works")).toEqual(["for-all"]);
    expect(await net.seenBy("stranger")).toEqual([]);
    const one = (participant: string, slug: string) => net.catalog().dataset(participant, id(slug));
    expect(read((await one("office", "for-office"))!)).toMatchObject({ "@id": id("for-office") });
    for (const [participant, slug] of [
      ["bureau", "for-office"],
      ["bureau", "not-for-bureau"],
      ["works", "for-government"],
      ["works", "for-works-by-name-only"],
      ["stranger", "for-all"],
      ["office", "of-nobody"],
    ] as const) {
      expect(await one(participant, slug)).toBeUndefined();
    }
  });

  test("is not what wants a label that the participant was not admitted with", async () => {
    const net = await testProvider();
    await net.register("for-all");
    await net.register("restricted", { clearances: ["internal", "secret"] });
    const seen = async () => [
      await net.seenBy("bureau"),
      (await net.catalog().dataset("bureau", id("restricted")))?.length,
    ];
    expect(await seen()).toEqual([["for-all"], undefined]);
    net.label("bureau", "public");
    expect(await seen()).toEqual([["for-all"], undefined]);
    net.label("bureau", "internal");
    expect(await seen()).toEqual([["for-all", "restricted"], expect.any(Number)]);
    expect(await net.seenBy("office")).toEqual(["for-all"]);
    await net.activate("restricted", { clearances: ["secret"] });
    expect(await net.seenBy("bureau")).toEqual(["for-all"]);
  });

  test("changes with the record of a new policy, before anything else is told", async () => {
    const net = await testProvider();
    await net.register("panel");
    expect(await net.seenBy("bureau")).toEqual(["panel"]);
    const change = await net.activate("panel", { requesterKinds: ["enterprise"] });
    expect([await net.seenBy("bureau"), await net.seenBy("works")]).toEqual([[], []]);
    expect(await net.catalog().dataset("bureau", id("panel"))).toBeUndefined();
    change.publish();
    change.tell();
    expect([await net.seenBy("bureau"), await net.seenBy("works")]).toEqual([[], ["panel"]]);
    await net.withdraw("panel");
    expect(await net.seenBy("works")).toEqual([]);
  });

  test("is no other member's page where a policy that names it arrives while it is looked up", async () => {
    const notBureau = {
      prohibition: [
        {
          action: "use" as const,
          constraint: [
            { leftOperand: "sealane:requester" as const, operator: "isAnyOf" as const, rightOperand: ["bureau"] },
          ],
        },
      ],
    };
    for (const [list, terms, ofBureau, ofOffice] of [
      ["for/government/bureau", { requesters: ["bureau"] }, ["named", "panel"], ["panel"]],
      ["not/bureau", notBureau, ["panel"], ["named", "panel"]],
    ] as const) {
      for (const isTakenIn of [false, true]) {
        const net = await testProvider();
        await net.register("panel");
        net.whenRead(list, async () => {
          await net.register("named", terms);
          if (isTakenIn) await net.offers().catchUp();
        });
        const first = await net.seenBy("bureau");
        // What is recorded after the call may be missing.
        if (isTakenIn) expect(first).toEqual(ofBureau);
        expect(await net.seenBy("office")).toEqual(ofOffice);
        expect(await net.seenBy("bureau")).toEqual(ofBureau);
      }
    }
  });

  test("ends with the membership, at once", async () => {
    const net = await testProvider();
    await net.register("panel");
    expect(await net.seenBy("bureau")).toEqual(["panel"]);
    net.suspend("bureau");
    expect(await net.seenBy("bureau")).toEqual([]);
    expect(await net.catalog().dataset("bureau", id("panel"))).toBeUndefined();
    expect(await net.seenBy("office")).toEqual(["panel"]);
  });

  test("begins and ends when the policy does", async () => {
    const net = await testProvider();
    await net.register("later", { validFrom: "2026-07-01T00:00:00Z", validUntil: "2026-07-31T00:00:00Z" });
    expect(await net.seenBy("bureau")).toEqual([]);
    net.clock.now = "2026-07-01T00:00:00.000Z";
    expect(await net.seenBy("bureau")).toEqual(["later"]);
    net.clock.now = "2026-07-31T00:00:00.000Z";
    expect(await net.seenBy("bureau")).toEqual(["later"]);
    net.clock.now = "2026-07-31T00:00:00.001Z";
    expect(await net.seenBy("bureau")).toEqual([]);
    expect(await net.catalog().dataset("bureau", id("later"))).toBeUndefined();
  });

  test("is found again after a crash at any point between record, entry and index", async () => {
    const net = await testProvider();
    await net.register("kept");
    await net.register("changed");
    expect(await net.seenBy("bureau")).toEqual(["changed", "kept"]);
    const change = await net.activate("changed", { purposes: ["another"] });
    expect(await net.seenBy("bureau")).toEqual(["kept"]);
    // The entry lies there, and nobody was told of it.
    change.publish();
    net.restart();
    expect(await net.seenBy("bureau")).toEqual(["changed", "kept"]);
    await net.withdraw("kept");
    net.restart();
    expect(await net.seenBy("bureau")).toEqual(["changed"]);
  });
});

test("a filter finds what has all it names", async () => {
  const net = await testProvider(SMALL);
  for (const [slug, keywords, level] of [
    ["a", ["Energy", "quarterly"], "L1"],
    ["b", ["energy"], "L2"],
    ["c", ["energy"], "L3"],
    ["d", ["steel"], "L1"],
  ] as const) {
    await net.register(
      slug,
      {},
      { keywords: [...keywords], grade: { legal: slug === "b" ? "important" : "general", level } },
    );
  }
  expect(await net.seenBy("bureau", [{ keyword: "ENERGY" }])).toEqual(["a", "b", "c"]);
  expect(await net.seenBy("bureau", [{ keyword: "energy", level: "L2" }])).toEqual(["a", "b"]);
  expect(await net.seenBy("bureau", [{ keyword: "energy" }, { keyword: "quarterly" }])).toEqual(["a"]);
  expect(await net.seenBy("bureau", [{ legal: "important", element: "capital" }])).toEqual(["b"]);
  expect(await net.seenBy("bureau", [{ element: "nothing-of-the-kind" }])).toEqual([]);
  expect(await net.seenBy("bureau", [{ format: "Sealane-SecureAggregation" }])).toEqual(["a", "b", "c", "d"]);
  expect(await net.seenBy("works", [{ keyword: "energy" }])).toEqual([]);
});

test("a page ends before it is too long, and always holds a dataset", async () => {
  const net = await testProvider({ datasets: 100, bytes: 10 });
  for (const slug of ["a", "b", "c"]) await net.register(slug);
  expect((await net.catalog().page("bureau", [], {})).datasets).toHaveLength(1);
  expect(await net.seenBy("bureau")).toEqual(["a", "b", "c"]);
});

test("whatever changes between pages, a dataset that stays is in exactly one of them, in both directions", async () => {
  const slugs = Array.from({ length: 12 }, (_, at) => `s${String(at).padStart(2, "0")}`);
  const change = fc.record({ slug: fc.constantFrom(...slugs, "s025", "s085", "t"), hide: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 3 }), { minLength: 5, maxLength: 5 }),
      fc.boolean(),
      async (rounds, isBackward) => {
        const net = await testProvider(SMALL);
        const gone = new Set<string>();
        const there = new Set(slugs);
        for (const slug of slugs) await net.register(slug);
        const touched = new Set(rounds.flat().map(({ slug }) => slug));
        const seen: string[] = [];
        let place: { after?: string; before?: string } | undefined = isBackward ? { before: id("~") } : {};
        for (let round = 0; place !== undefined; round += 1) {
          const page: Awaited<ReturnType<ReturnType<typeof net.catalog>["page"]>> = await net
            .catalog()
            .page("bureau", [], place);
          const ids = idsOf(page.datasets);
          expect(ids).toEqual(ids.toSorted());
          seen.push(...ids);
          for (const { slug, hide } of rounds[round] ?? []) {
            if (gone.has(slug)) continue;
            if (!there.has(slug)) {
              await net.register(slug);
              there.add(slug);
            } else if (hide) {
              const hidden = await net.activate(slug, { requesterKinds: ["enterprise"] });
              hidden.publish();
              hidden.tell();
            } else {
              await net.withdraw(slug);
              gone.add(slug);
            }
          }
          place = isBackward ? page.previous : page.next;
        }
        const stayed = slugs.filter((slug) => !touched.has(slug));
        expect(seen.filter((slug) => stayed.includes(slug)).toSorted()).toEqual(stayed);
        expect(new Set(seen).size).toBe(seen.length);
      },
    ),
    { numRuns: 25 },
  );
});

test("an entry that is being written is looked at again after a kill, though it was looked at meanwhile", async () => {
  const net = await testProvider();
  await net.register("one");
  const published = async () => {
    const entry = read((await net.catalog().dataset("bureau", id("one")))!)["sealane:entry"];
    return (entry as { readonly publishedAt: string }).publishedAt;
  };
  expect(await published()).toBe("2026-01-01T00:00:00Z");
  net.offers().changed(id("one"));
  await net.offers().changing(id("one"));
  await net.offers().catchUp();
  net.resign("one", "2026-05-01T00:00:00Z");
  net.restart();
  expect(await published()).toBe("2026-05-01T00:00:00Z");
});
