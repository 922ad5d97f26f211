/** What docs/formats.md shows is accepted as it stands, and it leaves no key out. */
import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { describe, expect, test } from "vitest";
import { checkDescription } from "../../exchange/catalog/check-description.ts";
import { AssetDescription } from "../../exchange/catalog/description.ts";
import { UNITS } from "../../exchange/statistics/units.ts";
import { Field } from "../../policies/model/asset.ts";
import { Query, Statistic } from "../../policies/model/query.ts";
import { DataRequest } from "../../policies/model/request.ts";
import { SourceDescription } from "../sources/description.ts";

const pageOf = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const examplesIn = (page: string): readonly unknown[] =>
  [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? ""));

const page = pageOf("formats.md");
const [table, request, statistics] = examplesIn(page) as [
  { readonly source: unknown; readonly asset: { readonly fields: readonly object[] } },
  object,
  readonly { readonly kind: string }[],
];
const keysOf = (schema: object) => Object.keys((schema as { readonly properties: object }).properties);

test("the table is a source and a description that nothing is wrong with", () => {
  expect(Compile(SourceDescription).Check(table.source)).toBe(true);
  expect(checkDescription(table.asset, "jingwei", undefined).problems).toEqual([]);
});

test("the request and the statistics have the form of a request", () => {
  const filed = { ...request, id: "00000000-0000-4000-8000-000000000000", requester: "ministry" };
  expect(Compile(DataRequest).Check({ ...filed, createdAt: "2026-01-01T00:00:00Z" })).toBe(true);
  expect(statistics.filter((one) => !Compile(Statistic).Check(one))).toEqual([]);
  const kinds = (
    Statistic.anyOf as readonly { readonly properties: { readonly kind: { readonly const: string } } }[]
  ).map(({ properties }) => properties.kind.const);
  expect(statistics.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
});

describe.each(["formats.md", "formats.zh-CN.md"])("%s", (name) => {
  const text = pageOf(name);
  test("names every key of tables, fields and requests, and every unit that converts", () => {
    const given = ["id", "requester", "createdAt"];
    const keys = [AssetDescription, Field, Query, DataRequest].flatMap(keysOf).filter((key) => !given.includes(key));
    const named = new Set([...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = ""]) => code.split(/[.\s]/)));
    const whole = new Set([...named, "query"]);
    expect([...keys, ...Object.keys(UNITS)].filter((key) => !whole.has(key))).toEqual([]);
  });
  test("shows the same examples in both languages", () => {
    expect(examplesIn(text)).toEqual(examplesIn(page));
  });
});
