import { expect, test } from "vitest";
import { ambientUses } from "./ambient.ts";
import { leftoversIn } from "./leftovers.ts";
import { lockFindings } from "./lock-file.ts";
import { translationFindings } from "./translations.ts";

test("clock, randomness and environment are found with their line, and not in comments", () => {
  const source = [
    "const a = 1;",
    "// Date.now() is an argument",
    "const b = Date.now();",
    "const c = new Date();",
  ].join("\n");
  expect(ambientUses("exchange/a.ts", source).map(({ where }) => where)).toEqual([
    "exchange/a.ts:3",
    "exchange/a.ts:4",
  ]);
  expect(ambientUses("exchange/a.ts", "new Date(0); process.version")).toEqual([]);
});

test("a lock file names no download address and pins every package by digest", () => {
  const host = "https://packages.invalid";
  const packages = {
    "": { version: "1" },
    "node_modules/good": { integrity: "sha512-x" },
    "node_modules/far": { integrity: "sha512-x", resolved: `${host}/far.tgz` },
    "node_modules/loose": {},
    "node_modules/other-platform": { optional: true, os: ["darwin"], cpu: ["arm64"] },
  };
  const findings = lockFindings(JSON.stringify({ packages })).map(({ what }) => what);
  expect(findings).toHaveLength(2);
  expect(findings[0]).toContain("node_modules/far");
  expect(findings[1]).toContain("node_modules/loose");
});

test.each([
  ["path of one machine", ["", "home", "someone"].join("/")],
  ["note to self: do it or file an issue", `// ${"TO"}${"DO"} later`],
  ["merge conflict", `${"<".repeat(7)} HEAD`],
  ["test switched off, or others with it", `test${".only"}("x", () => {})`],
])("%s is found with its line", (what, text) => {
  const [finding] = leftoversIn("a.ts", `ok\n${text}\n`);
  expect(finding?.where).toBe("a.ts:2");
  expect(finding?.what).toContain(what);
});

test("missing, empty, unknown and differently filled translations are found, and unused keys and codes without text", () => {
  const findings = translationFindings({
    languages: {
      "en.json": {
        "page.title": "Title {name}",
        "page.only-en": "x",
        "page.blank": "x",
        "page.unused": "x",
        "state.open": "open",
        "error.ERR_A_KNOWN": "x",
        "error.ERR_A_GONE": "x",
      },
      "zh.json": {
        "page.title": "标题",
        "page.blank": " ",
        "page.unused": "x",
        "page.extra": "x",
        "state.open": "x",
        "error.ERR_A_KNOWN": "x",
        "error.ERR_A_GONE": "x",
      },
    },
    sources: [
      `text("page.title"); text("page.only-en"); text("page.blank"); text(\`state.\${name}\`);`,
      'throw new A("ERR_A_KNOWN"); throw new A("ERR_A_SILENT");',
      'export const RULE_REASONS = [\n  "too-few",\n] as const;',
      'problems.push({ field: "fields.1", code: "bad-field", parameters }); return { field, code: "odd" };',
      'const purpose = { code: "industry-statistics" };',
    ],
  });
  expect(findings.map(({ where, what }) => `${where} ${what}`).sort()).toEqual([
    "en.json no text for error code ERR_A_SILENT",
    "en.json no text for reason code bad-field",
    "en.json no text for reason code odd",
    "en.json no text for reason code too-few",
    "en.json nothing uses the key error.ERR_A_GONE",
    "en.json nothing uses the key page.unused",
    "zh.json page.blank is empty",
    "zh.json page.extra is not in en.json",
    "zh.json page.only-en is missing",
    "zh.json page.title: placeholders {}, wanted {name}",
  ]);
});
