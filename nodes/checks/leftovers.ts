/** Words and paths that belong to one developer's machine or to a way of working, never to the product. */
import { type Check, type Finding, lineOf } from "./finding.ts";
import { readText, repositoryFiles } from "./source-files.ts";

// Bracketed letters keep these patterns from finding themselves.
const FORBIDDEN: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /(?<![\w./-])\/(?:[w]ork|[r]oot|[h]ome|[U]sers)\/\w/g, what: "path of one machine" },
  { pattern: /\b[r]egistry\.(?:npmjs|npmmirror|yarnpkg)\.[a-z]+/gi, what: "name of a package registry" },
  { pattern: /\b(?:[c]laude|[a]nthropic|[c]hatgpt|[o]penai|[s]ubagent|[c]opilot)\b/gi, what: "name of a writing tool" },
  { pattern: /\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b/g, what: "note to self: do it or file an issue" },
  { pattern: /^(?:<{7}|>{7}|={7})(?: |$)/gm, what: "merge conflict" },
  { pattern: /\.(?:only|skip)\(\s*["'`]/g, what: "test switched off, or others with it" },
];
const BINARY = /\.(?:parquet|png|jpg|gz|wasm|db)$/;
const LOCK = "package-lock.json";

export const leftoversIn = (path: string, text: string): readonly Finding[] =>
  FORBIDDEN.flatMap(({ pattern, what }) =>
    [...text.matchAll(pattern)].map((match) => ({
      where: `${path}:${lineOf(text, match.index)}`,
      what: `${what}: ${JSON.stringify(match[0])}`,
    })),
  );

export const leftovers: Check = async (root) => {
  const paths = (await repositoryFiles(root)).filter((path) => !BINARY.test(path) && path !== LOCK);
  const findings = await Promise.all(paths.map(async (path) => leftoversIn(path, await readText(root, path))));
  return { findings: findings.flat(), summary: `${paths.length} files` };
};
