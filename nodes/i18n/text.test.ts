import { expect, test } from "vitest";
import { chooseLanguage, createTexts } from "./text.ts";

test("the language is --lang, then the locale of the environment, then English", () => {
  expect(chooseLanguage("zh-CN", { LANG: "en_GB.UTF-8" })).toBe("zh-CN");
  expect(chooseLanguage("en", { LANG: "zh_CN.UTF-8" })).toBe("en");
  expect(chooseLanguage(undefined, { LANG: "zh_CN.UTF-8" })).toBe("zh-CN");
  expect(chooseLanguage(undefined, { LANG: "C" })).toBe("en");
  expect(chooseLanguage(undefined, {})).toBe("en");
  expect(chooseLanguage("fr", { LANG: "zh_CN.UTF-8" })).toBe("zh-CN");
});

test("parameters fill their placeholders and a forgotten one stays visible", () => {
  const en = createTexts("en");
  expect(en.text("error.ERR_CLI_FILE_MISSING", { file: "a.json" })).toContain("a.json");
  expect(en.text("error.ERR_CLI_FILE_MISSING")).toContain("{file}");
});

test("an unknown error code has no text and an unknown reason shows its code", () => {
  const zh = createTexts("zh-CN");
  expect(zh.error("ERR_NOT_KNOWN")).toBeUndefined();
  expect(zh.error("toString")).toBeUndefined();
  expect(zh.reason("not-known")).toBe("not-known");
});

test("a reason is shown with its values, and as its code where they are not known", () => {
  const en = createTexts("en");
  const said = "alpha:panel was withdrawn [asset-withdrawn]";
  expect(en.codedReason("asset-withdrawn", { asset: "alpha:panel" })).toBe(said);
  expect(en.codedReason("asset-withdrawn")).toBe("asset-withdrawn");
  expect(en.reason("asset-withdrawn")).toBe("asset-withdrawn");
});

test("a title is shown in the reader's language, or in the one there is", () => {
  expect(createTexts("zh-CN").title({ en: "Steel", "zh-CN": "钢铁" })).toBe("钢铁");
  expect(createTexts("zh-CN").title({ en: "Steel" })).toBe("Steel");
});
