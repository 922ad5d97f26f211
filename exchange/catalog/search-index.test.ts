import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asset as plausible } from "../../policies/_fixture.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { type CatalogueSearch, createCatalogueIndex } from "./search-index.ts";

const asset = (id: string, change: Partial<Asset> = {}): Asset => ({
  ...plausible,
  id,
  provider: id.slice(0, id.indexOf(":")),
  title: { en: "Energy returns", "zh-CN": "用能申报" },
  keywords: ["district"],
  fields: [{ name: "tce", element: "energy", type: "text" }],
  grade: { legal: "general", level: "L2" },
  ...change,
});

describe("search", () => {
  const index = createCatalogueIndex();
  index.put(asset("gamma:returns", { grade: { legal: "important", level: "L3" } }));
  index.put(asset("alpha:returns", { keywords: ["old"] }));
  index.put(
    asset("beta:returns", { title: { en: "Orders" }, fields: [{ name: "n", element: "orders", type: "text" }] }),
  );
  index.put(asset("alpha:returns", { version: 2, keywords: ["revised"] }));

  test.each<readonly [CatalogueSearch, readonly string[]]>([
    [{}, ["alpha:returns", "beta:returns", "gamma:returns"]],
    [{ text: "ENERGY revised" }, ["alpha:returns"]],
    [{ text: "old" }, []],
    [{ text: "用能" }, ["alpha:returns", "gamma:returns"]],
    [{ text: "energy nothing" }, []],
    [{ element: "orders" }, ["beta:returns"]],
    [{ provider: "gamma" }, ["gamma:returns"]],
    [{ provider: "gam" }, []],
    [{ provider: "zeta" }, []],
    [{ level: "L2" }, ["alpha:returns", "beta:returns"]],
    [{ legal: "important" }, ["gamma:returns"]],
  ])("%j finds the newest versions that match", (search, expected) => {
    expect(index.search(search)).toEqual(expected);
  });

  test("stops at a thousand, the first by id", () => {
    const many = createCatalogueIndex();
    const ids = Array.from({ length: 1_200 }, (_, at) => `p:${String(at).padStart(5, "0")}`);
    for (const id of ids.toReversed()) many.put(asset(id));
    expect(many.search({})).toEqual(ids.slice(0, 1_000));
  });

  test("answers as looking through all assets would, in whatever order they came, changed and went", () => {
    const id = fc.stringMatching(/^[ab]-?[ab]?:[xy]{1,2}$/);
    const step = fc.record({
      id,
      gone: fc.boolean(),
      element: fc.constantFrom("e1", "e2"),
      word: fc.constantFrom("one", "two"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), id, (steps, of) => {
        const model = new Map<string, { element: string; word: string }>();
        const tried = createCatalogueIndex();
        for (const { id: name, gone, element, word } of steps) {
          if (gone) {
            model.delete(name);
            tried.delete(name);
          } else {
            model.set(name, { element, word });
            tried.put(asset(name, { keywords: [word], fields: [{ name: "n", element, type: "text" }] }));
          }
        }
        const idsOf = (fits: (name: string, value: { element: string; word: string }) => boolean) =>
          [...model].flatMap(([name, value]) => (fits(name, value) ? [name] : [])).sort();
        const provider = of.slice(0, of.indexOf(":"));
        expect(tried.size()).toBe(model.size);
        expect(tried.search({})).toEqual(idsOf(() => true));
        expect(tried.search({ text: "two" })).toEqual(idsOf((_, { word }) => word === "two"));
        expect(tried.search({ element: "e1" })).toEqual(idsOf((_, { element }) => element === "e1"));
        expect(tried.search({ provider })).toEqual(idsOf((name) => name.startsWith(`${provider}:`)));
      }),
    );
  });
});
