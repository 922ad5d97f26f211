/** The engine reads a cut-off JSON file as far as it goes; both ends together show that it is whole. */
import { open } from "node:fs/promises";
import { SourceError } from "./errors.ts";

const END_BYTES = 4096;

/** Throws ERR_SOURCE_FORMAT where the file is neither an array nor a sequence of objects from end to end. */
export async function checkJsonEnds(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, END_BYTES);
    const head = await handle.read(Buffer.alloc(length), 0, length, 0);
    const tail = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const first = head.buffer
      .toString("utf8")
      .replace(/^\uFEFF/, "")
      .trimStart()[0];
    const last = tail.buffer.toString("utf8").trimEnd().at(-1);
    if ((first === "[" && last === "]") || (first === "{" && last === "}")) return;
    throw new SourceError(
      "ERR_SOURCE_FORMAT",
      `${file}: expected an array of objects or one object per line, complete to the last byte`,
      { fault: { at: file, code: "not-whole-json" } },
    );
  } finally {
    await handle.close();
  }
}
