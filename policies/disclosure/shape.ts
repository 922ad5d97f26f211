/** Tables of one to three axes, each a hierarchy of codes: their cells and every sum that holds between them. */

export interface AxisCode {
  readonly code: string;
  /** The code it is a part of; absent: a total that nothing is above. */
  readonly within?: string;
}
export interface Axis {
  readonly name: string;
  readonly codes: readonly AxisCode[];
}

/** Cell numbers; `total` is the sum of `parts`. */
export interface Relation {
  readonly total: number;
  readonly parts: readonly number[];
}
export interface Shape {
  /** Codes of each cell, in the order of the axes. */
  readonly cells: readonly (readonly string[])[];
  readonly relations: readonly Relation[];
  /** Cells without parts: what everything else is the sum of. */
  readonly inner: readonly number[];
  /** Every cell that a cell counts in, itself first. */
  above(cell: number): readonly number[];
}

export const TOTAL = "total";

/** Codes beside each other with their total. */
export const flatAxis = (name: string, codes: readonly string[]): Axis => ({
  name,
  codes: [{ code: TOTAL }, ...codes.map((code) => ({ code, within: TOTAL }))],
});

/** Row-major, as the codes are given. Throws RangeError on 0 or more than 3 axes, a code twice, or one within nothing. */
export function shapeOf(axes: readonly Axis[]): Shape {
  if (axes.length < 1 || axes.length > 3) throw new RangeError(`axes: wanted 1 to 3, got ${axes.length}`);
  const trees = axes.map(treeOf);
  const size = trees.reduce((product, { length }) => product * length, 1);
  const strides = trees.map((_, axis) => trees.slice(axis + 1).reduce((product, { length }) => product * length, 1));
  const digit = (cell: number, axis: number) => Math.floor(cell / strides[axis]!) % trees[axis]!.length;
  const moved = (cell: number, axis: number, to: number) => cell + (to - digit(cell, axis)) * strides[axis]!;
  const all = Array.from({ length: size }, (_, cell) => cell);
  return Object.freeze({
    cells: all.map((cell) => trees.map((tree, axis) => tree[digit(cell, axis)]!.code)),
    relations: all.flatMap((cell) =>
      trees.flatMap((tree, axis) => {
        const { parts } = tree[digit(cell, axis)]!;
        return parts.length === 0 ? [] : [{ total: cell, parts: parts.map((part) => moved(cell, axis, part)) }];
      }),
    ),
    inner: all.filter((cell) => trees.every((tree, axis) => tree[digit(cell, axis)]!.parts.length === 0)),
    above: (cell: number) =>
      trees.reduce<readonly number[]>(
        (cells, tree, axis) => cells.flatMap((one) => tree[digit(cell, axis)]!.above.map((to) => moved(one, axis, to))),
        [cell],
      ),
  });
}

interface Place {
  readonly code: string;
  readonly parts: readonly number[];
  /** Itself, what it is within, and so on. */
  readonly above: readonly number[];
}

function treeOf({ name, codes }: Axis): readonly Place[] {
  const at = new Map(codes.map(({ code }, index) => [code, index]));
  if (at.size !== codes.length) throw new RangeError(`axis ${name}: a code occurs twice`);
  const parent = codes.map(({ code, within }) => {
    const index = within === undefined ? -1 : at.get(within);
    if (index === undefined) throw new RangeError(`axis ${name}: ${code} is within ${within}, which is no code`);
    return index;
  });
  const above = (index: number): readonly number[] => {
    const chain: number[] = [];
    for (let up = index; up >= 0; up = parent[up]!) {
      if (chain.includes(up)) throw new RangeError(`axis ${name}: ${codes[index]!.code} is within itself`);
      chain.push(up);
    }
    return chain;
  };
  return codes.map(({ code }, index) => ({
    code,
    parts: parent.flatMap((up, child) => (up === index ? [child] : [])),
    above: above(index),
  }));
}

/** Values of all cells from those of the inner ones, given in the order of `inner`. */
export function addUp(shape: Shape, values: readonly number[]): number[] {
  const sums = new Array<number>(shape.cells.length).fill(0);
  for (const [index, cell] of shape.inner.entries())
    for (const up of shape.above(cell)) sums[up]! += values[index] ?? 0;
  return sums;
}
