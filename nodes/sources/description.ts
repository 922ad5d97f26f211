/** Where a table lies and how to read it; stays inside the node. */
import { type Static, Type } from "typebox";
import { closed } from "../../policies/model/vocabulary.ts";

const Path = Type.String({ minLength: 1, maxLength: 4096 });

export const SourceDescription = Type.Union([
  closed({
    kind: Type.Literal("csv"),
    path: Path,
    /** Default utf-8; a byte-order mark is accepted. */
    encoding: Type.Optional(Type.Union([Type.Literal("utf-8"), Type.Literal("gb18030")])),
    /** Default ",". */
    delimiter: Type.Optional(Type.Union([Type.Literal(","), Type.Literal(";"), Type.Literal("\t")])),
  }),
  closed({ kind: Type.Literal("parquet"), path: Path }),
  /** An array of flat objects, or one object per line. */
  closed({ kind: Type.Literal("json"), path: Path }),
]);

export type SourceDescription = Static<typeof SourceDescription>;
