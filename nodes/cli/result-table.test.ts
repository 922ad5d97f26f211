import { expect, test } from "vitest";
import { createTexts } from "../i18n/text.ts";
import { resultTable } from "./result-table.ts";
import { renderTable } from "./table.ts";

const unit = "MWh";

test("groups become rows, figures become columns, and it is said once why figures are withheld", () => {
  const cells = [
    { group: { sector: "17" }, measure: "total", value: "12.5", unit },
    { group: { sector: "17" }, measure: "mean", value: "6.25", unit },
    { group: { sector: "28" }, measure: "total", value: null, withheld: "disclosure-control", unit },
    { group: { sector: "28" }, measure: "mean", value: null, withheld: "disclosure-control", unit },
  ];
  expect(resultTable({ cells }, createTexts("en"))).toBe(
    [
      "sector  total MWh  mean MWh",
      "17           12.5      6.25",
      "28       withheld  withheld",
      "withheld: rules against telling what single organisations have withhold it [disclosure-control]",
    ].join("\n"),
  );
});

test("a figure with noise stands with its standard error, and long decimals are shortened; both are said, in both languages", () => {
  const cells = [
    { group: {}, measure: "total", value: "1234.5", standardError: "120.25", unit },
    { group: {}, measure: "share", value: "27.5886524822695" },
  ];
  const privacy = { cost: 6_641_515, components: [] };
  expect(resultTable({ cells, privacy }, createTexts("en"))).toBe(
    [
      "figure            value  unit",
      "total   1234.5 ± 120.25  MWh",
      "share           27.5887",
      "±: standard error of the noise that the policies want; what was cut off at their bounds is not in it",
      "This release cost each organisation's asset ε 0.5 at δ 0.000001 of its privacy budget; what is left: sealane asset privacy ASSET",
      "Decimals are rounded to four digits here; --json has all of them.",
    ].join("\n"),
  );
  expect(resultTable({ cells }, createTexts("zh-CN"))).toMatch(/1234\.5 ± 120\.25[\s\S]*标准误差[\s\S]*四位小数/);
});

test("it is said which figures are rounded and to what, in both languages", () => {
  const cells = [{ group: {}, measure: "total", value: "1200", unit }];
  const none = { dominance: [], pPercent: null, pq: [], protectionInterval: null, zeroCells: "released" as const };
  const outputRules = { ...none, rounding: [{ base: "5" }, { element: "energy", base: "100", unit }] };
  const note = (language: "en" | "zh-CN") =>
    resultTable({ cells, outputRules }, createTexts(language)).split("\n").at(-1);
  expect(note("en")).toBe("Rounded: counts to multiples of 5; energy to multiples of 100 MWh");
  expect(note("zh-CN")).toBe("已取整：计数取 5 的倍数；energy 取 100 MWh 的倍数");
  expect(resultTable({ cells, outputRules: none }, createTexts("en"))).not.toContain("Rounded");
});

test("without groups every figure is a row", () => {
  const cells = [
    { group: {}, measure: "model", part: "intercept", value: "-1.5" },
    { group: {}, measure: "model", part: "coefficient:capital", value: "0.3" },
  ];
  expect(resultTable({ cells }, createTexts("zh-CN"))).toMatch(/model coefficient:capital\s+0\.3/);
});

test("columns line up when Chinese text is twice as wide, and control characters of others do not reach the terminal", () => {
  const table = renderTable(
    [{ title: "名称" }, { title: "n" }],
    [
      ["钢铁", "1"],
      ["ab", "2"],
      ["\u001b[31mred", "3"],
    ],
  );
  const [head, chinese, latin, hostile] = table.split("\n");
  expect([head, chinese, latin]).toEqual(["名称      n", "钢铁      1", "ab        2"]);
  expect(hostile).toBe("\uFFFD[31mred  3");
});
