import { expect, test } from "vitest";
import { ambientUses } from "./ambient.ts";
import { leftoversIn } from "./leftovers.ts";
import { lockFindings } from "./lock-file.ts";
import { reasonCodes } from "./reason-codes.ts";
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

const PUT_TOGETHER = ["too-many-", "{what}"].join("$");
test.each<[what: string, source: string, codes: readonly string[]]>([
  ["a list", 'export const RULE_REASONS = [\n  /** Why. */\n  "too-few",\n  "odd",\n] as const;', ["too-few", "odd"]],
  [
    "an argument that the class calls a reason, of a choice both",
    `export class AError extends Error {\n  constructor(code: Kind, reason: string, detail = reason) {}\n}
     throw new AError("ERR_A", isBig ? "too-big" : state === "no-code" ? "too-odd" : "small", \`x \${"not-it"}\`);`,
    ["too-big", "too-odd", "small"],
  ],
  [
    "an argument that the function calls a code, after one whose type has commas",
    'const refused = (who: Pick<A, "b" | "c">, code: string, reasons: readonly string[]) => ({});\nreturn refused(self, "not-yours", []);',
    ["not-yours"],
  ],
  ["what is put together", `const no = (reason: string) => 1; no(\`${PUT_TOGETHER}\`);`, [PUT_TOGETHER]],
  ["a constant", 'const reason = isOver ? "gone-by" : given ?? "unknown-why";', ["gone-by", "unknown-why"]],
  ["a property", 'return { member, reason: "wrong-share" };', ["wrong-share"]],
  [
    "a problem",
    'found.push({ field: nameOf(a, i), code: "bad-field" }, { code: "bad-form", detail: f({ x }) });',
    ["bad-field", "bad-form"],
  ],
  ["no code of another kind", 'const purpose = { code: "industry-statistics", text: "of detail" }; call("a-b");', []],
  ["no code that is compared with", 'if (reason === "gone-by") return { kind: "no-way" };', []],
])("codes of reasons are found: %s", (_what, source, codes) => {
  expect([...reasonCodes([source])].sort()).toEqual([...codes].sort());
});

test("codes of reasons are found where the function that takes them stands in another file", () => {
  const sources = [
    "export const causeOf = (code: string, ...details: string[]) => code;",
    'end(causeOf("peer-gone"));',
  ];
  expect([...reasonCodes(sources)]).toEqual(["peer-gone"]);
});
