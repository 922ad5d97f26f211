/** GB18030 (Chinese Excel) to UTF-8, by stream: memory does not grow with the file or with its lines. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import iconv from "iconv-lite";
import { SourceError } from "./errors.ts";

const REPLACEMENT = "\uFFFD";

/** Writes `target` (0600, must not exist). Throws ERR_SOURCE_ENCODING naming the line of the first wrong byte. */
export async function transcodeGb18030(file: string, target: string): Promise<void> {
  const decoder = iconv.getDecoder("gb18030");
  const out = await open(target, "wx", 0o600);
  let line = 1;
  const write = async (text: string | undefined): Promise<void> => {
    if (text === undefined || text === "") return;
    const wrong = text.indexOf(REPLACEMENT);
    const checked = wrong < 0 ? text : text.slice(0, wrong);
    for (let at = checked.indexOf("\n"); at >= 0; at = checked.indexOf("\n", at + 1)) line++;
    if (wrong >= 0) {
      throw new SourceError("ERR_SOURCE_ENCODING", `${file}: line ${line}: not GB18030`, {
        fault: { at: `${file}:${line}`, code: "not-gb18030" },
      });
    }
    // Not `write`: that may stop short on a full disk without an error.
    await out.appendFile(text);
  };
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
      await write(decoder.write(chunk as Buffer));
    }
    await write(decoder.end());
  } finally {
    await out.close();
  }
}
