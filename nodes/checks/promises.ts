/**
 * Promises and their tests: the list under each heading `### P-…` of the threat model and the titles of the tests are
 * one list. A title may begin with promise ids ("P-history P-rollback: a store …"); in the folder of attacks every
 * title must. Other tests are named by file and title, and must be there.
 */
import { type Check, type Finding, lineOf } from "./finding.ts";
import { readText, repositoryFiles } from "./source-files.ts";

const DOCUMENT = "docs/threat-model.md";
const ATTACKS = /^nodes\/attacks\/|^crypto\/secagg\/attacks\.test\.ts$/;

const ID = "P-[a-z][a-z-]*[a-z]";
const HEADING = new RegExp(`^### (${ID})$`, "gm");
const TEST = /^- `([^`]+\.test\.ts)`: (.+)$/gm;
/** A test's first line, up to where the next one begins. */
const CASE = /^[ \t]*(?:test|it)(?:\.[a-zA-Z]+)*(?:<|\()/gm;
const LITERAL = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g;
const PREFIX = new RegExp(`^(${ID}(?: ${ID})*): (.+)$`);

export interface NamedTest {
  readonly promise: string;
  readonly file: string;
  readonly title: string;
}

const keyOf = ({ promise, file, title }: NamedTest): string => `${promise}\n${file}\n${title}`;

/** `document`: the threat model; `tests`: every test file by path. */
export function promiseFindings(document: string, tests: Readonly<Record<string, string>>): readonly Finding[] {
  const { promises, named } = promisesOf(document);
  const findings: Finding[] = [];
  const say = (where: string, what: string) => void findings.push({ where, what });
  const titles = new Map(Object.entries(tests).map(([file, text]) => [file, literalsOf(text)]));
  const tagged = Object.entries(tests).flatMap(([file, text]) => taggedTests(file, text));

  for (const [id, { line, count }] of promises) {
    if (count > 1) say(`${DOCUMENT}:${line}`, `${id} is promised twice`);
    if (!named.some(({ promise }) => promise === id)) say(`${DOCUMENT}:${line}`, `${id} names no test`);
  }
  const listed = new Set(named.map(keyOf));
  const carried = new Set(tagged.map(keyOf));
  for (const test of named) {
    const where = `${DOCUMENT}:${test.line}`;
    const isThere = ATTACKS.test(test.file)
      ? carried.has(keyOf(test))
      : carried.has(keyOf(test)) || titles.get(test.file)?.has(test.title) === true;
    if (!isThere) say(where, `${test.promise}: ${test.file} has no such test: ${test.title}`);
  }
  for (const test of tagged) {
    if (!promises.has(test.promise)) say(test.file, `${test.promise} is not promised: ${test.title}`);
    else if (!listed.has(keyOf(test))) say(test.file, `${test.promise} does not name this test: ${test.title}`);
  }
  for (const [file, text] of Object.entries(tests)) {
    if (ATTACKS.test(file)) for (const line of untaggedCases(text)) say(`${file}:${line}`, "names no promise");
  }
  return findings;
}

function promisesOf(document: string) {
  const promises = new Map<string, { readonly line: number; readonly count: number }>();
  const named: (NamedTest & { readonly line: number })[] = [];
  const headings = [...document.matchAll(HEADING)];
  for (const [at, heading] of headings.entries()) {
    const promise = heading[1]!;
    promises.set(promise, { line: lineOf(document, heading.index), count: (promises.get(promise)?.count ?? 0) + 1 });
    const section = document.slice(heading.index, headings[at + 1]?.index).split(/^## /m)[0]!;
    for (const test of section.matchAll(TEST)) {
      const line = lineOf(document, heading.index + test.index);
      named.push({ promise, file: test[1]!, title: test[2]!, line });
    }
  }
  return { promises, named };
}

const withoutComments = (text: string): string => text.replace(/^[ \t]*\/\/.*$/gm, "");

function literalsOf(text: string): ReadonlySet<string> {
  return new Set([...withoutComments(text).matchAll(LITERAL)].map((match) => match[1] ?? match[2] ?? match[3] ?? ""));
}

function taggedTests(file: string, text: string): readonly NamedTest[] {
  return [...literalsOf(text)].flatMap((literal) => {
    const match = PREFIX.exec(literal);
    return match === null ? [] : match[1]!.split(" ").map((promise) => ({ promise, file, title: match[2]! }));
  });
}

/** 1-based lines of tests whose own title has no promise. */
function untaggedCases(text: string): readonly number[] {
  const code = text.replace(/^[ \t]*\/\/.*$/gm, (comment) => " ".repeat(comment.length));
  const starts = [...code.matchAll(CASE)].map(({ index }) => index);
  return starts
    .filter((start, at) => {
      const body = code.slice(start, starts[at + 1]);
      return ![...body.matchAll(LITERAL)].some((match) => PREFIX.test(match[1] ?? match[2] ?? match[3] ?? ""));
    })
    .map((start) => lineOf(text, start));
}

export const promises: Check = async (root) => {
  const paths = (await repositoryFiles(root)).filter((path) => path.endsWith(".test.ts"));
  const tests = Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await readText(root, path)])));
  const document = await readText(root, DOCUMENT);
  const { promises: known, named } = promisesOf(document);
  return {
    findings: promiseFindings(document, tests),
    summary: `${known.size} promises, ${new Set(named.map(({ file, title }) => file + title)).size} tests`,
  };
};
